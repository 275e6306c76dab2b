//! What there is to log about a request.

use crate::message::RequestId;
use crate::noted::Noted;

/// The end of a request, or of what was no request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRecord {
    /// The request, if it was one.
    pub request: Option<RequestId>,
    /// What has ended.
    pub kind: LogKind,
    /// What was noted of the heads; `None` if nothing was to be.
    pub noted: Option<Box<Noted>>,
    /// The status of the response; 0 if none was sent. For a WebSocket its close code.
    pub status: u16,
    /// The bytes of content that were sent.
    pub sent: u64,
    /// How it ended.
    pub end: LogEnd,
}

/// What a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogKind {
    /// A request.
    Request,
    /// A request that was the handshake of a WebSocket, which was accepted.
    Handshake,
    /// A WebSocket that was accepted.
    WebSocket,
}

/// The status of a request whose client has left before there was a response, as nginx writes it. It is never sent.
pub const CLIENT_LEFT: u16 = 499;

impl LogRecord {
    /// Returns the status that counts: 499 if the client left before the response.
    #[must_use]
    pub fn outcome(&self) -> u16 {
        if self.end == LogEnd::ClientLeft { CLIENT_LEFT } else { self.status }
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogEnd {
    /// The response is complete.
    Complete,
    /// The connection ended before the response did.
    CutShort,
    /// The client had left, or had ended its side, before anything of the response was sent. What was sent to it then,
    /// if anything, has the record's status.
    ClientLeft,
    /// The server refused it for this reason, before or after an application has seen it.
    Refused(&'static str),
}
