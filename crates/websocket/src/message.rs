//! A message whose bytes are kept: because it arrives in several reads or frames, or has to be inflated.
//!
//! The buffer grows with the bytes that have arrived, not by what a frame announces. If the client keeps its context from
//! message to message, the connection has an inflater of its own, and a message is inflated while it arrives. Otherwise
//! all connections share one, so the compressed bytes are kept until the message is complete.

use std::mem;

use crate::error::ProtocolError;
use crate::event::Kind;
use crate::inflate::Inflater;
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
    /// The window of an inflater of its own, if the connection needs one.
    own_window_bits: Option<u8>,
    /// That inflater, from the first compressed message on.
    inflater: Option<Box<Inflater>>,
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
            own_window_bits: agreed.and_then(Agreed::own_window_bits),
            inflater: None,
        }
    }

    /// Returns whether a message has begun and not ended.
    #[inline]
    pub(crate) const fn has_begun(&self) -> bool {
        self.kind.is_some()
    }

    /// Returns whether no byte of the message has been taken.
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
    /// the payload can be reported as it lies there; otherwise its bytes are kept.
    pub(crate) fn take_whole(
        &mut self,
        payload: &[u8],
        mask: [u8; 4],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<Option<Kind>, ProtocolError> {
        if !self.is_compressed && (self.kind == Some(Kind::Binary) || mask::is_ascii(payload, mask)) {
            return Ok(self.kind.take());
        }
        self.bytes = workspace.take_spare();
        if self.is_compressed && self.own_window_bits.is_none() {
            self.inflate_whole(payload, mask, limits, workspace)?;
        } else {
            self.append(payload, mask, 0, limits)?;
        }
        Ok(None)
    }

    /// Takes a part of a payload, of which `left` bytes have not arrived.
    pub(crate) fn append(
        &mut self,
        part: &[u8],
        mask: [u8; 4],
        left: u64,
        limits: &Limits,
    ) -> Result<(), ProtocolError> {
        self.is_untouched = false;
        let start = self.bytes.len();
        match (self.is_compressed, self.own_window_bits) {
            (true, Some(window_bits)) => {
                let inflater =
                    self.inflater.get_or_insert_with(|| Box::new(Inflater::of_connection(window_bits)));
                let result = inflater.append(part, mask, &mut self.bytes, limits.message_bytes);
                self.check_text(start).and(result)
            }
            (true, None) => {
                self.keep(part, mask, left);
                Ok(())
            }
            (false, _) => {
                self.keep(part, mask, left);
                self.check_text(start)
            }
        }
    }

    /// Ends the message after its last frame: its bytes are complete, and valid.
    pub(crate) fn finish(&mut self, limits: &Limits, workspace: &Workspace) -> Result<Kind, ProtocolError> {
        if self.is_compressed && !self.is_untouched {
            if self.own_window_bits.is_none() {
                let compressed = mem::replace(&mut self.bytes, workspace.take_spare());
                self.inflate_whole(&compressed, [0; 4], limits, workspace)?;
            } else {
                self.end_own_inflater()?;
            }
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

    /// Inflates a message without context.
    fn inflate_whole(
        &mut self,
        compressed: &[u8],
        mask: [u8; 4],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<(), ProtocolError> {
        let message = &mut self.bytes;
        let result = workspace.with_inflater(|inflater| {
            inflater.begin_message();
            inflater.append(compressed, mask, message, limits.message_bytes)?;
            if compressed.is_empty() { Ok(()) } else { inflater.end_message(message) }
        });
        self.check_text(0).and(result)
    }

    /// Ends the message for the connection's own inflater. A compressor that was flushed twice has put nothing into an
    /// empty message.
    fn end_own_inflater(&mut self) -> Result<(), ProtocolError> {
        match &mut self.inflater {
            Some(inflater) if self.is_compressed && self.announced > 0 => {
                inflater.end_message(&mut self.bytes)
            }
            _ => Ok(()),
        }
    }

    /// Checks the text from `start` on. An error in it comes before one that was found while inflating what is behind it, so
    /// that the split of the input does not decide.
    fn check_text(&mut self, start: usize) -> Result<(), ProtocolError> {
        if self.kind == Some(Kind::Text) { self.text.grow(&self.bytes, start) } else { Ok(()) }
    }

    /// Appends bytes unmasked. Room is made for as much again as has arrived, but not for more than the frame has.
    fn keep(&mut self, part: &[u8], mask: [u8; 4], left: u64) {
        if self.bytes.capacity() - self.bytes.len() < part.len() {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let ahead = (self.bytes.len() + part.len()).max(STEP_BYTES).min(left);
            self.bytes.reserve_exact(part.len() + ahead);
        }
        mask::append(part, &mut self.bytes, mask);
    }
}

/// Returns how long a message of this length is at most when it is compressed: what zlib's `deflateBound` says for any
/// settings, and some blocks that are empty.
const fn longest_compressed(length: u64) -> u64 {
    length.saturating_add(length >> 3).saturating_add(length >> 6).saturating_add(64)
}
