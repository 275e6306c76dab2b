//! The four forms of a request target (RFC 9112 section 3.2) and the host in it or in Host.
//!
//! It knows positions in a target and no other fields.

use crate::bytes::{self, HOST, NAME, PATH, TARGET};
use crate::error::RemoteProtocolError;

const BAD_TARGET: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed request target (RFC 9112 section 3.2)");
const BAD_AUTHORITY: RemoteProtocolError =
    RemoteProtocolError::malformed("CONNECT without host and port (RFC 9112 section 3.2.3)");
const BAD_ASTERISK: RemoteProtocolError =
    RemoteProtocolError::malformed("the target * without OPTIONS (RFC 9112 section 3.2.4)");
const BAD_HOST: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed Host (RFC 9112 section 3.2; RFC 3986 section 3.2.2)");

/// The form of a request target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TargetForm {
    /// A path and an optional query: `/where?q=now` (RFC 9112 section 3.2.1).
    #[default]
    Origin,
    /// A whole URI, as sent to a proxy: `http://www.example.org/pub` (section 3.2.2). Its authority replaces the value
    /// of Host, also in `fields()`.
    Absolute,
    /// Host and port, with CONNECT only: `www.example.com:80` (section 3.2.3).
    Authority,
    /// `*`, with OPTIONS only: the server as a whole (section 3.2.4).
    Asterisk,
}

/// The parts of a target: positions of the authority, the path and the query in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    pub(crate) form: TargetForm,
    /// Start and end; both are 0 if there is none.
    pub(crate) authority: (usize, usize),
    pub(crate) path: (usize, usize),
    /// The start of the query, after its question mark; the length of the target if there is none.
    pub(crate) query: usize,
}

/// Splits a target into its parts, or returns an error if the method has no such target.
#[inline]
pub(crate) fn parts_of(method: &[u8], target: &[u8]) -> Result<Parts, RemoteProtocolError> {
    if method == b"CONNECT" {
        return authority_form(target);
    }
    match target {
        [b'/', ..] => with_path(target, TargetForm::Origin, (0, 0), 0),
        b"*" if method == b"OPTIONS" => with_path(target, TargetForm::Asterisk, (0, 0), 0),
        b"*" => Err(BAD_ASTERISK),
        _ => absolute_form(target),
    }
}

/// Splits a target that begins with a slash, that of HTTP/2 (RFC 9113 section 8.3.1).
#[inline]
pub(crate) fn path_of(target: &[u8]) -> Result<Parts, RemoteProtocolError> {
    with_path(target, TargetForm::Origin, (0, 0), 0)
}

/// How many bytes of a target [`may_begin`] looks at.
pub(crate) const BEGINNING: usize = b"https://".len();

/// Returns whether these bytes can begin a target of a method other than CONNECT.
pub(crate) fn may_begin(start: &[u8]) -> bool {
    let schemes: [&[u8]; 2] = [b"http://", b"https://"];
    let begins = |scheme: &&[u8]| {
        let length = start.len().min(scheme.len());
        start[..length].eq_ignore_ascii_case(&scheme[..length])
    };
    matches!(start, [b'/' | b'*', ..]) || schemes.iter().any(begins)
}

/// Splits path and query, checking each byte once.
#[inline]
fn with_path(
    target: &[u8],
    form: TargetForm,
    authority: (usize, usize),
    path: usize,
) -> Result<Parts, RemoteProtocolError> {
    let end = path + bytes::run(&target[path..], PATH);
    let query = (end + 1).min(target.len());
    let is_whole = end == target.len() || (target[end] == b'?' && bytes::all(&target[query..], TARGET));
    if is_whole { Ok(Parts { form, authority, path: (path, end), query }) } else { Err(BAD_TARGET) }
}

#[cold]
fn authority_form(target: &[u8]) -> Result<Parts, RemoteProtocolError> {
    check_host(target).map_err(|_| BAD_AUTHORITY)?;
    let port = target.iter().rposition(|byte| *byte == b':').map_or(&[][..], |at| &target[at + 1..]);
    if port.is_empty() || !port.iter().all(u8::is_ascii_digit) || target[0] == b':' {
        return Err(BAD_AUTHORITY);
    }
    let length = target.len();
    Ok(Parts { form: TargetForm::Authority, authority: (0, length), path: (length, length), query: length })
}

/// Splits a URI with one of the schemes whose authority names an HTTP server (RFC 9110 section 4.2). Both need a host.
#[cold]
fn absolute_form(target: &[u8]) -> Result<Parts, RemoteProtocolError> {
    let schemes: [&[u8]; 2] = [b"http://", b"https://"];
    let begins =
        |scheme: &&&[u8]| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let start = schemes.iter().find(begins).ok_or(BAD_TARGET)?.len();
    let end = target[start..]
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .map_or(target.len(), |at| start + at);
    if start == end || target[start] == b':' {
        return Err(BAD_TARGET);
    }
    check_host(&target[start..end]).map_err(|_| BAD_TARGET)?;
    with_path(target, TargetForm::Absolute, (start, end), end)
}

/// Checks a host and its optional port. An empty host is valid here: a target without authority has an empty Host
/// (section 3.2).
#[inline]
pub(crate) fn check_host(host: &[u8]) -> Result<(), RemoteProtocolError> {
    let name = bytes::run(host, NAME);
    let port = match &host[name..] {
        [b'[', rest @ ..] if name == 0 => after_literal(rest)?,
        rest => rest,
    };
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) && digits.len() <= 5 => Ok(()),
        _ => Err(BAD_HOST),
    }
}

/// Returns what follows an address in brackets, whose first bracket was removed.
fn after_literal(rest: &[u8]) -> Result<&[u8], RemoteProtocolError> {
    let end = rest.iter().position(|byte| *byte == b']').ok_or(BAD_HOST)?;
    let (literal, port) = (&rest[..end], &rest[end + 1..]);
    if literal.is_empty() || literal.contains(&b'[') || !bytes::all(literal, HOST) {
        return Err(BAD_HOST);
    }
    Ok(port)
}

/// Decodes a percent-encoded path or query (RFC 3986 section 2.1). A percent sign that begins no encoding stays as it is.
///
/// ```
/// assert_eq!(http::percent_decoded(b"/caf%C3%a9%2"), "/caf\u{e9}%2".as_bytes());
/// ```
#[must_use]
pub fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, after @ ..] = rest {
        if let (b'%', [high, low, behind @ ..]) = (byte, after)
            && let Some((high, low)) = digit(*high).zip(digit(*low))
        {
            decoded.push(high << 4 | low);
            rest = behind;
        } else {
            decoded.push(*byte);
            rest = after;
        }
    }
    decoded
}
