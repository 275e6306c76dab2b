//! Inflating the payload of a message (RFC 7692 section 7.2.2), within a limit that is checked while it grows.
//!
//! An inflater of zlib takes 48 kB, whatever its window is. So all connections of a thread share one, which inflates a
//! whole message at a time, and a connection whose client keeps its context holds that alone: the end of what was inflated
//! before, in as many bytes as the agreed window has.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::ProtocolError;
use crate::mask;
use crate::negotiation::MOST_WINDOW_BITS;

/// The end of a message that a sender leaves out, and behind it a final block that is empty: if inflating it adds nothing
/// and ends the stream, the payload ended where the sender had flushed.
const END: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// Bytes that are unmasked at a time. A multiple of the key's length.
const BLOCK_BYTES: usize = 2048;
/// How many final blocks a message may have: some, and one for so many bytes of the payload. After each the inflater is
/// given its whole window again, so a message of nothing else would take a thousand times as long as any other.
const FINAL_BLOCKS: usize = 64;
const BYTES_FOR_FINAL_BLOCK: usize = 64;
/// The least by which a message grows.
const STEP_BYTES: usize = 4096;

/// The context of a client's compressor: what its next message may refer to.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    bytes: Vec<u8>,
    window: usize,
}

impl Context {
    /// Creates the context of a connection without messages.
    pub(crate) const fn new(window_bits: u8) -> Self {
        Self { bytes: Vec::new(), window: 1 << window_bits }
    }

    /// Takes over the end of a message.
    fn push(&mut self, message: &[u8]) {
        let message = end_of(message, self.window);
        let above = (self.bytes.len() + message.len()).saturating_sub(self.window);
        self.bytes.drain(..above);
        self.bytes.reserve_exact(message.len());
        self.bytes.extend_from_slice(message);
    }
}

/// An inflater, which knows nothing of a message that it has inflated.
pub(crate) struct Inflater {
    inflate: Decompress,
    /// How many more final blocks the current message may have.
    final_blocks_left: usize,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        let inflate = Decompress::new_with_window_bits(false, MOST_WINDOW_BITS);
        Self { inflate, final_blocks_left: 0 }
    }

    /// Inflates the payload of a message and appends it to `message`, which is empty. With an error it has what was
    /// inflated before, up to the limit.
    pub(crate) fn message(
        &mut self,
        payload: &[u8],
        mask: [u8; 4],
        mut context: Option<&mut Context>,
        message: &mut Vec<u8>,
        bytes_at_most: u64,
    ) -> Result<(), ProtocolError> {
        self.begin(context.as_deref().map_or(&[], |context| &context.bytes))?;
        let mut plain = [0; BLOCK_BYTES];
        self.final_blocks_left = FINAL_BLOCKS + payload.len() / BYTES_FOR_FINAL_BLOCK;
        for block in payload.chunks(BLOCK_BYTES) {
            let plain = &mut plain[..block.len()];
            mask::copy(block, plain, mask);
            self.feed(plain, context.as_deref(), message, bytes_at_most)?;
        }
        // A compressor that is flushed twice puts nothing into an empty message.
        if !payload.is_empty() {
            self.end(message)?;
        }
        if let Some(context) = &mut context {
            context.push(message);
        }
        Ok(())
    }

    /// Begins a message, or goes on with it, with this context.
    fn begin(&mut self, context: &[u8]) -> Result<(), ProtocolError> {
        self.inflate.reset(false);
        let is_set = context.is_empty() || self.inflate.set_dictionary(context).is_ok();
        if is_set { Ok(()) } else { Err(ProtocolError::Deflate) }
    }

    fn feed(
        &mut self,
        mut input: &[u8],
        context: Option<&Context>,
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
                Ok(Status::StreamEnd) => self.go_on_after_final_block(context, message)?,
                Ok(_) if used == 0 && message.len() == before.1 && !input.is_empty() => {
                    return Err(ProtocolError::Deflate);
                }
                Ok(_) => {}
                Err(_) => return Err(ProtocolError::Deflate),
            }
            // All output is there if there was room for more.
            if input.is_empty() && message.len() < message.capacity() {
                return Ok(());
            }
        }
    }

    /// Goes on after a block that says it is the last one: others may follow (RFC 7692 section 7.2.3.4), and refer to what
    /// is before it.
    #[cold]
    fn go_on_after_final_block(
        &mut self,
        context: Option<&Context>,
        message: &[u8],
    ) -> Result<(), ProtocolError> {
        self.final_blocks_left = self.final_blocks_left.checked_sub(1).ok_or(ProtocolError::Deflate)?;
        let mut whole = context.cloned().unwrap_or(Context::new(MOST_WINDOW_BITS));
        whole.push(message);
        self.begin(&whole.bytes)
    }

    /// Ends a message: what its sender has left out adds nothing.
    fn end(&mut self, message: &mut Vec<u8>) -> Result<(), ProtocolError> {
        message.reserve(1);
        let (length, before) = (message.len(), self.inflate.total_in());
        let status = self.inflate.decompress_vec(&END, message, FlushDecompress::None);
        let is_used = self.inflate.total_in() - before == END.len() as u64;
        if matches!(status, Ok(Status::StreamEnd)) && is_used && message.len() == length {
            return Ok(());
        }
        message.truncate(length);
        Err(ProtocolError::Deflate)
    }
}

/// Makes room for as much again as the message has, but not for more than one byte above the limit.
fn make_room(message: &mut Vec<u8>, bytes_at_most: u64) {
    if message.len() == message.capacity() {
        let left = bytes_at_most.saturating_sub(message.len() as u64).saturating_add(1);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let ahead = message.len().max(STEP_BYTES);
        // The last step is not followed by one for a single byte.
        message.reserve_exact(if ahead + STEP_BYTES < left { ahead } else { left });
    }
}

/// Returns the last bytes, at most this many.
fn end_of(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(most)..]
}

impl fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inflater").finish_non_exhaustive()
    }
}
