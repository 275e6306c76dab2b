//! What a hostile client sends: bits that were not agreed, data that is not deflate's, and bombs.

use websocket::{Limits, ProtocolError};

use crate::peer::{Deflater, deflated, noise, with_final_block};
use crate::support::{
    BINARY, CLOSE, CONTINUATION, Connection, FIN, PING, PONG, RSV1, Seen, TEXT, agreed, frame, read,
    read_within,
};
use crate::{OWN, SHARED};

const BOMB_BYTES: usize = 16 * 1024 * 1024;

fn errors(input: &[u8]) -> Vec<ProtocolError> {
    let last = |offer| match read(Some(agreed(offer)), input).pop() {
        Some(Seen::Error(error)) => error,
        other => panic!("{other:?} is no error"),
    };
    vec![last(SHARED), last(OWN)]
}

#[test]
fn the_compression_bit_without_agreement() {
    let compressed = frame(TEXT | RSV1, &deflated(b"hi"));
    assert_eq!(read(None, &compressed), [Seen::Error(ProtocolError::ReservedBit)]);
}

#[test]
fn the_compression_bit_where_it_has_no_meaning() {
    for first in [PING, PONG, CLOSE] {
        assert_eq!(errors(&frame(first | RSV1, b"")), [ProtocolError::ReservedBit; 2]);
    }
    for first in [CONTINUATION | RSV1, (CONTINUATION | RSV1) - FIN] {
        for begin in [TEXT, TEXT | RSV1] {
            let input = [frame(begin - FIN, b""), frame(first, b"")].concat();
            assert_eq!(errors(&input), [ProtocolError::ReservedBit; 2]);
        }
    }
    assert_eq!(errors(&frame(TEXT | RSV1 | 0x20, b"")), [ProtocolError::ReservedBit; 2]);
}

#[test]
fn data_that_is_not_deflates() {
    for payload in [
        // A block of the reserved type, a distance beyond the beginning, a length that contradicts itself.
        &b"\x07\x00"[..],
        b"\x03\x02\x00",
        b"\x4a\x04\xa2\x00\x00",
        b"\x00\x05\x00\x00\x00Hello\x00",
        b"\xff\xff\xff\xff",
    ] {
        assert_eq!(errors(&frame(BINARY | RSV1, payload)), [ProtocolError::Deflate; 2], "{payload:x?}");
    }
}

#[test]
fn a_payload_that_ends_inside_a_block() {
    let payload = deflated(b"abcdefghijklmnopqrstuvwxyz0123456789");
    for length in 1..payload.len() {
        assert_eq!(
            errors(&frame(BINARY | RSV1, &payload[..length])),
            [ProtocolError::Deflate; 2],
            "{length}"
        );
    }
    // The end of the message would be the content of the block.
    assert_eq!(errors(&frame(BINARY | RSV1, b"\x00\x09\x00\xf6\xffHello")), [ProtocolError::Deflate; 2]);
    // The payload must end where a sender has flushed: not with a final block.
    assert_eq!(errors(&frame(BINARY | RSV1, &with_final_block(b"Hello"))), [ProtocolError::Deflate; 2]);
}

#[test]
fn bytes_behind_a_final_block() {
    let behind = |more: &[u8]| frame(BINARY | RSV1, &[&with_final_block(b"Hello")[..], more].concat());
    assert_eq!(errors(&behind(b"garbage")), [ProtocolError::Deflate; 2]);
    assert_eq!(errors(&behind(b"\x07")), [ProtocolError::Deflate; 2]);
    let twice = behind(&[&with_final_block(b"Hello")[..], b"\x00"].concat());
    for offer in [SHARED, OWN] {
        assert_eq!(read(Some(agreed(offer)), &twice), [Seen::Binary(b"HelloHello".to_vec())]);
    }
}

#[test]
fn an_error_leaves_the_shared_inflater_usable() {
    let mut one = Connection::new(Some(agreed(SHARED)));
    assert_eq!(one.feed(&frame(BINARY | RSV1, b"\x07\x00")), [Seen::Error(ProtocolError::Deflate)]);
    let mut two = Connection { workspace: one.workspace, ..Connection::new(Some(agreed(SHARED))) };
    assert_eq!(two.feed(&frame(TEXT | RSV1, &deflated(b"fine"))), [Seen::Text("fine".into())]);
}

