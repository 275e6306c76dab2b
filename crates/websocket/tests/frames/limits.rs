//! Limits of frames and messages, and memory that grows with what has arrived.

use websocket::{Limits, ProtocolError};

use crate::support::{BINARY, CONTINUATION, Connection, FIN, MASK, PING, Seen, TEXT, frame, read_within};

const FRAME: Limits = Limits { frame_bytes: 10, message_bytes: 25 };

#[test]
fn a_frame_up_to_the_limit() {
    let ten = Seen::Binary(vec![1; 10]);
    assert_eq!(read_within(None, FRAME, &frame(BINARY, &[1; 10])), [ten]);
    let too_long = Seen::Error(ProtocolError::FrameTooLong);
    assert_eq!(read_within(None, FRAME, &frame(BINARY, &[1; 11])), std::slice::from_ref(&too_long));
    // Its head suffices.
    let huge = [&[TEXT, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0][..], &MASK].concat();
    assert_eq!(read_within(None, FRAME, &huge), std::slice::from_ref(&too_long));
    let last = [frame(BINARY - FIN, b"a"), frame(CONTINUATION, &[1; 11])].concat();
    assert_eq!(read_within(None, FRAME, &last), [too_long]);
}

#[test]
fn a_message_up_to_the_limit() {
    let fragments = |last: usize| {
        let parts = [frame(BINARY - FIN, &[1; 10]), frame(CONTINUATION - FIN, &[1; 10])];
        [parts.concat(), frame(CONTINUATION, &vec![1; last])].concat()
    };
    assert_eq!(read_within(None, FRAME, &fragments(5)), [Seen::Binary(vec![1; 25])]);
    assert_eq!(read_within(None, FRAME, &fragments(6)), [Seen::Error(ProtocolError::MessageTooLong)]);
    let limits = Limits { message_bytes: 5, ..Limits::UNLIMITED };
    assert_eq!(read_within(None, limits, &frame(BINARY, &[1; 5])), [Seen::Binary(vec![1; 5])]);
    let too_long = [Seen::Error(ProtocolError::MessageTooLong)];
    assert_eq!(read_within(None, limits, &frame(BINARY, &[1; 6])), too_long);
    assert_eq!(read_within(None, limits, &frame(TEXT, "ääää".as_bytes())), too_long);
}

#[test]
fn control_frames_have_a_limit_of_their_own() {
    let ping = frame(PING, &[1; 125]);
    assert_eq!(read_within(None, FRAME, &ping), [Seen::Ping(vec![1; 125])]);
}

#[test]
fn limits_have_close_codes() {
    assert_eq!(ProtocolError::FrameTooLong.code(), 1009);
    assert_eq!(ProtocolError::MessageTooLong.code(), 1009);
    assert_eq!(ProtocolError::Text.code(), 1007);
    assert_eq!(ProtocolError::ReservedBit.code(), 1002);
}

#[test]
fn empty_fragments_without_end_keep_nothing() {
    let mut connection = Connection::new(None);
    assert_eq!(connection.feed(&frame(TEXT - FIN, b"")), []);
    let empty = frame(CONTINUATION - FIN, b"").repeat(1000);
    for _ in 0..100 {
        assert_eq!(connection.feed(&empty), []);
    }
    assert_eq!(connection.feed(&frame(CONTINUATION, b"end")), [Seen::Text("end".into())]);
}
