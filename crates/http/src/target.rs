//! The four forms of a request target (RFC 9112 section 3.2) and the host in it or in Host.
//!
//! It knows positions in a target and nothing of other fields.

use crate::bytes::{self, HOST, TARGET};
use crate::error::Refusal;

const BAD_TARGET: Refusal = Refusal::malformed("a malformed request target (RFC 9112 section 3.2)");
const BAD_AUTHORITY: Refusal = Refusal::malformed("CONNECT without host and port (RFC 9112 section 3.2.3)");
const BAD_ASTERISK: Refusal = Refusal::malformed("the target * without OPTIONS (RFC 9112 section 3.2.4)");
const BAD_HOST: Refusal =
    Refusal::malformed("a malformed Host (RFC 9112 section 3.2; RFC 3986 section 3.2.2)");

/// In which form a request names what it wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TargetForm {
    /// A path and perhaps a query: `/where?q=now` (RFC 9112 section 3.2.1).
    #[default]
    Origin,
    /// A whole URI, as sent to a proxy: `http://www.example.org/pub` (section 3.2.2). Its authority counts, Host does
    /// not, so `fields()` gives the authority as the value of `host`.
    Absolute,
    /// Host and port, with CONNECT only: `www.example.com:80` (section 3.2.3).
    Authority,
    /// `*`, with OPTIONS only: the server as a whole (section 3.2.4).
    Asterisk,
}

/// A target taken apart: positions of authority, path and query in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    pub(crate) form: TargetForm,
    /// Start and end; both 0 if there is none.
    pub(crate) authority: (usize, usize),
    pub(crate) path: (usize, usize),
    /// Where the query begins, behind its question mark; the target's length if there is none.
    pub(crate) query: usize,
}

/// Takes a target apart, or says that the method has no such target.
#[inline]
pub(crate) fn parts_of(method: &[u8], target: &[u8]) -> Result<Parts, Refusal> {
    if !bytes::all(target, TARGET) || target.is_empty() {
        return Err(BAD_TARGET);
    }
    if method == b"CONNECT" {
        return authority_form(target);
    }
    if target[0] == b'/' {
        return Ok(with_path(target, TargetForm::Origin, (0, 0), 0));
    }
    if target == b"*" {
        let parts = with_path(target, TargetForm::Asterisk, (0, 0), 0);
        return if method == b"OPTIONS" { Ok(parts) } else { Err(BAD_ASTERISK) };
    }
    absolute_form(target)
}

#[inline]
fn with_path(target: &[u8], form: TargetForm, authority: (usize, usize), path: usize) -> Parts {
    let end = target[path..].iter().position(|byte| *byte == b'?').map_or(target.len(), |at| path + at);
    Parts { form, authority, path: (path, end), query: (end + 1).min(target.len()) }
}

#[cold]
fn authority_form(target: &[u8]) -> Result<Parts, Refusal> {
    check_host(target).map_err(|_| BAD_AUTHORITY)?;
    let port = target.iter().rposition(|byte| *byte == b':').map_or(&[][..], |at| &target[at + 1..]);
    if port.is_empty() || !port.iter().all(u8::is_ascii_digit) || target[0] == b':' {
        return Err(BAD_AUTHORITY);
    }
    let length = target.len();
    Ok(Parts { form: TargetForm::Authority, authority: (0, length), path: (length, length), query: length })
}

/// Only the schemes whose authority names an HTTP server (RFC 9110 section 4.2); neither may be without a host.
#[cold]
fn absolute_form(target: &[u8]) -> Result<Parts, Refusal> {
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
    Ok(with_path(target, TargetForm::Absolute, (start, end), end))
}

/// Host and perhaps a port. An empty one is allowed: a target without authority has an empty Host (section 3.2).
#[inline]
pub(crate) fn check_host(host: &[u8]) -> Result<(), Refusal> {
    if !bytes::all(host, HOST) {
        return Err(BAD_HOST);
    }
    let port = match host {
        [b'[', rest @ ..] => after_literal(rest)?,
        _ => match host.iter().position(|byte| matches!(byte, b':' | b'[' | b']')) {
            None => return Ok(()),
            Some(at) => &host[at..],
        },
    };
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) && digits.len() <= 5 => Ok(()),
        _ => Err(BAD_HOST),
    }
}

/// What follows the address in brackets, whose first bracket is off already.
fn after_literal(rest: &[u8]) -> Result<&[u8], Refusal> {
    let end = rest.iter().position(|byte| *byte == b']').ok_or(BAD_HOST)?;
    let (literal, port) = (&rest[..end], &rest[end + 1..]);
    if literal.is_empty() || literal.contains(&b'[') {
        return Err(BAD_HOST);
    }
    Ok(port)
}
