//! What the value of a parameter must look like to match.
//!
//! It checks text only; the caller makes a number of it.

/// The digits of a number: Python refuses to convert more than 4,300, and no key of a database has more than these.
const DIGITS_AT_MOST: usize = 64;

/// The kind of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Converter {
    /// Any text that is not empty: `{name}` or `{name:str}`.
    Str,
    /// Decimal digits, perhaps behind a minus: `{id:int}`. At most 64 digits.
    Int,
    /// The same with an optional fraction, `1.5`: `{x:float}`.
    Float,
    /// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12: `{key:uuid}` (RFC 9562 section 4).
    Uuid,
    /// The rest of the path with its slashes, which may be empty: `{rest:path}`.
    Path,
    /// A converter of the program, by its number in the names that the table was made with.
    Custom(usize),
}

impl Converter {
    /// The converter of this name, or None. `custom` has the names of the program's own, which come first.
    pub(crate) fn named(name: &str, custom: &[String]) -> Option<Self> {
        if let Some(index) = custom.iter().position(|known| known == name) {
            return Some(Self::Custom(index));
        }
        match name {
            "str" => Some(Self::Str),
            "int" => Some(Self::Int),
            "float" => Some(Self::Float),
            "uuid" => Some(Self::Uuid),
            "path" => Some(Self::Path),
            _ => None,
        }
    }

    /// Whether a value may have this text. One of the program's own accepts any; the program is asked later.
    #[inline]
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Str | Self::Path | Self::Custom(_) => true,
            Self::Int => is_int(value.as_bytes()),
            Self::Float => is_float(value.as_bytes()),
            Self::Uuid => is_uuid(value.as_bytes()),
        }
    }
}

fn is_int(value: &[u8]) -> bool {
    is_digits(value.strip_prefix(b"-").unwrap_or(value))
}

fn is_digits(value: &[u8]) -> bool {
    (1..=DIGITS_AT_MOST).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

fn is_float(value: &[u8]) -> bool {
    let Some(point) = value.iter().position(|byte| *byte == b'.') else { return is_int(value) };
    is_int(&value[..point]) && is_digits(&value[point + 1..])
}

fn is_uuid(value: &[u8]) -> bool {
    let is_right = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    value.len() == 36 && value.iter().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::Converter::{Float, Int, Uuid};

    #[test]
    fn numbers_have_ascii_digits_and_a_limit() {
        for value in ["0", "17", "-3", "007", &"9".repeat(64)] {
            assert!(Int.accepts(value), "{value}");
        }
        for value in ["", "-", "+1", "1.0", " 1", "1_0", "\u{661}", "--1", &"9".repeat(65)] {
            assert!(!Int.accepts(value), "{value}");
        }
        for value in ["0", "-1.5", "3.25"] {
            assert!(Float.accepts(value), "{value}");
        }
        for value in ["", ".5", "5.", "1e3", "nan", "inf", "1.2.3", "1.-2"] {
            assert!(!Float.accepts(value), "{value}");
        }
    }

    #[test]
    fn a_uuid_has_its_groups() {
        assert!(Uuid.accepts("550e8400-e29b-41d4-A716-446655440000"));
        for value in ["", "550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716-44665544000g"] {
            assert!(!Uuid.accepts(value), "{value}");
        }
    }
}
