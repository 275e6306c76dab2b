//! The opening handshake of a server (RFC 6455 section 4.2; over a stream of HTTP/2, RFC 8441 section 5).

use std::error::Error;
use std::fmt;

use sha1::{Digest, Sha1};

use crate::list::elements;
use crate::negotiation::{Agreed, DeflateSettings, negotiate};

/// What is appended to the key of a client (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The length of 16 bytes in Base64, without the two `=` at their end.
const KEY_DIGITS: usize = 22;
/// The length of a SHA-1 hash in Base64.
const ACCEPT_BYTES: usize = 28;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// An opening handshake as it was read from a request, and what it is answered with.
///
/// ```
/// let fields = [
///     (&b"connection"[..], &b"keep-alive, Upgrade"[..]),
///     (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
///     (b"sec-websocket-version", b"13"),
/// ];
/// let handshake = websocket::Handshake::read(b"GET", true, fields.into_iter(), None).unwrap();
/// let answer: Vec<_> = handshake.fields().collect();
/// assert_eq!(answer, [(&b"sec-websocket-accept"[..], &b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="[..])]);
/// ```
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The answer to the key; over a stream there is no key.
    accept: Option<[u8; ACCEPT_BYTES]>,
    extension: Option<(Agreed, String)>,
}

impl Handshake {
    /// Reads the handshake of a request (RFC 6455 section 4.2.1) that asks for `websocket` by its `upgrade` field, which
    /// the caller has checked. The names of the fields are in lower case, and their values have no white space around them.
    /// Compression is agreed only if there are settings for it.
    ///
    /// # Errors
    ///
    /// A [`HandshakeError`] has the status of the response.
    pub fn read<'a>(
        method: &[u8],
        is_at_least_1_1: bool,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        deflate: Option<&DeflateSettings>,
    ) -> Result<Self, HandshakeError> {
        if method != b"GET" {
            return Err(HandshakeError::Method);
        }
        if !is_at_least_1_1 {
            return Err(HandshakeError::HttpVersion);
        }
        let values =
            |name: &'static [u8]| fields.clone().filter(move |field| field.0 == name).map(|field| field.1);
        if !values(b"connection").flat_map(elements).any(|option| option.eq_ignore_ascii_case(b"upgrade")) {
            return Err(HandshakeError::Connection);
        }
        let keyless = Self::over_stream(fields.clone(), deflate)?;
        let key = only(values(b"sec-websocket-key")).filter(|key| is_key(key)).ok_or(HandshakeError::Key)?;
        Ok(Self { accept: Some(accept(key)), ..keyless })
    }

    /// Reads the handshake of a request for a stream of its own: `CONNECT` with the `:protocol` `websocket` (RFC 8441 section
    /// 5), which the caller has checked. There is no key, and no field says `upgrade`. The names of the fields are in lower
    /// case, and their values have no white space around them.
    ///
    /// # Errors
    ///
    /// A [`HandshakeError`] of the version or the extensions.
    ///
    /// ```
    /// let fields = [(&b"sec-websocket-version"[..], &b"13"[..])];
    /// let handshake = websocket::Handshake::over_stream(fields.into_iter(), None).unwrap();
    /// assert_eq!(handshake.fields().count(), 0);
    /// ```
    pub fn over_stream<'a>(
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        deflate: Option<&DeflateSettings>,
    ) -> Result<Self, HandshakeError> {
        let values =
            |name: &'static [u8]| fields.clone().filter(move |field| field.0 == name).map(|field| field.1);
        if only(values(b"sec-websocket-version")) != Some(b"13") {
            return Err(HandshakeError::Version);
        }
        let extension = negotiate(values(b"sec-websocket-extensions"), deflate)
            .map_err(|_| HandshakeError::Extensions)?;
        Ok(Self { accept: None, extension })
    }

    /// The fields of the response beside `upgrade` and `connection`: `sec-websocket-accept` for the key and, if compression
    /// was agreed, `sec-websocket-extensions` (RFC 6455 section 4.2.2).
    pub fn fields(&self) -> impl Iterator<Item = (&'static [u8], &[u8])> {
        let accept = self.accept.as_ref().map(|accept| (&b"sec-websocket-accept"[..], &accept[..]));
        let extension =
            self.extension.as_ref().map(|(_, answer)| (&b"sec-websocket-extensions"[..], answer.as_bytes()));
        accept.into_iter().chain(extension)
    }

    /// The compression that was agreed, for [`Receiver`](crate::Receiver) and [`Sender`](crate::Sender).
    #[must_use]
    pub fn agreed(&self) -> Option<Agreed> {
        self.extension.as_ref().map(|extension| extension.0)
    }
}

