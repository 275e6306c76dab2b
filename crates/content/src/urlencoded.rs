//! The format `application/x-www-form-urlencoded` of query strings and small forms (WHATWG URL, section 5).
//!
//! Any bytes are valid: a `%` without two hexadecimal digits stands for itself. Text is not decoded here, because a query
//! replaces what is not UTF-8, as browsers do, and a form is refused.

use std::borrow::Cow;

/// A name and its value, decoded. A part without escapes is borrowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair<'a> {
    /// Before the first `=`; everything if there is none.
    pub name: Cow<'a, [u8]>,
    /// After the first `=`; empty if there is none.
    pub value: Cow<'a, [u8]>,
    /// The first byte of the pair in the input.
    pub at: usize,
}

/// Returns the pairs in the order of the input. Empty ones, as in `a=1&&b=2`, are left out.
///
/// ```
/// let mut pairs = content::urlencoded::pairs(b"q=a+b%21&flag");
/// assert_eq!(pairs.next().map(|pair| pair.value.into_owned()), Some(b"a b!".to_vec()));
/// assert_eq!(pairs.next().map(|pair| (pair.name.into_owned(), pair.at)), Some((b"flag".to_vec(), 9)));
/// assert_eq!(pairs.next(), None);
/// ```
#[must_use]
pub const fn pairs(input: &[u8]) -> Pairs<'_> {
    Pairs { input, at: 0 }
}

/// An iterator over the pairs of an input: see [`pairs`].
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let input = self.input;
        while input.get(self.at) == Some(&b'&') {
            self.at += 1;
        }
        let at = self.at;
        let rest = input.get(at..).filter(|rest| !rest.is_empty())?;
        let name = Part::find(rest, |byte| byte == b'=' || byte == b'&');
        let mut end = name.length;
        let mut value = Cow::Borrowed(&rest[..0]);
        if rest.get(end) == Some(&b'=') {
            let rest = &rest[end + 1..];
            let part = Part::find(rest, |byte| byte == b'&');
            end += 1 + part.length;
            value = part.decode(rest);
        }
        self.at = at + end;
        Some(Pair { name: name.decode(rest), value, at })
    }
}

/// The length of a name or value, and whether something in it is escaped: one look at each byte.
struct Part {
    length: usize,
    is_escaped: bool,
}

impl Part {
    #[inline]
    fn find(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> Self {
        let mut is_escaped = false;
        let end = bytes.iter().position(|&byte| {
            is_escaped |= byte == b'%' || byte == b'+';
            is_end(byte)
        });
        Self { length: end.unwrap_or(bytes.len()), is_escaped }
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let part = &bytes[..self.length];
        if self.is_escaped { Cow::Owned(unescape(part, b' ')) } else { Cow::Borrowed(part) }
    }
}

/// Decodes one name or value: `+` is a space, `%` and two hexadecimal digits are a byte.
///
/// ```
/// assert_eq!(&*content::urlencoded::decode(b"100%+%C3%A9"), "100% é".as_bytes());
/// ```
#[must_use]
pub fn decode(part: &[u8]) -> Cow<'_, [u8]> {
    Part::find(part, |_| false).decode(part)
}

/// Decodes `%` and two hexadecimal digits (RFC 3986 section 2.1); `+` stands for itself, as in a path or in a parameter
/// of a field (RFC 8187).
///
/// ```
/// assert_eq!(&*content::urlencoded::percent_decode(b"a+b%2Fc%"), b"a+b/c%");
/// ```
#[must_use]
pub fn percent_decode(part: &[u8]) -> Cow<'_, [u8]> {
    if part.contains(&b'%') { Cow::Owned(unescape(part, b'+')) } else { Cow::Borrowed(part) }
}

fn unescape(part: &[u8], plus: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part;
    while let [byte, after @ ..] = rest {
        rest = after;
        out.push(match (byte, after) {
            (b'+', _) => plus,
            (b'%', [high, low, after @ ..]) => match (hexadecimal(*high), hexadecimal(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *byte,
        });
    }
    out
}

/// Returns the value of a hexadecimal digit.
pub(crate) const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Appends a name or value, escaped as browsers escape it: letters, digits and `*-._` stand for themselves.
///
/// ```
/// let mut out = b"q=".to_vec();
/// content::urlencoded::encode(b"a b/~", &mut out);
/// assert_eq!(out, b"q=a+b%2F%7E");
/// ```
pub fn encode(part: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in part {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'.' | b'_' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
}
