//! UTF-8 of text messages (RFC 6455 section 8.1): checked while it arrives, wherever characters are split.

use websocket::ProtocolError;

use crate::support::{CONTINUATION, Connection, FIN, PING, Seen, TEXT, frame, read};

const INVALID: [Seen; 1] = [Seen::Error(ProtocolError::Text)];
const KOSME: &str = "κόσμε";

#[test]
fn a_character_in_several_fragments() {
    let text = "aé€😀z";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let (one, two, three) = (&text[..0], &text.as_bytes()[first..second], &text.as_bytes()[second..]);
            let one = [one.as_bytes(), &text.as_bytes()[..first]].concat();
            let input = [
                frame(TEXT - FIN, &one),
                frame(CONTINUATION - FIN, two),
                frame(PING, b""),
                frame(CONTINUATION, three),
            ];
            assert_eq!(read(None, &input.concat()), [Seen::Ping(Vec::new()), Seen::Text(text.into())]);
        }
    }
}

#[test]
fn invalid_sequences() {
    let sequences: [&[u8]; 18] = [
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
    ];
    for sequence in sequences {
        for before in [&b""[..], b"a", KOSME.as_bytes(), &[b'x'; 200]] {
            let text = [before, sequence].concat();
            assert_eq!(read(None, &frame(TEXT, &text)), INVALID, "{sequence:x?}");
            let followed = [before, sequence, b"edited"].concat();
            assert_eq!(read(None, &frame(TEXT, &followed)), INVALID, "{sequence:x?}");
        }
    }
}

#[test]
fn an_invalid_byte_is_found_when_it_arrives() {
    // The case that Autobahn calls 6.4: the frame has not ended, and neither has the message.
    let text = [KOSME.as_bytes(), b"\xf4\x90\x80\x80edited"].concat();
    let bytes = frame(TEXT - FIN, &text);
    let head = bytes.len() - text.len();
    let is_invalid_at = head + KOSME.len() + 1;
    let mut connection = Connection::new(None);
    assert_eq!(connection.feed(&bytes[..is_invalid_at]), []);
    assert_eq!(connection.feed(&bytes[is_invalid_at..=is_invalid_at]), INVALID);
}

#[test]
fn in_the_frame_that_has_it_before_the_message_ends() {
    let mut connection = Connection::new(None);
    assert_eq!(connection.feed(&frame(TEXT - FIN, b"\xf4")), []);
    assert_eq!(connection.feed(&frame(CONTINUATION - FIN, b"\x90")), INVALID);
}

#[test]
fn characters_at_the_ends_of_their_lengths() {
    for text in
        ["\0", "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{d7ff}", "\u{e000}", "\u{10ffff}"]
    {
        assert_eq!(read(None, &frame(TEXT, text.as_bytes())), [Seen::Text(text.into())]);
    }
}