/// Returns the subprotocols that a client offers, in its order, from all `sec-websocket-protocol` fields (RFC 6455 section
/// 4.2.1). What is not a token is left out.
///
/// ```
/// let fields = [(&b"sec-websocket-protocol"[..], &b"chat, superchat"[..])];
/// let offered: Vec<_> = websocket::subprotocols(fields.into_iter()).collect();
/// assert_eq!(offered, [&b"chat"[..], b"superchat"]);
/// ```
pub fn subprotocols<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> impl Iterator<Item = &'a [u8]> {
    let values = fields.filter(|field| field.0 == b"sec-websocket-protocol").map(|field| field.1);
    values.flat_map(elements).filter(|name| crate::list::is_token(name))
}

/// Why a request is no opening handshake: the fault of the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The method is not GET.
    Method,
    /// The version of HTTP is lower than 1.1.
    HttpVersion,
    /// The `connection` field does not have the option `upgrade`.
    Connection,
    /// There is not one `sec-websocket-key` of 16 bytes in Base64.
    Key,
    /// There is not one `sec-websocket-version` that is 13.
    Version,
    /// A `sec-websocket-extensions` field is not a list of extensions.
    Extensions,
}

impl HandshakeError {
    /// The status of the response: 426 for another version of WebSocket, with the field `sec-websocket-version: 13` (RFC
    /// 6455 section 4.4), else 400. HTTP/2 has no upgrade, and so no 426 (RFC 9113 section 8.2.2).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            HandshakeError::Version => 426,
            _ => 400,
        }
    }

    /// The rule that the request breaks, for the content of the response and a log. It contains nothing that the peer sent.
    #[must_use]
    pub const fn because(self) -> &'static str {
        match self {
            HandshakeError::Method => {
                "a WebSocket handshake whose method is not GET (RFC 6455 section 4.2.1)"
            }
            HandshakeError::HttpVersion => "a WebSocket handshake below HTTP/1.1 (RFC 6455 section 4.2.1)",
            HandshakeError::Connection => {
                "no upgrade option in the Connection field (RFC 6455 section 4.2.1)"
            }
            HandshakeError::Key => "no valid Sec-WebSocket-Key field (RFC 6455 section 4.2.1)",
            HandshakeError::Version => "a version of WebSocket other than 13 (RFC 6455 section 4.4)",
            HandshakeError::Extensions => "a malformed Sec-WebSocket-Extensions field (RFC 6455 section 9.1)",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status(), self.because())
    }
}

impl Error for HandshakeError {}

/// Returns the only value, if there is exactly one.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let value = values.next()?;
    if values.next().is_none() { Some(value) } else { None }
}

/// Returns whether the value is the Base64 of 16 bytes. The unused bits of its last digit do not matter.
fn is_key(value: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    value.strip_suffix(b"==").is_some_and(|digits| digits.len() == KEY_DIGITS && digits.iter().all(is_digit))
}

/// Returns the value of `sec-websocket-accept` for a key (RFC 6455 section 4.2.2).
fn accept(key: &[u8]) -> [u8; ACCEPT_BYTES] {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [b'='; ACCEPT_BYTES];
    for (group, digits) in hash.chunks(3).zip(accept.chunks_mut(4)) {
        let bits =
            group.iter().fold(0, |bits: u32, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        // A group of two bytes, as the last one is, has three digits.
        for (position, digit) in digits.iter_mut().take(group.len() + 1).enumerate() {
            *digit = BASE64[(bits >> (18 - 6 * position)) as usize & 0x3f];
        }
    }
    accept
}
