//! The acceptance of a WebSocket, whichever wire the handshake came by: what an application may say, and what the wire passes on.

use ::websocket::Handshake;

use crate::log::LogRecord;
use crate::message::{RequestId, SendError};
use crate::read_buffer::ReadBuffer;
use crate::record::Record;

/// What WebSocket needs of a connection that was another wire's.
pub(crate) struct Upgraded {
    pub(crate) request: RequestId,
    pub(crate) handshake: Box<Handshake>,
    /// What is known of it for the log.
    pub(crate) record: Record,
    /// What has arrived after the handshake.
    pub(crate) input: ReadBuffer,
    /// Whether the peer has ended its side after that.
    pub(crate) has_input_ended: bool,
    /// Whether the driver gives [`Started`](crate::Input::Started).
    pub(crate) is_starting: bool,
    pub(crate) is_writable: bool,
    pub(crate) reads_paused: bool,
    pub(crate) is_awaited: bool,
    /// What there is to log, the handshake among it.
    pub(crate) log: Vec<LogRecord>,
}

/// Checks what the server itself decides about a handshake (RFC 6455 section 4.2.2).
pub(crate) fn check<B: AsRef<[u8]>>(subprotocol: Option<&[u8]>, fields: &[(B, B)]) -> Result<(), SendError> {
    if subprotocol.is_some_and(|name| !::websocket::is_token(name)) {
        return Err(SendError::Misused("the subprotocol is not a token (RFC 6455 section 4.1)"));
    }
    for (name, _) in fields {
        let is = |other: &[u8]| name.as_ref().eq_ignore_ascii_case(other);
        if is(b"upgrade") || is(b"sec-websocket-accept") || is(b"sec-websocket-extensions") {
            return Err(SendError::Misused(
                "the server itself writes upgrade, sec-websocket-accept and sec-websocket-extensions",
            ));
        }
        if subprotocol.is_some() && is(b"sec-websocket-protocol") {
            return Err(SendError::Misused("the subprotocol is given twice, once in the headers"));
        }
    }
    Ok(())
}
