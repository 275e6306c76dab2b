//! Compressed messages (RFC 7692 sections 6 and 7.2.2), whole and in parts.

use websocket::ProtocolError;

use crate::peer::{Deflater, deflated, with_final_block};
use crate::support::{BINARY, CONTINUATION, Connection, FIN, PING, RSV1, Seen, TEXT, agreed, frame, read};
use crate::{OWN, SHARED};

/// Reads the same bytes with an inflater of messages and with one of the connection.
fn read_both(input: &[u8]) -> Vec<Seen> {
    let shared = read(Some(agreed(SHARED)), input);
    assert_eq!(read(Some(agreed(OWN)), input), shared);
    shared
}

fn hello() -> Vec<Seen> {
    vec![Seen::Text("Hello".into())]
}

#[test]
fn the_examples_of_the_rfc() {
    // Section 7.2.3.1: one frame, and two.
    let payload = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(read_both(&frame(TEXT | RSV1, payload)), hello());
    let two = [frame((TEXT | RSV1) - FIN, &payload[..3]), frame(CONTINUATION, &payload[3..])];
    assert_eq!(read_both(&two.concat()), hello());
    // Section 7.2.3.3: a block without compression.
    assert_eq!(read_both(&frame(TEXT | RSV1, b"\x00\x05\x00\xfa\xffHello\x00")), hello());
    // Section 7.2.3.4: a block that says it is the last one.
    assert_eq!(read_both(&frame(TEXT | RSV1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")), hello());
    // Section 7.2.3.5: two blocks.
    let blocks = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
    assert_eq!(read_both(&frame(TEXT | RSV1, blocks)), hello());
}

#[test]
fn a_context_is_taken_over() {
    // Section 7.2.3.2: the second message refers to the first one.
    let first = frame(TEXT | RSV1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let second = frame(TEXT | RSV1, b"\xf2\x00\x11\x00\x00");
    let both = [first, second].concat();
    assert_eq!(read(Some(agreed(OWN)), &both), [hello(), hello()].concat());
    let lost = Seen::Error(ProtocolError::Deflate);
    assert_eq!(read(Some(agreed(SHARED)), &both), [hello(), vec![lost]].concat());
}

#[test]
fn a_context_as_large_as_was_agreed() {
    let offer = "permessage-deflate; client_max_window_bits=";
    for bits in 9..=15 {
        let (mut connection, mut deflater) = (Connection::new(Some(agreed(&format!("{offer}{bits}")))), None);
        for number in 0..50 {
            let text = format!("message {number} of a client with {bits} bits. ").repeat(number * 10);
            let deflater = deflater.get_or_insert_with(|| Deflater::new(bits.min(12)));
            let input = frame(TEXT | RSV1, &deflater.message(text.as_bytes()));
            assert_eq!(connection.feed(&input), [Seen::Text(text)]);
        }
    }
}

#[test]
fn a_window_of_eight_bits_is_understood() {
    // zlib compresses with 9 bits if it is asked for 8.
    let mut connection = Connection::new(Some(agreed("permessage-deflate; client_max_window_bits=8")));
    let mut deflater = Deflater::new(9);
    for text in ["eight bits ".repeat(100), "again ".repeat(1000)] {
        let input = frame(TEXT | RSV1, &deflater.message(text.as_bytes()));
        assert_eq!(connection.feed(&input), [Seen::Text(text)]);
    }
}

#[test]
fn empty_messages() {
    let long = "not empty".repeat(50);
    let mut deflater = Deflater::new(12);
    let input = [
        // Section 7.2.3.6, then what a compressor that was flushed twice makes of nothing.
        frame(TEXT | RSV1, b"\x00"),
        frame(BINARY | RSV1, b""),
        frame((TEXT | RSV1) - FIN, b""),
        frame(CONTINUATION - FIN, b""),
        frame(CONTINUATION, b""),
        frame((TEXT | RSV1) - FIN, b""),
        frame(CONTINUATION, b"\x00"),
        frame(TEXT | RSV1, &deflater.message(long.as_bytes())),
        frame(BINARY | RSV1, b""),
    ];
    let empty = || Seen::Text(String::new());
    let nothing = || Seen::Binary(Vec::new());
    assert_eq!(
        read_both(&input.concat()),
        [empty(), nothing(), empty(), empty(), Seen::Text(long), nothing()]
    );
}

#[test]
fn each_message_says_whether_it_is_compressed() {
    let input = [
        frame(TEXT | RSV1, &deflated(b"one")),
        frame(TEXT, b"two"),
        frame(TEXT - FIN, b"thr"),
        frame(CONTINUATION, b"ee"),
        frame(BINARY | RSV1, &deflated(b"four")),
    ];
    let seen = [
        Seen::Text("one".into()),
        Seen::Text("two".into()),
        Seen::Text("three".into()),
        Seen::Binary(b"four".to_vec()),
    ];
    assert_eq!(read_both(&input.concat()), seen);
}

#[test]
fn fragments_with_control_frames_between_them() {
    let text = "Ελληνικά, ".repeat(100);
    let payload = deflated(text.as_bytes());
    let (one, rest) = payload.split_at(payload.len() / 3);
    let (two, three) = rest.split_at(1);
    let input = [
        frame((TEXT | RSV1) - FIN, one),
        frame(PING, b"1"),
        frame(CONTINUATION - FIN, two),
        frame(CONTINUATION - FIN, b""),
        frame(PING, b"2"),
        frame(CONTINUATION, three),
    ];
    let pings = [Seen::Ping(b"1".to_vec()), Seen::Ping(b"2".to_vec())];
    assert_eq!(read_both(&input.concat()), [&pings[..], &[Seen::Text(text)]].concat());
}

#[test]
fn connections_take_turns_with_the_shared_inflater() {
    let shared = Some(agreed(SHARED));
    let (mut one, mut two) = (Connection::new(shared), Connection::new(shared));
    let (first, second) = ("eins ".repeat(200), "zwei ".repeat(300));
    let first_frame = frame(TEXT | RSV1, &deflated(first.as_bytes()));
    let second_frame = frame(TEXT | RSV1, &deflated(second.as_bytes()));
    std::mem::swap(&mut one.workspace, &mut two.workspace);
    for (left, right) in [(1, 3), (8, 9), (12, 20)] {
        let workspace = std::mem::take(&mut one.workspace);
        two.workspace = workspace;
        assert_eq!(two.feed(&second_frame[..right]), []);
        one.workspace = std::mem::take(&mut two.workspace);
        assert_eq!(one.feed(&first_frame[..left]), []);
        assert_eq!(one.feed(&first_frame[left..]), [Seen::Text(first.clone())]);
        two.workspace = std::mem::take(&mut one.workspace);
        assert_eq!(two.feed(&second_frame[right..]), [Seen::Text(second.clone())]);
        one.workspace = std::mem::take(&mut two.workspace);
    }
}

#[test]
fn a_text_is_checked_after_inflation() {
    let invalid = Seen::Error(ProtocolError::Text);
    for text in [&b"ok\xff"[..], b"\xf4\x90", "ä".repeat(1000).as_bytes().split_last().expect("bytes").1] {
        let payload = deflated(text);
        assert_eq!(read_both(&frame(TEXT | RSV1, &payload)), std::slice::from_ref(&invalid));
        let two = [frame((TEXT | RSV1) - FIN, &payload[..2]), frame(CONTINUATION, &payload[2..])];
        assert_eq!(read_both(&two.concat()), std::slice::from_ref(&invalid));
    }
}

#[test]
fn blocks_after_a_final_one_refer_to_what_is_before_it() {
    let mut compress = flate2::Compress::new(flate2::Compression::new(6), false);
    let first = b"a final block, then others";
    compress.set_dictionary(first).expect("a dictionary");
    let mut second = Vec::with_capacity(1000);
    compress.compress_vec(first, &mut second, flate2::FlushCompress::Sync).expect("deflate");
    assert!(second.len() < 16, "it refers to the dictionary");
    second.truncate(second.len() - 4);
    let payload = [with_final_block(first), second].concat();
    let twice = first.repeat(2);
    assert_eq!(read_both(&frame(BINARY | RSV1, &payload)), [Seen::Binary(twice)]);
}
