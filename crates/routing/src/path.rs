//! The text of a path that patterns are compared with: decoded, with the slashes of its parameters told apart.
//!
//! A path is split at its raw slashes before it is decoded (RFC 3986 section 2.2), so `%2F` is a character of a segment.
//! In the text that character is a NUL, which no path may contain otherwise, and `value` turns it back.

use std::borrow::Cow;
use std::fmt;

use crate::captures::Range;

/// Stands for an encoded slash.
const SLASH: char = '\0';

/// A path, ready for a look-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'raw> {
    text: Cow<'raw, str>,
    has_slash: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPath {
    /// It has a NUL, encoded or not.
    Nul,
    /// It is no UTF-8 when decoded.
    Utf8,
    /// It has more bytes than positions have values: 4 GiB.
    TooLong,
}

impl<'raw> Path<'raw> {
    /// Decodes a raw path. A path without a percent sign is borrowed. An empty one is `/` (RFC 9110 section 4.2.3), and
    /// a percent sign that begins no encoding stays as it is.
    ///
    /// # Errors
    ///
    /// The path has a NUL, is no UTF-8 or is too long.
    #[inline]
    pub fn new(raw: &'raw [u8]) -> Result<Self, BadPath> {
        if u32::try_from(raw.len()).is_err() {
            return Err(BadPath::TooLong);
        }
        let (mut has_nul, mut has_percent) = (false, false);
        for byte in raw {
            has_nul |= *byte == 0;
            has_percent |= *byte == b'%';
        }
        if has_nul {
            return Err(BadPath::Nul);
        }
        if has_percent {
            return decoded(raw);
        }
        let text = std::str::from_utf8(raw).map_err(|_| BadPath::Utf8)?;
        Ok(Self { text: Cow::Borrowed(if text.is_empty() { "/" } else { text }), has_slash: false })
    }

    /// The text to look up, in which the positions of parameters are.
    #[inline]
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is the raw path itself, so that positions are positions in it.
    #[inline]
    #[must_use]
    pub fn is_raw(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// The value of a parameter, with its slashes. An empty text for a range of another path.
    #[inline]
    #[must_use]
    pub fn value(&self, range: Range) -> Cow<'_, str> {
        let value = self.text.get(range.indices()).unwrap_or_default();
        if self.has_slash { Cow::Owned(value.replace(SLASH, "/")) } else { Cow::Borrowed(value) }
    }

    /// The path before a position, decoded; the whole path for a position behind it.
    #[must_use]
    pub fn before(&self, position: usize) -> String {
        self.text.get(..position).unwrap_or(&self.text).replace(SLASH, "/")
    }

    /// The whole path, decoded.
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, str> {
        if self.has_slash { Cow::Owned(self.text.replace(SLASH, "/")) } else { Cow::Borrowed(&self.text) }
    }

    /// The same path with a text of its own, for a caller that keeps it longer than the raw one.
    #[must_use]
    pub fn into_owned(self) -> Path<'static> {
        Path { text: Cow::Owned(self.text.into_owned()), has_slash: self.has_slash }
    }
}

#[cold]
fn decoded(raw: &[u8]) -> Result<Path<'static>, BadPath> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut has_slash = false;
    let mut rest = raw;
    while let [byte, after @ ..] = rest {
        let (value, behind) = match encoded(rest) {
            None => (*byte, after),
            Some((0, _)) => return Err(BadPath::Nul),
            Some((b'/', behind)) => {
                has_slash = true;
                (0, behind)
            }
            Some(other) => other,
        };
        bytes.push(value);
        rest = behind;
    }
    let text = String::from_utf8(bytes).map_err(|_| BadPath::Utf8)?;
    Ok(Path { text: Cow::Owned(text), has_slash })
}

/// The byte of an encoding at the start of this text, and what follows it.
fn encoded(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let [b'%', high, low, behind @ ..] = text else { return None };
    Some((digit(*high)? << 4 | digit(*low)?, behind))
}

impl fmt::Display for BadPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nul => "the path has a NUL",
            Self::Utf8 => "the path is no UTF-8",
            Self::TooLong => "the path has more than 4 GiB",
        })
    }
}

impl std::error::Error for BadPath {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> Result<String, BadPath> {
        Path::new(raw.as_bytes()).map(|path| path.text().to_owned())
    }

    #[test]
    fn an_encoding_is_its_character() {
        assert_eq!(text("/caf%C3%a9/%75sers"), Ok("/caf\u{e9}/users".to_owned()));
        assert_eq!(text("/100%/%2/%zz/%"), Ok("/100%/%2/%zz/%".to_owned()));
        assert_eq!(text("/a%252Fb"), Ok("/a%2Fb".to_owned()), "decoded once");
        assert_eq!(text(""), Ok("/".to_owned()));
    }

    #[test]
    fn an_encoded_slash_does_not_split() {
        let path = Path::new(b"/a%2Fb/c").unwrap();
        assert_eq!(path.text(), "/a\0b/c");
        assert_eq!(path.value(Range { start: 1, end: 4 }), "a/b");
        assert_eq!(path.decoded(), "/a/b/c");
        assert!(!path.is_raw() && Path::new(b"/a").unwrap().is_raw());
    }

    #[test]
    fn nul_and_other_encodings_are_refused() {
        assert_eq!(text("/a%00"), Err(BadPath::Nul));
        assert_eq!(text("/a\0"), Err(BadPath::Nul));
        assert_eq!(text("/%00%ff"), Err(BadPath::Nul));
        for raw in ["/%ff", "/%C3", "/%ed%a0%80", "/%c0%af"] {
            assert_eq!(text(raw), Err(BadPath::Utf8), "{raw}");
        }
        assert_eq!(Path::new(b"/\xff"), Err(BadPath::Utf8));
    }

    #[test]
    fn a_range_of_another_path_is_empty() {
        let path = Path::new("/caf\u{e9}".as_bytes()).unwrap();
        assert_eq!(path.value(Range { start: 5, end: 9 }), "");
        assert_eq!(path.value(Range { start: 4, end: 5 }), "");
        assert_eq!(path.value(Range { start: 3, end: 2 }), "");
    }
}
