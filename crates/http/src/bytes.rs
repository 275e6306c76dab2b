//! The character classes of RFC 9110 and RFC 9112, as one table.

/// Allowed in a token: a method, a field name (RFC 9110 section 5.6.2).
pub(crate) const TOKEN: u8 = 1;
/// Allowed in a field value: no control character but the tab (RFC 9110 section 5.5).
pub(crate) const VALUE: u8 = 1 << 1;
/// Allowed in a host and port (RFC 3986 section 3.2.2): reg-name, and what an address in brackets needs.
pub(crate) const HOST: u8 = 1 << 2;
/// Allowed in a host without a meaning of its own: no colon, no bracket.
pub(crate) const NAME: u8 = 1 << 4;
/// Allowed in a request target before the query.
pub(crate) const PATH: u8 = 1 << 5;
/// Allowed in a request target: printable ASCII. RFC 3986 allows less, but browsers send the rest; a `#` would begin a
/// fragment, which no request target has (RFC 9112 section 3.2).
pub(crate) const TARGET: u8 = 1 << 3;
/// Allowed in a host name of a URL: letters, digits, hyphens, dots (RFC 1123 section 2.1).
pub(crate) const HOST_NAME: u8 = 1 << 6;
/// Allowed in the user information of a URL, the colon included (RFC 3986 section 3.2.1).
pub(crate) const USER_INFO: u8 = 1 << 7;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut byte = 0_u8;
    while index < 256 {
        table[index] = classes_of(byte);
        byte = byte.wrapping_add(1);
        index += 1;
    }
    table
}

const fn classes_of(byte: u8) -> u8 {
    let mut classes = 0;
    if byte.is_ascii_alphanumeric() {
        classes |= TOKEN | HOST;
    }
    if matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.') {
        classes |= TOKEN;
    }
    if matches!(byte, b'^' | b'_' | b'`' | b'|' | b'~') {
        classes |= TOKEN;
    }
    if matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'[' | b']') {
        classes |= HOST;
    }
    if matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=') {
        classes |= HOST;
    }
    if classes & HOST != 0 && !matches!(byte, b':' | b'[' | b']') {
        classes |= NAME;
    }
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') {
        classes |= HOST_NAME;
    }
    if classes & NAME != 0 || byte == b':' {
        classes |= USER_INFO;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        classes |= VALUE;
    }
    if byte.is_ascii_graphic() && byte != b'#' {
        classes |= if byte == b'?' { TARGET } else { TARGET | PATH };
    }
    classes
}

#[inline]
pub(crate) fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

#[inline]
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|byte| is(*byte, class))
}

/// Returns how many bytes at the start are of this class.
#[inline]
pub(crate) fn run(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|byte| !is(*byte, class)).unwrap_or(bytes.len())
}

/// A byte in each place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns whether the bytes are allowed in a field value, eight at a time: no byte is below a space or DEL, unless it is
/// a tab, which is rare.
#[inline]
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    // The last word overlaps the one before.
    let Some(last) = bytes.last_chunk::<8>() else { return all(bytes, VALUE) };
    let doubtful = words.iter().chain([last]).fold(0, |doubtful, word| {
        let word = u64::from_ne_bytes(*word);
        let without_del = word ^ everywhere(0x7f);
        let is_control = word.wrapping_sub(everywhere(b' ')) & !word;
        let is_del = without_del.wrapping_sub(everywhere(1)) & !without_del;
        doubtful | is_control | is_del
    });
    doubtful & everywhere(0x80) == 0 || all(bytes, VALUE)
}

/// Returns whether the bytes are a token: at least one byte, and all allowed in a token.
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// Returns the bytes without the spaces and tabs around them (RFC 9110 section 5.6.3).
pub(crate) fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Splits a comma-separated list, the form of most fields that are read here (RFC 9110 section 5.6.1). Empty members
/// stay.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trimmed)
}

/// Parses a number of decimal digits and nothing else. `Err(true)` means digits, but too many for 64 bits.
pub(crate) fn decimal(bytes: &[u8]) -> Result<u64, bool> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return Err(false);
    }
    let add = |number: u64, byte: &u8| number.checked_mul(10)?.checked_add(u64::from(byte - b'0'));
    bytes.iter().try_fold(0, add).ok_or(true)
}

#[cfg(test)]
mod tests {
    use super::{VALUE, all, is_value};

    #[test]
    fn a_value_is_checked_like_its_bytes() {
        for length in 0..40 {
            let mut value = vec![b'v'; length];
            assert!(is_value(&value), "{length}");
            for place in 0..length {
                for byte in 0..=255 {
                    value[place] = byte;
                    assert_eq!(is_value(&value), all(&value, VALUE), "{byte} at {place} of {length}");
                }
                value[place] = 0xe9;
            }
        }
    }
}
