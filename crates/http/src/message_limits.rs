//! Limits of the parser of single messages, without defaults: the caller has the numbers and their reasons.

use crate::limits::{FIELDS_AT_MOST, Limits, SECTION_BYTES_AT_MOST};

/// Limits on what a peer may send in one message. The content is passed on as it arrives and is not limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageLimits {
    /// The target of a request, or the reason phrase of a response.
    pub start_line_bytes: usize,
    /// The start line and all header fields, with their line ends; and the trailer fields.
    pub head_bytes: usize,
    /// The number of header fields, and that of trailer fields. Values above 256 count as 256.
    pub fields: usize,
    /// The extensions of one chunk, and a 16th of those of all chunks of a message.
    pub chunk_extension_bytes: usize,
}

impl MessageLimits {
    /// No limit but those of the parser itself: for tests and examples.
    pub const UNLIMITED: Self = Self {
        start_line_bytes: usize::MAX,
        head_bytes: usize::MAX,
        fields: usize::MAX,
        chunk_extension_bytes: usize::MAX,
    };

    /// Returns the limits with those lowered that are above what is supported.
    pub(crate) fn clamped(mut self) -> Self {
        self.fields = self.fields.min(FIELDS_AT_MOST);
        self.head_bytes = self.head_bytes.min(SECTION_BYTES_AT_MOST);
        self
    }

    /// Returns the limits of the content.
    pub(crate) fn of_content(&self) -> Limits {
        Limits {
            chunk_extension_bytes: self.chunk_extension_bytes,
            chunk_extensions_bytes: self.chunk_extension_bytes.saturating_mul(16),
            ..Limits::UNLIMITED
        }
    }
}
