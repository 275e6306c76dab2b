//! Control frames (RFC 6455 section 5.5) and close codes (section 7.4).

use websocket::{ProtocolError, may_be_sent};

use crate::support::{CLOSE, CONTINUATION, Connection, FIN, PING, PONG, Seen, TEXT, frame, read};

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

#[test]
fn pings_and_pongs_up_to_the_longest() {
    for length in [0, 1, 2, 124, 125] {
        let data: Vec<u8> = (0..length).collect();
        let input = [frame(PING, &data), frame(PONG, &data), frame(PING, b"next")].concat();
        let seen = [Seen::Ping(data.clone()), Seen::Pong(data), Seen::Ping(b"next".to_vec())];
        assert_eq!(read(None, &input), seen);
    }
}

#[test]
fn a_control_frame_is_neither_long_nor_fragmented() {
    for first in [PING, PONG, CLOSE] {
        for length in [126, 127, 65536] {
            let long = frame(first, &vec![0; length]);
            assert_eq!(read(None, &long), [Seen::Error(ProtocolError::LongControl)]);
        }
        let part = frame(first - FIN, b"");
        assert_eq!(read(None, &part), [Seen::Error(ProtocolError::FragmentedControl)]);
    }
}

#[test]
fn between_the_frames_of_a_message() {
    let input = [
        frame(TEXT - FIN, b"one"),
        frame(PING, b"1"),
        frame(CONTINUATION - FIN, b""),
        frame(PONG, b""),
        frame(PING, b"2"),
        frame(CONTINUATION, b" two"),
    ];
    let seen = [
        Seen::Ping(b"1".to_vec()),
        Seen::Pong(Vec::new()),
        Seen::Ping(b"2".to_vec()),
        Seen::Text("one two".into()),
    ];
    assert_eq!(read(None, &input.concat()), seen);
}

#[test]
fn a_close_frame_with_and_without_code_and_reason() {
    assert_eq!(read(None, &frame(CLOSE, b"")), [Seen::Close(1005, String::new())]);
    assert_eq!(read(None, &close(1000, b"")), [Seen::Close(1000, String::new())]);
    assert_eq!(read(None, &close(1001, "bis später".as_bytes())), [Seen::Close(1001, "bis später".into())]);
    let longest = "x".repeat(123);
    assert_eq!(read(None, &close(4999, longest.as_bytes())), [Seen::Close(4999, longest)]);
}

#[test]
fn half_a_code() {
    assert_eq!(read(None, &frame(CLOSE, &[3])), [Seen::Error(ProtocolError::HalfCloseCode)]);
}

#[test]
fn every_code() {
    for code in 0..=u16::MAX {
        let mut connection = Connection::new(None);
        let is_valid = matches!(code, 1000 | 1001 | 1002 | 1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(may_be_sent(code), is_valid, "{code}");
        let expected =
            if is_valid { Seen::Close(code, "why".into()) } else { Seen::Error(ProtocolError::CloseCode) };
        assert_eq!(connection.feed(&close(code, b"why")), [expected]);
    }
}

#[test]
fn a_reason_is_utf8() {
    for reason in
        [&b"\xff"[..], b"ok\xc3", b"\xed\xa0\x80", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed"]
    {
        assert_eq!(read(None, &close(1000, reason)), [Seen::Error(ProtocolError::CloseReason)]);
    }
}

#[test]
fn nothing_is_read_after_a_close_frame() {
    let mut connection = Connection::new(None);
    let input = [close(1000, b""), vec![0xff; 10]].concat();
    assert_eq!(connection.feed(&input), [Seen::Close(1000, String::new())]);
    assert_eq!(connection.feed(&frame(TEXT, b"late")), []);
    assert_eq!(connection.feed(&[0xff; 100]), []);
    assert!(!connection.receiver.is_between_messages());
}

#[test]
fn a_close_frame_inside_a_message_ends_it() {
    let input = [frame(TEXT - FIN, b"one"), close(1001, b"")].concat();
    assert_eq!(read(None, &input), [Seen::Close(1001, String::new())]);
}
