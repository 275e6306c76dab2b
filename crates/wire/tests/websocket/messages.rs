//! Messages in and out (RFC 6455 sections 5 and 6).

use websocket::Kind;
use wire::{Action, Received, RequestId, SendError};

use crate::site::{BINARY, FIRST, PING, PONG, TEXT, accepted, binary, frame, text};

#[test]
fn messages_arrive_in_order_each_in_one_piece() {
    let mut site = accepted();
    assert_eq!(site.receive(FIRST), Received::Nothing);
    let fragments = [frame(0x01, b"a"), frame(0x00, b"b"), frame(PING, b"?"), frame(0x80, b"c")].concat();
    site.receives([frame(BINARY, b"\x00\xff"), fragments, frame(TEXT, b"")].concat());
    assert!(site.has(Action::WakeReceive));
    let wanted =
        [(Kind::Binary, b"\x00\xff".to_vec()), (Kind::Text, b"abc".to_vec()), (Kind::Text, Vec::new())];
    assert_eq!(site.takes_all(), wanted);
    assert_eq!(site.take_frames(), [(PONG, b"?".to_vec())]);
    assert_eq!(site.receive(FIRST), Received::Nothing);
}

#[test]
fn messages_are_frames_of_any_length() {
    for length in [0, 1, 125, 126, 1024, 1025, 65535, 65536, 200_000] {
        let mut site = accepted();
        let data = vec![b'x'; length];
        assert!(site.sends(binary(&data)).is_ok());
        assert!(site.sends(text(std::str::from_utf8(&data).unwrap())).is_ok());
        assert_eq!(site.take_frames(), [(BINARY, data.clone()), (TEXT, data)], "{length}");
    }
}

#[test]
fn calls_for_another_request_reach_nobody() {
    let mut site = accepted();
    let other = RequestId(2);
    assert_eq!(site.send(other, text("x")).unwrap_err(), SendError::Complete);
    assert_eq!(site.receive(other), Received::Disconnect { is_cut: false });
    assert_eq!(site.written, b"");
}

#[test]
fn each_byte_alone_makes_the_same_messages() {
    let bytes = [frame(TEXT, "grüße".as_bytes()), frame(BINARY, &[9; 300]), frame(PING, b"p")].concat();
    let mut site = accepted();
    for byte in &bytes {
        site.receives([*byte]);
    }
    assert_eq!(site.takes_all(), [(Kind::Text, "grüße".into()), (Kind::Binary, vec![9; 300])]);
    assert_eq!(site.take_frames(), [(PONG, b"p".to_vec())]);
}
