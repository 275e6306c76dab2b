//! What a receiver reports: messages and control frames, borrowed from the input or from the receiver.

use crate::mask;

/// Whether a message is text or binary (RFC 6455 section 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What came next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'e> {
    /// The input is used up.
    NeedInput,
    /// A whole message.
    Message {
        /// Whether it is text.
        kind: Kind,
        /// Its bytes, after inflation.
        payload: Payload<'e>,
    },
    /// A ping: answer with a [`pong`](crate::pong) of the same data (RFC 6455 section 5.5.2).
    Ping(&'e [u8]),
    /// A pong, which may answer a ping or come by itself (RFC 6455 section 5.5.3).
    Pong(&'e [u8]),
    /// The peer's close frame (RFC 6455 section 5.5.1). Nothing after it is read.
    Close {
        /// The code of the frame; 1005 if it has none (RFC 6455 section 7.1.5).
        code: u16,
        /// The reason, empty if there is none.
        reason: &'e str,
    },
}

/// The bytes of a message: plain, or still masked as they lie in the input. What receives a message copies it to where it
/// belongs and unmasks it on the way, once.
///
/// A plain text is valid UTF-8; a text that is still masked is ASCII, which can be checked without unmasking it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload<'e> {
    /// The bytes themselves.
    Plain(&'e [u8]),
    /// The bytes as they were sent (RFC 6455 section 5.3).
    Masked {
        /// The masked bytes.
        bytes: &'e [u8],
        /// The key for the first four of them, and the next four, and so on.
        mask: [u8; 4],
    },
}

impl Payload<'_> {
    /// The number of bytes.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        match self {
            Payload::Plain(bytes) | Payload::Masked { bytes, .. } => bytes.len(),
        }
    }

    /// Returns whether there are no bytes.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes, unmasked, to `to`.
    ///
    /// # Panics
    ///
    /// If `to` has another length.
    #[inline]
    pub fn copy_to(&self, to: &mut [u8]) {
        match self {
            Payload::Plain(bytes) => to.copy_from_slice(bytes),
            Payload::Masked { bytes, mask } => mask::copy(bytes, to, *mask),
        }
    }

    /// Returns the bytes, unmasked.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Payload::Plain(bytes) => bytes.to_vec(),
            Payload::Masked { bytes, mask } => {
                let mut unmasked = Vec::with_capacity(bytes.len());
                mask::append(bytes, &mut unmasked, *mask);
                unmasked
            }
        }
    }
}
