//! Promises for any bytes and any messages: no split of the input changes what is reported.

#[path = "../support/peer.rs"]
mod peer;
mod splits;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_split(input in prop::collection::vec(any::<u8>(), 0..200)) {
        splits::check(&input);
    }

    #[test]
    fn frames_with_any_head_in_any_split(frames in prop::collection::vec(any_frame(), 0..8)) {
        splits::check(&frames.concat());
    }
}

/// A masked frame that is often valid, and sometimes is not.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x80, 0x00, 0x89, 0x8a, 0xc1, 0xc2, 0x41, 0x42]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30),
        prop::collection::vec(any::<u8>(), 100..150),
        any::<String>().prop_map(String::into_bytes),
        any::<String>().prop_map(|text| peer::deflated(text.as_bytes())),
        Just(peer::deflated(&[b'a'; 5000])),
    ];
    (first, payload).prop_map(|(first, payload)| support::frame(first, &payload))
}
