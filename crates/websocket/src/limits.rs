//! Limits on what a peer may send. There are no defaults here: the caller has one table of them.

/// How much a peer may send. A frame or message beyond one is refused with the close code 1009 (RFC 6455 section 7.4.1).
///
/// ```
/// let limits = websocket::Limits { message_bytes: 1024, ..websocket::Limits::UNLIMITED };
/// assert_eq!(limits.frame_bytes, u64::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The payload of one frame, as it is sent: a frame that announces more is refused before its payload arrives.
    pub frame_bytes: u64,
    /// A message, with the payloads of all its frames, after inflation. The frames of a compressed message may have
    /// together as many bytes as deflate needs for a message of this size that cannot be compressed.
    pub message_bytes: u64,
}

impl Limits {
    /// No limit: for tests and examples.
    pub const UNLIMITED: Self = Self { frame_bytes: u64::MAX, message_bytes: u64::MAX };
}
