//! What is wrong with a message that a parser of single messages reads, and with which part of it.

use std::error::Error;
use std::fmt;

use crate::error::RemoteProtocolError;

/// The part of a message that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageErrorKind {
    /// The method of a request.
    Method,
    /// The target of a request.
    Target,
    /// The status of a response.
    Status,
    /// Anything else.
    Other,
}

/// A message that breaks a rule: the fault of the peer. Where the next message begins is not known.
///
/// ```
/// use http::{FieldSlots, MessageErrorKind, MessageParser, Role};
///
/// let mut parser = MessageParser::new(Role::Request, &http::MessageLimits::UNLIMITED);
/// let mut input = &b"SPAM / HTTP/1.1\r\n"[..];
/// let error = loop {
///     if let Err(error) = parser.next(&mut input, &mut FieldSlots::new()) {
///         break error;
///     }
/// };
/// assert_eq!(error.kind(), MessageErrorKind::Method);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageError {
    kind: MessageErrorKind,
    because: &'static str,
}

impl MessageError {
    pub(crate) const fn new(kind: MessageErrorKind, because: &'static str) -> Self {
        Self { kind, because }
    }

    pub(crate) const fn other(because: &'static str) -> Self {
        Self::new(MessageErrorKind::Other, because)
    }

    /// The part that is wrong.
    #[must_use]
    pub const fn kind(self) -> MessageErrorKind {
        self.kind
    }

    /// The rule that the message breaks: a phrase with its RFC section. It contains nothing that the peer sent.
    #[must_use]
    pub const fn because(self) -> &'static str {
        self.because
    }
}

impl From<RemoteProtocolError> for MessageError {
    fn from(error: RemoteProtocolError) -> Self {
        Self::other(error.because())
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.because)
    }
}

impl Error for MessageError {}
