//! Where records of TLS end, however their bytes arrive.

use proptest::prelude::*;
use stream::{DATA_AT_MOST, Records, WholeRecords};

/// A record with so much behind its header.
fn record(kind: u8, length: usize) -> Vec<u8> {
    let [.., high, low] = length.to_be_bytes();
    let mut bytes = vec![kind, 3, 3, high, low];
    bytes.resize(5 + length, 0xAB);
    bytes
}

fn found(count: usize, length: usize) -> WholeRecords {
    WholeRecords { count, length }
}

#[test]
fn whole_records_are_taken_and_a_part_is_left() {
    let bytes = [record(22, 3), record(23, 0), record(23, DATA_AT_MOST + 256), record(21, 2)].concat();
    let rest = bytes.len() - 1;
    assert_eq!(Records::default().take(&bytes), found(4, bytes.len()));
    assert_eq!(Records::default().take(&bytes[..rest]), found(3, bytes.len() - 7));
    assert_eq!(Records::default().take(&[]), found(0, 0));
}

#[test]
fn a_header_in_parts_is_waited_for() {
    let bytes = record(23, 1);
    for length in 0..bytes.len() {
        assert_eq!(Records::default().take(&bytes[..length]), found(0, 0), "{length} bytes");
    }
    assert_eq!(Records::default().take(&bytes), found(1, 6));
}

#[test]
fn what_is_no_record_is_passed_on_at_once() {
    for bytes in [&b"G"[..], b"GET / HTTP/1.1\r\n", &[22, 2], &[0x80, 0x2E, 1, 3, 1]] {
        assert_eq!(Records::default().take(bytes), found(1, bytes.len()), "{bytes:?}");
    }
    let behind = [&record(23, 4)[..], b"SSH-2.0"].concat();
    assert_eq!(Records::default().take(&behind), found(2, behind.len()));
}

#[test]
fn a_record_that_is_too_long_for_tls_1_3_is_passed_on_in_parts() {
    // It is an error in TLS 1.3, which OpenSSL finds at the header, and may be right in TLS 1.2.
    let bytes = [record(23, DATA_AT_MOST + 2048), record(23, 1)].concat();
    let mut records = Records::default();
    assert_eq!(records.take(&bytes[..5]), found(1, 5), "the header is enough");
    assert_eq!(records.take(&bytes[5..100]), found(0, 95), "more of it changes nothing");
    assert_eq!(records.take(&bytes[100..]), found(2, bytes.len() - 100), "its end, and the next one");
}

proptest! {
    #[test]
    fn splits_change_nothing(
        lengths in prop::collection::vec(prop::sample::select(vec![0, 1, 300, DATA_AT_MOST + 256]), 0..6),
        splits in prop::collection::vec(1..40_000_usize, 1..200),
    ) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| record(23, *length)).collect();
        let (mut records, mut kept, mut count, mut taken) = (Records::default(), Vec::new(), 0, 0);
        let mut rest = &bytes[..];
        for split in splits.into_iter().chain([bytes.len()]) {
            let (now, later) = rest.split_at(split.min(rest.len()));
            kept.extend_from_slice(now);
            let whole = records.take(&kept);
            prop_assert!(whole.length <= kept.len());
            kept.drain(..whole.length);
            (count, taken, rest) = (count + whole.count, taken + whole.length, later);
        }
        prop_assert_eq!((count, taken), (lengths.len(), bytes.len()));
    }
}
