//! A URL taken apart: scheme, user information, host, port, path, query and fragment, as ranges of it.
//!
//! It takes what a request target or a reference may be: a path, or a scheme with `://` and an authority (RFC 3986
//! section 3). Parts that are empty are absent, as in http_parser, whose results programs know. No request is known here.

use std::ops::Range;

use crate::bytes::{self, HOST_NAME, PATH, TARGET, USER_INFO};

/// The parts of a URL: ranges of its bytes. An absent part is `None`.
///
/// ```
/// let text = b"http://me@a.example:81/b?c#d";
/// let url = http::Url::parse(text).unwrap();
/// let of = |range: Option<std::ops::Range<usize>>| range.map(|range| &text[range]);
/// assert_eq!((of(url.host), url.port, of(url.path)), (Some(&b"a.example"[..]), Some(81), Some(&b"/b"[..])));
/// assert_eq!((of(url.user_info), of(url.query)), (Some(&b"me"[..]), Some(&b"c"[..])));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Url {
    /// Letters only: registered schemes that an HTTP message can name have no others.
    pub scheme: Option<Range<usize>>,
    /// What precedes the `@`.
    pub user_info: Option<Range<usize>>,
    /// A name or an address; that of IPv6 without its brackets, with its zone.
    pub host: Option<Range<usize>>,
    /// The port.
    pub port: Option<u16>,
    /// The path, with its slash.
    pub path: Option<Range<usize>>,
    /// What follows the first question mark.
    pub query: Option<Range<usize>>,
    /// What follows the first number sign, and further ones behind it.
    pub fragment: Option<Range<usize>>,
}

impl Url {
    /// Takes a URL apart. The result is `None` if it is malformed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut url = Self::default();
        let start = match text {
            [b'/' | b'*', ..] => 0,
            _ => url.take_authority(text)?,
        };
        url.take_rest(text, start)?;
        Some(url)
    }

    /// Takes over what precedes the path, and returns where that begins.
    fn take_authority(&mut self, text: &[u8]) -> Option<usize> {
        let scheme = text.iter().position(|byte| !byte.is_ascii_alphabetic())?;
        let start = scheme + b"://".len();
        if scheme == 0 || text.get(scheme..start)? != b"://" {
            return None;
        }
        self.scheme = Some(0..scheme);
        let length = text[start..].iter().position(|byte| matches!(byte, b'/' | b'?'));
        let end = length.map_or(text.len(), |length| start + length);
        let at = text[start..end].iter().position(|byte| *byte == b'@').map(|at| start + at);
        if let Some(at) = at {
            self.user_info = present(start..at);
        }
        if !bytes::all(&text[start..at.unwrap_or(start)], USER_INFO) {
            return None;
        }
        self.take_host(text, at.map_or(start, |at| at + 1), end)?;
        Some(end)
    }

    fn take_host(&mut self, text: &[u8], start: usize, end: usize) -> Option<()> {
        let authority = &text[start..end];
        let behind = if authority.first() == Some(&b'[') {
            let close = start + authority.iter().position(|byte| *byte == b']')?;
            if !is_ipv6(&text[start + 1..close]) {
                return None;
            }
            self.host = Some(start + 1..close);
            close + 1
        } else {
            let length = bytes::run(authority, HOST_NAME);
            self.host = Some(present(start..start + length)?);
            start + length
        };
        match &text[behind..end] {
            [] => {}
            [b':', digits @ ..] => self.port = Some(port_of(digits)?),
            _ => return None,
        }
        Some(())
    }

    fn take_rest(&mut self, text: &[u8], start: usize) -> Option<()> {
        let mut end = start + bytes::run(&text[start..], PATH);
        self.path = present(start..end);
        if text.get(end) == Some(&b'?') {
            let query = end + 1;
            end = query + bytes::run(&text[query..], TARGET);
            self.query = present(query..end);
        }
        if text.get(end) == Some(&b'#') {
            let signs = text[end..].iter().position(|byte| *byte != b'#');
            let fragment = signs.map_or(text.len(), |signs| end + signs);
            end = text.len();
            self.fragment = present(fragment..end);
            let is_valid = |byte: &u8| *byte == b'#' || bytes::is(*byte, TARGET);
            return text[fragment..].iter().all(is_valid).then_some(());
        }
        (end == text.len()).then_some(())
    }
}

fn present(range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty()).then_some(range)
}

/// Whether these are the bytes of an IPv6 address, with an optional zone behind a percent sign (RFC 6874).
fn is_ipv6(literal: &[u8]) -> bool {
    let length = literal.iter().position(|byte| *byte == b'%').unwrap_or(literal.len());
    let is_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let is_zone = |byte: &u8| bytes::is(*byte, HOST_NAME) || matches!(byte, b'%' | b'~' | b'_');
    let has_zone = length < literal.len();
    let zone = literal.get(length + 1..).unwrap_or_default();
    length > 0
        && literal[..length].iter().all(is_address)
        && has_zone != zone.is_empty()
        && zone.iter().all(is_zone)
}

/// Returns the port that these digits are.
fn port_of(digits: &[u8]) -> Option<u16> {
    let port = bytes::decimal(digits).ok()?;
    u16::try_from(port).ok()
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn what_is_malformed_has_no_parts() {
        let bad: [&[u8]; 21] = [
            b"",
            b" ",
            b"a",
            b":///1",
            b"http:/a",
            b"http://",
            b"http:///a",
            b"http://?a",
            b"http://@",
            b"http://a@/",
            b"http://a:/",
            b"http://a:65536/",
            b"http://a:x/",
            b"http://[]/",
            b"http://[1:2",
            b"http://[1%]/",
            b"http://a#b",
            b"http://a@b@c/",
            b"/ a",
            b"/a\x00",
            b"/\xe9",
        ];
        for text in bad {
            assert_eq!(Url::parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn empty_parts_are_absent() {
        assert_eq!(Url::parse(b"/?#"), Some(Url { path: Some(0..1), ..Url::default() }));
        let fragment = Url { path: Some(0..1), fragment: Some(3..4), ..Url::default() };
        assert_eq!(Url::parse(b"/##a"), Some(fragment));
    }

    #[test]
    fn an_address_stands_without_its_brackets() {
        let url = Url::parse(b"http://[fe80::1%eth0]:080/").unwrap();
        assert_eq!((url.host, url.port, url.path), (Some(8..20), Some(80), Some(21 + 4..26)));
    }
}
