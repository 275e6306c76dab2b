//! An input is read as the same events, however it is split.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::reading::{LIMITS, read_pieces, read_whole};
use crate::tables;

#[test]
fn in_two_pieces_wherever_they_meet() {
    for vector in tables() {
        for at in 0..=vector.input.len() {
            let (one, two) = vector.input.split_at(at);
            let reads = read_pieces(&[one, two], LIMITS);
            assert_eq!(reads, vector.reads, "{} {}, split at {at}", vector.section, vector.rule);
        }
    }
}

#[test]
fn byte_by_byte() {
    for vector in tables() {
        let pieces: Vec<&[u8]> = vector.input.chunks(1).collect();
        let reads = read_pieces(&pieces, LIMITS);
        assert_eq!(reads, vector.reads, "{} {}", vector.section, vector.rule);
    }
}

/// Cuts an input at these places.
pub(crate) fn cut<'a>(input: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = places.iter().map(|place| place.index(input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn in_any_pieces(which in any::<Index>(), places in prop::collection::vec(any::<Index>(), 0..6)) {
        let vectors: Vec<_> = tables().collect();
        let vector = vectors[which.index(vectors.len())];
        prop_assert_eq!(read_pieces(&cut(vector.input, &places), LIMITS), vector.reads);
    }

    /// Changes one byte: most of these inputs are in no table.
    #[test]
    fn with_a_byte_changed(
        which in any::<Index>(),
        at in any::<Index>(),
        byte in prop::sample::select(&b"\0\t\n\r \",:;=0a/\x7f\xff"[..]),
        places in prop::collection::vec(any::<Index>(), 1..6),
    ) {
        let vectors: Vec<_> = tables().filter(|vector| !vector.input.is_empty()).collect();
        let mut input = vectors[which.index(vectors.len())].input.to_vec();
        let at = at.index(input.len());
        input[at] = byte;
        prop_assert_eq!(read_pieces(&cut(&input, &places), LIMITS), read_whole(&input));
    }
}
