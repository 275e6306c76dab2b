//! Bytes that are hardly frames, in any pieces.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::feed_http2::check;
use crate::support::frames;

/// A frame with some type, flags, stream and payload, most of which make no sense.
fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        Just(frames::block(&frames::fields("GET", "/"))),
        Just(vec![0, 0, 0, 1]),
        vec(any::<u8>(), 0..40),
    ];
    let kind = prop_oneof![0u8..11, Just(frames::HEADERS), Just(frames::PRIORITY_UPDATE)];
    let flags = prop_oneof![Just(5u8), Just(4), Just(1), Just(0), any::<u8>()];
    (kind, flags, 0..8u32, payload)
        .prop_map(|(kind, flags, stream, payload)| frames::frame(kind, flags, stream, &payload))
}

proptest! {
    #[test]
    fn frames_without_sense(sent in vec(some_frame(), 0..12)) {
        check(&sent.concat());
    }

    #[test]
    fn bytes_without_sense(sent in vec(any::<u8>(), 0..200)) {
        check(&sent);
    }
}
