//! A client's half of permessage-deflate (RFC 7692), made with flate2 alone.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a sender leaves out at the end of a message.
pub(crate) const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compresses messages with a context that goes on.
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new(window_bits: u8) -> Self {
        Self(Compress::new_with_window_bits(Compression::new(6), false, window_bits))
    }

    /// The payload of a message.
    pub(crate) fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() * 2 + 64);
        self.0.compress_vec(data, &mut out, FlushCompress::Sync).expect("deflate");
        // A compressor that was flushed before puts nothing into an empty message.
        if !out.is_empty() {
            assert_eq!(out.split_off(out.len() - FLUSHED.len()), FLUSHED);
        }
        out
    }
}

/// The payload of one message without context.
pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    Deflater::new(15).message(data)
}

/// The same, as a stream with a final block (RFC 7692 section 7.2.3.4).
pub(crate) fn with_final_block(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() * 2 + 64);
    let mut compress = Compress::new(Compression::new(6), false);
    assert!(matches!(compress.compress_vec(data, &mut out, FlushCompress::Finish), Ok(Status::StreamEnd)));
    out
}

/// Inflates the payload of a message that has no context.
pub(crate) fn inflated(payload: &[u8], window_bits: u8) -> Vec<u8> {
    let mut inflate = Decompress::new_with_window_bits(false, window_bits);
    let whole = [payload, &FLUSHED].concat();
    let mut out = Vec::with_capacity(32 * 1024 * 1024);
    inflate.decompress_vec(&whole, &mut out, FlushDecompress::None).expect("inflate");
    assert_eq!(inflate.total_in(), whole.len() as u64);
    out
}

/// Bytes that cannot be compressed.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(step).take(length).collect()
}
