//! Masking of payloads (RFC 6455 section 5.3): each byte is XORed with one of the four of a key, in turn.
//!
//! The bytes are handled in lanes, which the compiler turns into vector instructions of any machine: long runs in several
//! lanes at a time, and what is left at the end as the last lane once more, which overlaps the one before.

/// The size of a vector register on the oldest machines. It is a multiple of the key's length, so a key begins with each
/// lane anew.
const LANE: usize = 16;
/// Four lanes, so that a loop does little else than load, XOR and store.
const RUN: usize = 4 * LANE;

/// Bytes that are looked at between two decisions whether to go on looking for ASCII, and appended between two passes of
/// unmasking, so that the second one finds them in the cache. A multiple of a run.
const BLOCK: usize = 4096;

/// Returns the key for the bytes that follow the first `by` ones.
#[inline]
pub(crate) const fn rotated(mask: [u8; 4], by: usize) -> [u8; 4] {
    const BITS: [u32; 4] = [0, 8, 16, 24];
    u32::from_le_bytes(mask).rotate_right(BITS[by % 4]).to_le_bytes()
}

/// Unmasks the bytes of a [`Payload::Masked`](crate::Payload::Masked) in place (RFC 6455 section 5.3).
///
/// ```
/// let mut bytes = *b"\x7f\x9f\x4d\x51\x58";
/// websocket::unmask(&mut bytes, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(&bytes, b"Hello");
/// ```
#[inline]
pub fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let (runs, rest) = bytes.as_chunks_mut::<RUN>();
    let key = repeated(mask);
    for run in runs {
        *run = xor(run, &key);
    }
    let (lanes, rest) = rest.as_chunks_mut::<LANE>();
    let key = repeated(mask);
    for lane in lanes {
        *lane = xor(lane, &key);
    }
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = xor(word, &mask);
    }
    rest.iter_mut().zip(mask).for_each(|(byte, key)| *byte ^= key);
}

/// Copies the bytes unmasked. Both slices have the same length.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8], mask: [u8; 4]) {
    assert_eq!(from.len(), to.len(), "a payload is copied to a buffer of its length");
    let (runs, rest) = from.as_chunks::<RUN>();
    let (places, place) = to.as_chunks_mut::<RUN>();
    let key = repeated(mask);
    for (run, place) in runs.iter().zip(places) {
        *place = xor(run, &key);
    }
    let (lanes, rest) = rest.as_chunks::<LANE>();
    let (places, place) = place.as_chunks_mut::<LANE>();
    let key = repeated(mask);
    for (lane, place) in lanes.iter().zip(places) {
        *place = xor(lane, &key);
    }
    if rest.is_empty() {
        return;
    }
    if from.len() >= LANE {
        if let (Some(last), Some(place)) = (from.last_chunk::<LANE>(), to.last_chunk_mut::<LANE>()) {
            *place = xor(last, &repeated(rotated(mask, from.len())));
        }
        return;
    }
    let (words, rest) = rest.as_chunks::<4>();
    let (places, place) = place.as_chunks_mut::<4>();
    for (word, place) in words.iter().zip(places) {
        *place = xor(word, &mask);
    }
    place.iter_mut().zip(rest).zip(mask).for_each(|((place, byte), key)| *place = byte ^ key);
}

/// Appends the bytes unmasked.
#[inline]
pub(crate) fn append(from: &[u8], to: &mut Vec<u8>, mask: [u8; 4]) {
    to.reserve(from.len());
    for block in from.chunks(BLOCK) {
        let start = to.len();
        to.extend_from_slice(block);
        unmask(&mut to[start..], mask);
    }
}

/// Returns whether the masked bytes are ASCII: the highest bit of each is that of its key.
#[inline]
pub(crate) fn is_ascii(bytes: &[u8], mask: [u8; 4]) -> bool {
    bytes.chunks(BLOCK).all(|block| is_block_ascii(block, mask))
}

#[inline]
fn is_block_ascii(bytes: &[u8], mask: [u8; 4]) -> bool {
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    let key = repeated(mask);
    let mut all = [0; LANE];
    for lane in lanes {
        or(&mut all, &xor(lane, &key));
    }
    if !rest.is_empty() {
        if let Some(last) = bytes.last_chunk::<LANE>() {
            or(&mut all, &xor(last, &repeated(rotated(mask, bytes.len()))));
        } else {
            // Behind the bytes is what the key makes zeros of.
            let mut lane = key;
            lane[..rest.len()].copy_from_slice(rest);
            or(&mut all, &xor(&lane, &key));
        }
    }
    u128::from_ne_bytes(all) & u128::from_ne_bytes([0x80; LANE]) == 0
}

/// Returns the key for so many bytes, a multiple of its length.
#[inline]
fn repeated<const N: usize>(mask: [u8; 4]) -> [u8; N] {
    let mut key = [0; N];
    key.as_chunks_mut::<4>().0.fill(mask);
    key
}

#[inline]
fn xor<const N: usize>(bytes: &[u8; N], key: &[u8; N]) -> [u8; N] {
    let mut unmasked = *bytes;
    unmasked.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    unmasked
}

#[inline]
fn or<const N: usize>(all: &mut [u8; N], bytes: &[u8; N]) {
    all.iter_mut().zip(bytes).for_each(|(all, byte)| *all |= byte);
}
