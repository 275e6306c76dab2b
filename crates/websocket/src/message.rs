//! A message whose bytes are kept: because it arrives in several reads or frames, or has to be inflated.
//!
//! The buffer grows with the bytes that have arrived, not by what a frame announces. A compressed message is inflated when
//! it is complete; until then its compressed bytes are kept.

use std::mem;

use crate::error::ProtocolError;
use crate::event::Kind;
use crate::inflate::Context;
use crate::limits::Limits;
use crate::mask;
use crate::negotiation::Agreed;
use crate::text::TextCheck;
use crate::workspace::Workspace;

/// The least by which the buffer of a message grows.
const STEP_BYTES: usize = 4096;

/// The message that is being received, or the one that was reported last.
#[derive(Debug)]
pub(crate) struct PartialMessage {
    bytes: Vec<u8>,
    /// The payloads of its frames so far, the current one included.
    announced: u64,
    /// None while no message has begun.
    kind: Option<Kind>,
    is_compressed: bool,
    /// Whether nothing of a payload has been taken.
    is_untouched: bool,
    text: TextCheck,
    /// The window of the client's compressor, if it keeps its context.
    window_bits: Option<u8>,
    /// That context, from the first compressed message on.
    context: Option<Box<Context>>,
}

impl PartialMessage {
    pub(crate) fn new(agreed: Option<Agreed>) -> Self {
        Self {
            bytes: Vec::new(),
            announced: 0,
            kind: None,
            is_compressed: false,
            is_untouched: true,
            text: TextCheck::default(),
            window_bits: agreed.and_then(|agreed| agreed.client_window_bits),
            context: None,
        }
    }

    /// Returns whether a message has begun and not ended.
    #[inline]
    pub(crate) const fn has_begun(&self) -> bool {
        self.kind.is_some()
    }

    /// Returns whether nothing of a payload has been taken.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    /// The bytes of the message that was finished last, until it is released.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins a message.
    pub(crate) fn begin(&mut self, kind: Kind, is_compressed: bool) {
        (self.kind, self.is_compressed, self.is_untouched) = (Some(kind), is_compressed, true);
        (self.announced, self.text) = (0, TextCheck::default());
    }

    /// Counts a frame of the message, before its payload arrives.
    pub(crate) fn announce(&mut self, length: u64, limits: &Limits) -> Result<(), ProtocolError> {
        if length > limits.frame_bytes {
            return Err(ProtocolError::FrameTooLong);
        }
        self.announced = self.announced.saturating_add(length);
        let most = limits.message_bytes;
        let most = if self.is_compressed { longest_compressed(most) } else { most };
        if self.announced > most { Err(ProtocolError::MessageTooLong) } else { Ok(()) }
    }

    /// Takes the payload of the only frame of a message, which lies whole in the input. Returns the kind of the message if
    /// the payload can be reported as it lies there; otherwise the message is ready to be finished.
    pub(crate) fn take_whole(
        &mut self,
        payload: &[u8],
        mask: [u8; 4],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<Option<Kind>, ProtocolError> {
        if self.is_compressed {
            return self.inflate(payload, mask, limits, workspace).map(|()| None);
        }
        if self.kind == Some(Kind::Binary) || mask::is_ascii(payload, mask) {
            return Ok(self.kind.take());
        }
        self.bytes = workspace.take_spare();
        self.append(payload, mask, 0).map(|()| None)
    }

    /// Takes a part of a payload, of which `left` bytes have not arrived.
    pub(crate) fn append(&mut self, part: &[u8], mask: [u8; 4], left: u64) -> Result<(), ProtocolError> {
        self.is_untouched = false;
        let start = self.bytes.len();
        self.reserve(part.len(), left);
        mask::append(part, &mut self.bytes, mask);
        if self.is_compressed { Ok(()) } else { self.check_text(start) }
    }

    /// Ends the message after its last frame: its bytes are complete, and valid.
    pub(crate) fn finish(&mut self, limits: &Limits, workspace: &Workspace) -> Result<Kind, ProtocolError> {
        if self.is_compressed && !self.is_untouched {
            let compressed = mem::take(&mut self.bytes);
            self.inflate(&compressed, [0; 4], limits, workspace)?;
        }
        self.text.end()?;
        Ok(self.kind.take().unwrap_or(Kind::Binary))
    }

    /// Releases the bytes of the message that was reported.
    pub(crate) fn release(&mut self, workspace: &Workspace) {
        if self.bytes.capacity() > 0 {
            workspace.leave(mem::take(&mut self.bytes));
        }
    }

    /// Inflates the whole message.
    fn inflate(
        &mut self,
        compressed: &[u8],
        mask: [u8; 4],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<(), ProtocolError> {
        self.bytes = workspace.take_spare();
        if let Some(window_bits) = self.window_bits {
            self.context.get_or_insert_with(|| Box::new(Context::new(window_bits)));
        }
        let (message, context) = (&mut self.bytes, self.context.as_deref_mut());
        let result = workspace.with_inflater(|inflater| {
            inflater.message(compressed, mask, context, message, limits.message_bytes)
        });
        // What is wrong with the text comes before what is wrong behind it.
        self.check_text(0).and(result)
    }

    /// Checks the text from `start` on, if it is one.
    fn check_text(&mut self, start: usize) -> Result<(), ProtocolError> {
        if self.kind == Some(Kind::Text) { self.text.grow(&self.bytes, start) } else { Ok(()) }
    }

    /// Makes room for a part, and for as much again as has arrived, but not for more than the frame has.
    fn reserve(&mut self, part: usize, left: u64) {
        if self.bytes.capacity() - self.bytes.len() < part {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let ahead = (self.bytes.len() + part).max(STEP_BYTES).min(left);
            self.bytes.reserve_exact(part + ahead);
        }
    }
}

/// Returns how long a message of this length is at most when it is compressed: what zlib's `deflateBound` says for any
/// settings, and some blocks that are empty.
const fn longest_compressed(length: u64) -> u64 {
    length.saturating_add(length >> 3).saturating_add(length >> 6).saturating_add(64)
}
