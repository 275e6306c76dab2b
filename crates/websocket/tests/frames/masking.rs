//! Unmasking, and looking for ASCII in masked bytes (RFC 6455 section 5.3): the vector code against a byte at a time.

use websocket::{Event, Limits, Payload, Receiver, Workspace};

use crate::support::{BINARY, TEXT, frame_with};

const MASKS: [[u8; 4]; 5] =
    [[0; 4], [0xff; 4], [1, 2, 3, 4], [0x80, 0, 0x7f, 0x81], [0x12, 0x80, 0xfe, 0x80]];
/// Each length of a few lanes, and lengths around a block.
const LENGTHS: [std::ops::Range<usize>; 2] = [0..100, 4092..4100];

fn lengths() -> impl Iterator<Item = usize> {
    LENGTHS.into_iter().flatten()
}

/// Receives one frame. Returns whether it was reported still masked, and its bytes.
fn receive(input: &[u8]) -> (bool, Vec<u8>) {
    let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
    match receiver.receive(&mut &input[..], &Limits::UNLIMITED, &workspace) {
        Ok(Event::Message { payload, .. }) => {
            let mut copy = vec![0; payload.len()];
            payload.copy_to(&mut copy);
            assert_eq!(copy, payload.to_vec());
            (matches!(payload, Payload::Masked { .. }), copy)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_of_each_length_with_each_mask() {
    for mask in MASKS {
        for length in lengths() {
            let bytes: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
            assert_eq!(receive(&frame_with(mask, BINARY, &bytes)), (true, bytes));
        }
    }
}

#[test]
fn bytes_in_two_reads() {
    for mask in MASKS {
        for length in lengths() {
            let bytes: Vec<u8> = (0_u8..=255).rev().cycle().take(length).collect();
            let input = frame_with(mask, BINARY, &bytes);
            for at in [1, 7, 9, 11, 40, input.len() / 2, input.len() - 1] {
                let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
                let at = at.min(input.len() - 1);
                let first = receiver.receive(&mut &input[..at], &Limits::UNLIMITED, &workspace);
                assert_eq!(first, Ok(Event::NeedInput));
                match receiver.receive(&mut &input[at..], &Limits::UNLIMITED, &workspace) {
                    Ok(Event::Message { payload, .. }) => assert_eq!(payload.to_vec(), bytes),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn ascii_stays_masked_and_every_other_byte_is_noticed() {
    for mask in MASKS {
        for length in lengths() {
            let mut text = vec![b'\x7f'; length];
            assert_eq!(receive(&frame_with(mask, TEXT, &text)), (true, text.clone()));
            for position in (0..length.saturating_sub(1)).filter(|at| *at < 150 || *at + 30 > length) {
                text[position..position + 2].copy_from_slice("ä".as_bytes());
                assert_eq!(receive(&frame_with(mask, TEXT, &text)), (false, text.clone()));
                text[position..position + 2].fill(b'\0');
            }
        }
    }
}

#[test]
#[should_panic(expected = "a payload is copied to a buffer of its length")]
fn a_buffer_has_the_length_of_the_payload() {
    Payload::Masked { bytes: b"four", mask: [0; 4] }.copy_to(&mut [0; 3]);
}
