//! Masking of payloads (RFC 6455 section 5.3): each byte is XORed with one of the four of a key, in turn.
//!
//! The bytes are handled in lanes of a fixed size, which the compiler turns into vector instructions of any machine.

/// The size of a vector register on the oldest machines. It is a multiple of the key's length, so a key begins with each
/// lane anew.
const LANE: usize = 16;

/// Bytes that are looked at between two decisions whether to go on looking for ASCII, and appended between two passes of
/// unmasking, so that the second one finds them in the cache. A multiple of the lane.
const BLOCK: usize = 4096;

/// Returns the key for the bytes that follow the first `by` ones.
#[inline]
pub(crate) fn rotated(mut mask: [u8; 4], by: usize) -> [u8; 4] {
    mask.rotate_left(by % 4);
    mask
}

/// Unmasks the bytes of a [`Payload::Masked`](crate::Payload::Masked) in place (RFC 6455 section 5.3).
#[inline]
pub fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let key = lane(mask);
    let (lanes, rest) = bytes.as_chunks_mut::<LANE>();
    for lane in lanes {
        *lane = xor(lane, key);
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

/// Copies the bytes unmasked. Both slices have the same length.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8], mask: [u8; 4]) {
    assert_eq!(from.len(), to.len(), "a payload is copied to a buffer of its length");
    let key = lane(mask);
    let (lanes, rest) = from.as_chunks::<LANE>();
    let (places, place) = to.as_chunks_mut::<LANE>();
    for (lane, place) in lanes.iter().zip(places) {
        *place = xor(lane, key);
    }
    place.iter_mut().zip(rest).zip(key).for_each(|((place, byte), key)| *place = byte ^ key);
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
    let key = lane(mask);
    bytes.chunks(BLOCK).all(|block| {
        let (lanes, rest) = block.as_chunks::<LANE>();
        let mut high = [0; LANE];
        for lane in lanes {
            for ((high, byte), key) in high.iter_mut().zip(lane).zip(key) {
                *high |= byte ^ key;
            }
        }
        let rest = rest.iter().zip(key).fold(0, |high, (byte, key)| high | (byte ^ key));
        high.into_iter().fold(rest, |high, byte| high | byte).is_ascii()
    })
}

/// Returns the key for a lane.
#[inline]
fn lane(mask: [u8; 4]) -> [u8; LANE] {
    let mut key = [0; LANE];
    key.as_chunks_mut::<4>().0.fill(mask);
    key
}

#[inline]
fn xor(lane: &[u8; LANE], key: [u8; LANE]) -> [u8; LANE] {
    let mut unmasked = *lane;
    unmasked.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    unmasked
}
