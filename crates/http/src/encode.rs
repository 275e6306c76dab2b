//! How things are written: status lines, fields, numbers, chunk sizes. Nothing here knows what may be written when.

use crate::bytes::{self, VALUE};
use crate::error::LocalProtocolError;
use crate::status::registered_line;

/// What the server says of itself and of the time, as values of the fields `server` and `date`, and what it explains to
/// a client whose request it refuses. Empty: it is left out. One date serves all responses of a second, so it is the caller's to make and to keep.
///
/// ```
/// let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
/// let stamp = http::DefaultHeaders { date, server: b"vitok", ..http::DefaultHeaders::default() };
/// # assert!(!stamp.date.is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DefaultHeaders<'a> {
    /// When the response was made (RFC 9110 section 6.6.1): required of a server with a clock.
    pub date: &'a [u8],
    /// Which software answers (RFC 9110 section 10.2.4).
    pub server: &'a [u8],
    /// The content of a response that the server itself gives: plain text (RFC 9110 section 15.5).
    pub refusal: &'a [u8],
}

/// Writes the line of any status of three digits. One that is not registered has no phrase (RFC 9112 section 4).
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

/// Writes a field of ours, whose name comes with its colon and space, so that its few bytes are stored and not copied.
#[inline]
pub(crate) fn own_field<const N: usize>(name: &[u8; N], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(N + value.len() + 2);
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether a field of an application may be written: nothing in it can end a line or begin another field (RFC 9110
/// sections 5.1 and 5.5).
///
/// # Errors
///
/// A name that is no token, or a value with a control character.
#[inline]
pub fn check_field(name: &[u8], value: &[u8]) -> Result<(), LocalProtocolError> {
    if !bytes::is_token(name) {
        return Err(LocalProtocolError::BadFieldName);
    }
    if !bytes::all(value, VALUE) {
        return Err(LocalProtocolError::BadFieldValue);
    }
    Ok(())
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