#[test]
fn the_limit_of_a_message_is_that_of_its_content() {
    for offer in [SHARED, OWN] {
        let agreed = Some(agreed(offer));
        for length in [0, 1, 100, 5000, 70_000] {
            let limits = Limits { frame_bytes: u64::MAX, message_bytes: length };
            let length = usize::try_from(length).expect("a small number");
            for data in [vec![0; length], noise(length)] {
                let fits = frame(BINARY | RSV1, &deflated(&data));
                assert_eq!(read_within(agreed, limits, &fits), [Seen::Binary(data.clone())]);
                let above = frame(BINARY | RSV1, &deflated(&[&data[..], b"x"].concat()));
                let too_long = Seen::Error(ProtocolError::MessageTooLong);
                assert_eq!(read_within(agreed, limits, &above), [too_long], "{length}");
            }
        }
    }
}

#[test]
fn the_limit_of_a_frame_is_that_of_its_payload() {
    let payload = deflated(&[0; 5000]);
    let limits = Limits { frame_bytes: payload.len() as u64, message_bytes: 5000 };
    let input = frame(BINARY | RSV1, &payload);
    let smaller = Limits { frame_bytes: limits.frame_bytes - 1, ..limits };
    for offer in [SHARED, OWN] {
        assert_eq!(read_within(Some(agreed(offer)), limits, &input), [Seen::Binary(vec![0; 5000])]);
        let too_long = Seen::Error(ProtocolError::FrameTooLong);
        assert_eq!(read_within(Some(agreed(offer)), smaller, &input), [too_long]);
    }
}

#[test]
fn compressed_bytes_that_become_nothing_have_a_limit() {
    // Empty blocks without end: nothing is inflated, but the bytes of a shared inflater's message are kept.
    let blocks = b"\x00\x00\x00\xff\xff".repeat(200);
    let limits = Limits { frame_bytes: u64::MAX, message_bytes: 10_000 };
    for offer in [SHARED, OWN] {
        let mut connection = Connection { limits, ..Connection::new(Some(agreed(offer))) };
        assert_eq!(connection.feed(&frame((BINARY | RSV1) - FIN, &blocks)), []);
        let seen: Vec<Seen> =
            (0..100).flat_map(|_| connection.feed(&frame(CONTINUATION - FIN, &blocks))).take(1).collect();
        assert_eq!(seen, [Seen::Error(ProtocolError::MessageTooLong)]);
    }
}

#[test]
fn final_blocks_without_end() {
    // After each of them the inflater is given its window again.
    let empty = |count| [&with_final_block(&noise(5000))[..], &b"\x03\x00".repeat(count), b"\x00"].concat();
    for offer in [SHARED, OWN] {
        let some = read(Some(agreed(offer)), &frame(BINARY | RSV1, &empty(100)));
        assert_eq!(some, [Seen::Binary(noise(5000))]);
    }
    assert_eq!(errors(&frame(BINARY | RSV1, &empty(2000))), [ProtocolError::Deflate; 2]);
}

#[test]
fn a_bomb_is_refused_when_the_limit_is_passed() {
    let bomb = frame(BINARY | RSV1, &deflated(&vec![0; BOMB_BYTES]));
    assert!(bomb.len() < 17_000, "{} bytes", bomb.len());
    let limits = Limits { frame_bytes: u64::MAX, message_bytes: 1 << 20 };
    for offer in [SHARED, OWN] {
        for pieces in [1, 7, bomb.len()] {
            let mut connection = Connection { limits, ..Connection::new(Some(agreed(offer))) };
            let seen = bomb.chunks(bomb.len().div_ceil(pieces)).map(|piece| connection.feed(piece));
            let seen = seen.filter(|seen| !seen.is_empty()).take(1).last();
            assert_eq!(seen, Some(vec![Seen::Error(ProtocolError::MessageTooLong)]));
        }
    }
}

#[test]
fn a_context_is_not_a_way_around_the_limit() {
    let limits = Limits { frame_bytes: u64::MAX, message_bytes: 3000 };
    let mut connection = Connection { limits, ..Connection::new(Some(agreed(OWN))) };
    let (mut deflater, data) = (Deflater::new(12), noise(3000));
    assert_eq!(
        connection.feed(&frame(BINARY | RSV1, &deflater.message(&data))),
        [Seen::Binary(data.clone())]
    );
    let again = frame(BINARY | RSV1, &deflater.message(&[&data[..], b"x"].concat()));
    assert!(again.len() < 100);
    assert_eq!(connection.feed(&again), [Seen::Error(ProtocolError::MessageTooLong)]);
}
