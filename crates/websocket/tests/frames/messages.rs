//! Messages of one frame and of several, and what is kept between reads (RFC 6455 section 5.4).

use websocket::{Event, Kind, Limits, Payload, Receiver, Workspace};

use crate::support::{BINARY, CONTINUATION, Connection, FIN, PING, Seen, TEXT, frame, read};

#[test]
fn the_examples_of_the_rfc() {
    assert_eq!(read(None, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [Seen::Text("Hello".into())]);
    assert_eq!(read(None, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [Seen::Pong(b"Hello".to_vec())]);
}

#[test]
fn fragments_make_one_message() {
    let input = [
        frame(BINARY - FIN, &[1, 2]),
        frame(CONTINUATION - FIN, &[]),
        frame(CONTINUATION - FIN, &[3; 300]),
        frame(CONTINUATION, &[4]),
        frame(TEXT - FIN, b""),
        frame(CONTINUATION, b""),
        frame(TEXT - FIN, b""),
        frame(CONTINUATION, b"end"),
    ];
    let binary = [&[1, 2][..], &[3; 300], &[4]].concat();
    let seen = [Seen::Binary(binary), Seen::Text(String::new()), Seen::Text("end".into())];
    assert_eq!(read(None, &input.concat()), seen);
}

#[test]
fn a_whole_frame_is_reported_where_it_lies() {
    let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
    for length in [5, 300, 70_000] {
        let input = frame(BINARY, &vec![7; length]);
        let mut rest = &input[..];
        let event = receiver.receive(&mut rest, &Limits::UNLIMITED, &workspace).unwrap();
        let Event::Message { kind: Kind::Binary, payload: Payload::Masked { bytes, .. } } = event else {
            panic!("{event:?} is not in the input")
        };
        assert_eq!(bytes.as_ptr_range().end, input.as_ptr_range().end);
        assert!(receiver.is_between_messages());
    }
}

#[test]
fn a_text_that_is_not_ascii_is_plain() {
    let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
    let input = frame(TEXT, "Grüße".as_bytes());
    let event = receiver.receive(&mut &input[..], &Limits::UNLIMITED, &workspace).unwrap();
    assert_eq!(event, Event::Message { kind: Kind::Text, payload: Payload::Plain("Grüße".as_bytes()) });
}

#[test]
fn is_between_messages_tells_what_is_kept() {
    let mut connection = Connection::new(None);
    let text = frame(TEXT, b"hello");
    assert!(connection.receiver.is_between_messages());
    for at in 1..text.len() {
        assert_eq!(connection.feed(&text[..at]), []);
        assert!(!connection.receiver.is_between_messages(), "after {at} bytes");
        assert_eq!(connection.feed(&text[at..]), [Seen::Text("hello".into())]);
        assert!(connection.receiver.is_between_messages());
    }
    assert_eq!(connection.feed(&frame(TEXT - FIN, b"")), []);
    assert!(!connection.receiver.is_between_messages());
    assert_eq!(connection.feed(&frame(PING, b"")), [Seen::Ping(Vec::new())]);
    assert!(!connection.receiver.is_between_messages());
    assert_eq!(connection.feed(&frame(CONTINUATION, b"")), [Seen::Text(String::new())]);
    assert!(connection.receiver.is_between_messages());
}

#[test]
fn a_receiver_is_small() {
    assert!(size_of::<Receiver>() <= 112, "{} bytes", size_of::<Receiver>());
}

#[test]
fn an_event_that_is_being_handled_keeps_its_bytes() {
    let workspace = Workspace::default();
    let (mut one, mut two) = (Receiver::new(None), Receiver::new(None));
    let (first, second) = (frame(TEXT, "eins ä".as_bytes()), frame(TEXT, "zwei ö".as_bytes()));
    let held = one.receive(&mut &first[..], &Limits::UNLIMITED, &workspace).unwrap();
    let other = two.receive(&mut &second[..], &Limits::UNLIMITED, &workspace).unwrap();
    assert_eq!(Seen::of(&held), Some(Seen::Text("eins ä".into())));
    assert_eq!(Seen::of(&other), Some(Seen::Text("zwei ö".into())));
}
