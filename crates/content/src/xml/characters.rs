//! Which characters a document and its names consist of (XML 1.0 sections 2.2 and 2.3).

/// Returns the place of the first character that no document contains.
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_suspect = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') || *byte == 0xef;
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(is_suspect) {
        let place = from + place;
        // U+FFFE and U+FFFF; the rest of what begins like them is legal.
        if bytes[place] != 0xef || matches!(bytes[place + 1..], [0xbf, 0xbe | 0xbf, ..]) {
            return Some(place);
        }
        from = place + 3;
    }
    None
}

/// Returns whether a document may contain a character.
pub(super) const fn is_legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

/// Returns whether text consists of white space only.
pub(super) fn is_space(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Returns whether text is a name without a colon (Namespaces in XML section 3, `NCName`).
pub(super) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

const fn starts_name(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

const fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_for_characters_are_one() {
        for character in '\0'..=char::MAX {
            let found = first_illegal(character.encode_utf8(&mut [0; 4])).is_none();
            assert_eq!(found, is_legal(character), "{character:?}");
        }
        assert_eq!(first_illegal("ab\u{fffd}c\u{ffff}"), Some(6));
    }

    #[test]
    fn names() {
        for name in ["a", "_", "é", "a-b.c1", "日本"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1", "-a", ".a", "a b", "a:b", "a\u{d7}", "·", "a/", "a=", "\u{300}"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
