//! Inflating the payload of a message (RFC 7692 section 7.2.2), within a limit that is checked while it grows.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::ProtocolError;
use crate::mask;
use crate::negotiation::MOST_WINDOW_BITS;

/// The end of a message that a sender leaves out, and behind it a final block that is empty.
const END: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// The part of it after which the next message goes on with the same context.
const FLUSHED: usize = 4;
/// Bytes that are unmasked at a time.
const BLOCK: usize = 2048;
/// The least by which a message grows.
const STEP_BYTES: usize = 4096;

/// An inflater, for the messages of one connection or for one message at a time of any.
pub(crate) struct Inflater {
    inflate: Decompress,
    window_bits: u8,
    keeps_context: bool,
}

impl Inflater {
    /// Makes an inflater whose context is that of the messages before, with a window from 9 to 15 bits.
    pub(crate) fn of_connection(window_bits: u8) -> Self {
        let inflate = Decompress::new_with_window_bits(false, window_bits);
        Self { inflate, window_bits, keeps_context: true }
    }

    /// Makes an inflater of messages that have no context.
    pub(crate) fn of_messages() -> Self {
        let inflate = Decompress::new_with_window_bits(false, MOST_WINDOW_BITS);
        Self { inflate, window_bits: MOST_WINDOW_BITS, keeps_context: false }
    }

    /// Forgets the message before, for a message that has no context.
    pub(crate) fn begin_message(&mut self) {
        self.inflate.reset(false);
    }

    /// Inflates a part of a payload and appends the result.
    pub(crate) fn append(
        &mut self,
        part: &[u8],
        mask: [u8; 4],
        message: &mut Vec<u8>,
        bytes_at_most: u64,
    ) -> Result<(), ProtocolError> {
        let mut plain = [0; BLOCK];
        // The length of a block is a multiple of the key's.
        for block in part.chunks(BLOCK) {
            let plain = &mut plain[..block.len()];
            mask::copy(block, plain, mask);
            self.feed(plain, message, bytes_at_most)?;
        }
        Ok(())
    }

    fn feed(
        &mut self,
        mut input: &[u8],
        message: &mut Vec<u8>,
        bytes_at_most: u64,
    ) -> Result<(), ProtocolError> {
        loop {
            make_room(message, bytes_at_most);
            let before = (self.inflate.total_in(), message.len());
            let status = self.inflate.decompress_vec(input, message, FlushDecompress::None);
            let used = usize::try_from(self.inflate.total_in() - before.0).unwrap_or(usize::MAX);
            input = input.get(used..).unwrap_or_default();
            if message.len() as u64 > bytes_at_most {
                message.truncate(usize::try_from(bytes_at_most).unwrap_or(usize::MAX));
                return Err(ProtocolError::MessageTooLong);
            }
            match status {
                Ok(Status::StreamEnd) => self.go_on_after_final_block(message)?,
                Ok(_) if used == 0 && message.len() == before.1 && !input.is_empty() => {
                    return Err(ProtocolError::Deflate);
                }
                Ok(_) => {}
                Err(_) => return Err(ProtocolError::Deflate),
            }
            // Output is complete if there was room for more.
            if input.is_empty() && message.len() < message.capacity() {
                return Ok(());
            }
        }
    }

    /// Goes on after a block that says it is the last one: other blocks may follow (RFC 7692 section 7.2.3.4), and refer to
    /// what is before it. Of messages before this one nothing is known any more.
    #[cold]
    fn go_on_after_final_block(&mut self, message: &[u8]) -> Result<(), ProtocolError> {
        self.inflate.reset(false);
        let window = message.len().min(1 << self.window_bits);
        let dictionary = &message[message.len() - window..];
        let is_set = dictionary.is_empty() || self.inflate.set_dictionary(dictionary).is_ok();
        if is_set { Ok(()) } else { Err(ProtocolError::Deflate) }
    }

    /// Ends a message: its payload must end where a sender has flushed, so what it has left out adds nothing.
    pub(crate) fn end_message(&mut self, message: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let end = if self.keeps_context { &END[..FLUSHED] } else { &END };
        message.reserve(1);
        let (length, before) = (message.len(), self.inflate.total_in());
        let status = self.inflate.decompress_vec(end, message, FlushDecompress::None);
        let is_used = self.inflate.total_in() - before == end.len() as u64;
        let is_at_end = matches!(status, Ok(Status::StreamEnd)) != self.keeps_context;
        if status.is_ok() && is_used && is_at_end && message.len() == length {
            Ok(())
        } else {
            message.truncate(length);
            Err(ProtocolError::Deflate)
        }
    }
}

/// Makes room for as much again as the message has, but not for more than one byte above the limit.
fn make_room(message: &mut Vec<u8>, bytes_at_most: u64) {
    if message.len() == message.capacity() {
        let left = bytes_at_most.saturating_sub(message.len() as u64).saturating_add(1);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        message.reserve_exact(message.len().max(STEP_BYTES).min(left));
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inflater").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}
