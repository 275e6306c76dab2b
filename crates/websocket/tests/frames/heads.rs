//! The head of a frame: reserved bits and opcodes, masks, lengths (RFC 6455 sections 5.1 and 5.2).

use websocket::ProtocolError;

use crate::support::{BINARY, CONTINUATION, FIN, MASK, Seen, TEXT, frame, read};

fn error(input: &[u8]) -> ProtocolError {
    match read(None, input).pop() {
        Some(Seen::Error(error)) => error,
        other => panic!("{other:?} is no error"),
    }
}

#[test]
fn reserved_bits() {
    for bits in [0x40, 0x20, 0x10, 0x30, 0x70] {
        for first in [TEXT, BINARY, 0x88, 0x89, 0x8a] {
            assert_eq!(error(&frame(first | bits, b"")), ProtocolError::ReservedBit);
        }
    }
}

#[test]
fn reserved_opcodes() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(error(&frame(FIN | opcode, b"a")), ProtocolError::ReservedOpcode);
        assert_eq!(error(&frame(opcode, b"")), ProtocolError::ReservedOpcode);
    }
}

#[test]
fn an_error_is_found_with_the_first_two_bytes() {
    assert_eq!(error(&[0x83, 0x80]), ProtocolError::ReservedOpcode);
    assert_eq!(error(&[TEXT, 0x7f]), ProtocolError::Unmasked);
}

#[test]
fn frames_without_a_mask() {
    for first in [TEXT, BINARY, 0x88, 0x89, 0x8a] {
        assert_eq!(error(&[first, 0]), ProtocolError::Unmasked);
        assert_eq!(error(&[first, 2, 0x03, 0xe8]), ProtocolError::Unmasked);
    }
}

#[test]
fn a_length_has_the_fewest_bytes() {
    let with = |length: &[u8]| [&[BINARY], length, &MASK, &[0; 200]].concat();
    assert_eq!(error(&with(&[0xfe, 0, 0])), ProtocolError::LengthNotMinimal);
    assert_eq!(error(&with(&[0xfe, 0, 125])), ProtocolError::LengthNotMinimal);
    assert_eq!(error(&with(&[0xff, 0, 0, 0, 0, 0, 0, 0, 126])), ProtocolError::LengthNotMinimal);
    assert_eq!(error(&with(&[0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff])), ProtocolError::LengthNotMinimal);
}

#[test]
fn the_highest_bit_of_a_length() {
    let with = |high: u8| [&[BINARY, 0xff, high, 0, 0, 0, 0, 1, 0, 0][..], &MASK].concat();
    assert_eq!(error(&with(0x80)), ProtocolError::LengthOutOfRange);
    assert_eq!(error(&with(0xff)), ProtocolError::LengthOutOfRange);
    assert_eq!(read(None, &with(0x7f)), []);
}

#[test]
fn each_form_of_length_up_to_its_ends() {
    for length in [0, 1, 125, 126, 127, 128, 65534, 65535, 65536, 65537] {
        let payload: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
        let input = [frame(BINARY, &payload), frame(TEXT, b"next")].concat();
        assert_eq!(read(None, &input), [Seen::Binary(payload), Seen::Text("next".into())]);
    }
}

#[test]
fn continuations_need_a_message_and_messages_an_end() {
    assert_eq!(error(&frame(CONTINUATION, b"a")), ProtocolError::UnexpectedContinuation);
    assert_eq!(error(&frame(CONTINUATION - FIN, b"a")), ProtocolError::UnexpectedContinuation);
    let after_a_message = [frame(TEXT, b"a"), frame(CONTINUATION, b"b")].concat();
    assert_eq!(error(&after_a_message), ProtocolError::UnexpectedContinuation);
    for second in [TEXT, BINARY, TEXT - FIN, BINARY - FIN] {
        let inside = [frame(TEXT - FIN, b"a"), frame(second, b"b")].concat();
        assert_eq!(error(&inside), ProtocolError::UnfinishedMessage);
    }
}

#[test]
fn every_later_call_has_the_same_error() {
    let mut connection = crate::support::Connection::new(None);
    let failed = [Seen::Error(ProtocolError::ReservedOpcode)];
    assert_eq!(connection.feed(&frame(0x83, b"")), failed);
    assert_eq!(connection.feed(&frame(TEXT, b"valid")), failed);
    assert_eq!(connection.feed(b""), failed);
    assert!(!connection.receiver.is_between_messages());
}
