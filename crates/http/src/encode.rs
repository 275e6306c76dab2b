//! Encodes status lines, fields, numbers and chunk sizes. The order in which they may be written is not known here.

use crate::bytes;
use crate::error::LocalProtocolError;
use crate::status::registered_line;

/// Values that the server adds to responses: the fields `date` and `server`, and the content of responses to requests
/// that it refuses. Empty values are left out. The caller makes the date once a second and keeps it.
///
/// ```
/// let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
/// let defaults = http::DefaultHeaders { date, server: b"vitok", ..http::DefaultHeaders::default() };
/// # assert!(!defaults.date.is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DefaultHeaders<'a> {
    /// The time of the response (RFC 9110 section 6.6.1): required of a server with a clock.
    pub date: &'a [u8],
    /// The software that answers (RFC 9110 section 10.2.4).
    pub server: &'a [u8],
    /// The content of a response that the server itself makes: plain text (RFC 9110 section 15.5).
    pub refusal: &'a [u8],
}

/// Writes the line of any status of three digits. A status that is not registered has no phrase (RFC 9112 section 4).
#[inline]
pub(crate) fn status_line(status: u16, out: &mut Vec<u8>) {
    if let Some(line) = registered_line(status) {
        out.extend_from_slice(line);
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(u64::from(status), out);
    out.extend_from_slice(b" \r\n");
}

/// Writes a field that is known to be well-formed.
#[inline]
pub(crate) fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes a field of the server's own. The name includes its colon and space, so that its few bytes are stored and not
/// copied.
#[inline]
pub(crate) fn own_field<const N: usize>(name: &[u8; N], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(N + value.len() + 2);
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Checks that a field of an application can be written: it must not end a line or begin another field (RFC 9110
/// sections 5.1 and 5.5).
///
/// # Errors
///
/// The name is not a token, or the value has a control character.
#[inline]
pub fn check_field(name: &[u8], value: &[u8]) -> Result<(), LocalProtocolError> {
    if !is_usual(name) && !bytes::is_token(name) {
        return Err(LocalProtocolError::BadFieldName);
    }
    if !bytes::is_value(value) {
        return Err(LocalProtocolError::BadFieldValue);
    }
    Ok(())
}

/// Returns whether a name is one of those that nearly every response has, which are compared faster than checked.
#[inline]
fn is_usual(name: &[u8]) -> bool {
    // By the length first, so that a name is compared with one or two others.
    match name.len() {
        4 => name == b"etag" || name == b"vary",
        10 => name == b"set-cookie",
        12 => name == b"content-type",
        13 => name == b"cache-control",
        14 => name == b"content-length",
        _ => false,
    }
}

/// Writes `content-length`.
#[inline]
pub(crate) fn content_length(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    decimal(length, out);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in decimal digits.
#[inline]
pub(crate) fn decimal(number: u64, out: &mut Vec<u8>) {
    digits::<10>(number, out);
}

/// Writes the size of a chunk and the end of its line (RFC 9112 section 7.1).
#[inline]
pub(crate) fn chunk_size(size: u64, out: &mut Vec<u8>) {
    digits::<16>(size, out);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn digits<const BASE: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        // A remainder is below the base, and so below the length of the alphabet.
        let digit = usize::try_from(number % BASE as u64).unwrap_or_default();
        digits[start] = b"0123456789abcdef"[digit];
        number /= BASE as u64;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
