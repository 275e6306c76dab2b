//! Compressing a message into the payload of its frame (RFC 7692 section 7.2.1).

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};

use crate::head;
use crate::negotiation::DeflateSettings;

/// What deflate ends a message with when it is flushed, which is not sent (RFC 7692 section 7.2.1).
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];
/// Room that is made at a time for the output.
const LEAST_ROOM: usize = 512;
const MOST_ROOM: usize = 64 * 1024;

/// A compressor that knows nothing of the messages before.
pub(crate) struct Compressor {
    deflate: Compress,
    window_bits: u8,
    level: u32,
}

impl Compressor {
    /// Makes a compressor with a window from 9 to 15 bits.
    pub(crate) fn new(window_bits: u8, settings: &DeflateSettings) -> Self {
        let level = settings.level;
        let deflate = Compress::new_with_window_bits(Compression::new(level.min(9)), false, window_bits);
        Self { deflate, window_bits, level }
    }

    /// Returns whether its output is as agreed and as the settings ask for.
    pub(crate) fn suits(&self, window_bits: u8, settings: &DeflateSettings) -> bool {
        self.window_bits == window_bits && self.level == settings.level
    }

    /// Appends the frame of a message with this first byte. Returns false, and appends nothing, if that does not make the
    /// message shorter.
    pub(crate) fn frame(&mut self, first: u8, data: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        // The length of the payload is known when it is there; its head is moved to it.
        out.resize(start + head::BYTES_AT_MOST, 0);
        let payload = out.len();
        let is_shorter = self.append(data, out);
        if is_shorter {
            out.truncate(out.len() - FLUSHED.len());
            head::place(first, start, payload, out);
        } else {
            out.truncate(start);
        }
        is_shorter
    }

    /// Appends what deflate makes of the data. Returns whether that is shorter.
    fn append(&mut self, data: &[u8], out: &mut Vec<u8>) -> bool {
        self.deflate.reset();
        let (start, mut rest) = (out.len(), data);
        loop {
            out.reserve((data.len() / 4).clamp(LEAST_ROOM, MOST_ROOM));
            let before = self.deflate.total_in();
            if self.deflate.compress_vec(rest, out, FlushCompress::Sync).is_err() {
                return false;
            }
            let used = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(used..).unwrap_or_default();
            let length = out.len() - start;
            if length >= data.len() + FLUSHED.len() {
                return false;
            }
            if rest.is_empty() && out.len() < out.capacity() {
                return out.ends_with(&FLUSHED);
            }
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compressor").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}
