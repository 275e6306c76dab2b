//! The request field `Cookie` (RFC 6265 sections 4.2 and 5.4), read as leniently as servers have to.
//!
//! Nothing is an error: browsers send back whatever a server or a script has set. A value in quotes is read as Python's
//! `http.cookies`, and so Django and Starlette, write it, because their cookies come back to whoever runs beside them.

use std::borrow::Cow;

/// A cookie of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cookie<'a> {
    /// Before the first `=`; empty if there is none, as in a cookie without a name.
    pub name: &'a [u8],
    /// After the first `=`, without the quotes around it.
    pub value: Cow<'a, [u8]>,
}

/// Returns the cookies of one field value, in its order: a browser sends the one with the longest path first. White space
/// around names and values is not part of them, and cookies without name and value are left out.
///
/// ```
/// let mut cookies = content::cookies::cookies(b"theme=dark; last=\"a\\054b\"");
/// assert_eq!(cookies.next().map(|cookie| cookie.name), Some(&b"theme"[..]));
/// assert_eq!(cookies.next().map(|cookie| cookie.value.into_owned()), Some(b"a,b".to_vec()));
/// assert_eq!(cookies.next(), None);
/// ```
pub fn cookies(field: &[u8]) -> impl Iterator<Item = Cookie<'_>> + Clone {
    field.split(|byte| *byte == b';').filter_map(|pair| {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (trimmed(&pair[..equals]), trimmed(&pair[equals + 1..])),
            None => (&pair[..0], trimmed(pair)),
        };
        (!name.is_empty() || !value.is_empty()).then(|| Cookie { name, value: unquoted(value) })
    })
}

/// Returns the bytes without the white space around them that a field value may have (RFC 9110 section 5.6.3).
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Returns what is in quotes: `\` and three octal digits are a byte, `\` and another byte are that byte.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inside @ .., b'"'] = value else { return Cow::Borrowed(value) };
    if !inside.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let [byte, after @ ..] = rest {
        let decoded;
        (decoded, rest) = match (byte, after) {
            (b'\\', [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..]) => {
                ((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'), after)
            }
            (b'\\', [escaped, after @ ..]) => (*escaped, after),
            _ => (*byte, after),
        };
        out.push(decoded);
    }
    Cow::Owned(out)
}
