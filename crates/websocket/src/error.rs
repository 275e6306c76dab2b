//! What is wrong with the frames of a peer, and the close code that says so.

use std::error::Error;
use std::fmt;

/// A rule that the peer's bytes break. The connection fails (RFC 6455 section 7.1.7): a close frame with this
/// [code](ProtocolError::code) is sent, and nothing else is read.
///
/// ```
/// use websocket::{Limits, ProtocolError, Receiver, Workspace};
/// let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
/// let unmasked = receiver.receive(&mut &b"\x81\x02hi"[..], &Limits::UNLIMITED, &workspace);
/// assert_eq!(unmasked, Err(ProtocolError::Unmasked));
/// assert_eq!(ProtocolError::Unmasked.code(), 1002);
/// assert_eq!(ProtocolError::Unmasked.because(), "a frame is not masked (RFC 6455 section 5.1)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no agreed extension gives a meaning in this frame.
    ReservedBit,
    /// The opcode is reserved.
    ReservedOpcode,
    /// A control frame is fragmented.
    FragmentedControl,
    /// A control frame is longer than 125 bytes.
    LongControl,
    /// A continuation frame continues no message.
    UnexpectedContinuation,
    /// A message begins before the one before it has ended.
    UnfinishedMessage,
    /// A frame of a client is not masked.
    Unmasked,
    /// The length is not encoded in the fewest bytes.
    LengthNotMinimal,
    /// The highest bit of a length of 64 bits is set.
    LengthOutOfRange,
    /// The payload of a close frame is one byte.
    HalfCloseCode,
    /// The code of a close frame must not be sent, or is reserved.
    CloseCode,
    /// The reason of a close frame is not UTF-8.
    CloseReason,
    /// A text message is not UTF-8.
    Text,
    /// The payload of a compressed message is not the output of deflate.
    Deflate,
    /// A frame is longer than the limit.
    FrameTooLong,
    /// A message is longer than the limit.
    MessageTooLong,
}

impl ProtocolError {
    /// The code of the close frame that reports it (RFC 6455 section 7.4.1).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            ProtocolError::CloseReason | ProtocolError::Text | ProtocolError::Deflate => 1007,
            ProtocolError::FrameTooLong | ProtocolError::MessageTooLong => 1009,
            _ => 1002,
        }
    }

    /// The rule, for a log and for the reason of the close frame: a phrase of at most 123 bytes with its RFC section. It
    /// contains nothing that the peer sent.
    #[must_use]
    pub const fn because(self) -> &'static str {
        match self {
            ProtocolError::ReservedBit => "a reserved bit is set (RFC 6455 section 5.2)",
            ProtocolError::ReservedOpcode => "a reserved opcode (RFC 6455 section 5.2)",
            ProtocolError::FragmentedControl => "a fragmented control frame (RFC 6455 section 5.5)",
            ProtocolError::LongControl => "a control frame of more than 125 bytes (RFC 6455 section 5.5)",
            ProtocolError::UnexpectedContinuation => {
                "a continuation without a message (RFC 6455 section 5.4)"
            }
            ProtocolError::UnfinishedMessage => "a new message inside another one (RFC 6455 section 5.4)",
            ProtocolError::Unmasked => "a frame is not masked (RFC 6455 section 5.1)",
            ProtocolError::LengthNotMinimal => "a length in more bytes than necessary (RFC 6455 section 5.2)",
            ProtocolError::LengthOutOfRange => "the highest bit of a length is set (RFC 6455 section 5.2)",
            ProtocolError::HalfCloseCode => "a close frame with one byte (RFC 6455 section 5.5.1)",
            ProtocolError::CloseCode => "a close code that must not be sent (RFC 6455 section 7.4)",
            ProtocolError::CloseReason => "a close reason that is not UTF-8 (RFC 6455 section 5.5.1)",
            ProtocolError::Text => "a text message that is not UTF-8 (RFC 6455 section 8.1)",
            ProtocolError::Deflate => "compressed data that is not valid (RFC 7692 section 7.2.2)",
            ProtocolError::FrameTooLong => "a frame longer than the limit (RFC 6455 section 10.4)",
            ProtocolError::MessageTooLong => "a message longer than the limit (RFC 6455 section 10.4)",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code(), self.because())
    }
}

impl Error for ProtocolError {}
