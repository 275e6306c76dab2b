//! Frames that are sent: heads of messages, control frames, close codes and reasons.

use websocket::{Kind, Sender, Workspace, close, ping, pong};

fn head(kind: Kind, length: usize) -> Vec<u8> {
    let mut out = b"before".to_vec();
    let is_whole = Sender::new(None).message(kind, &vec![0; length], None, &Workspace::default(), &mut out);
    assert!(!is_whole);
    out.split_off(6)
}

#[test]
fn heads_of_each_length() {
    assert_eq!(head(Kind::Text, 0), [0x81, 0]);
    assert_eq!(head(Kind::Binary, 125), [0x82, 125]);
    assert_eq!(head(Kind::Binary, 126), [0x82, 126, 0, 126]);
    assert_eq!(head(Kind::Text, 65535), [0x81, 126, 0xff, 0xff]);
    assert_eq!(head(Kind::Text, 65536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn pings_and_pongs() {
    let mut out = Vec::new();
    ping(b"", &mut out);
    pong(b"hi", &mut out);
    ping(&[1; 125], &mut out);
    assert_eq!(out[..8], [0x89, 0, 0x8a, 2, b'h', b'i', 0x89, 125]);
    assert_eq!(out[8..], [1; 125]);
}

#[test]
fn codes_that_stand_in_no_frame() {
    for code in [1005, 1006, 1015, 0, 999, 5000] {
        let mut out = Vec::new();
        close(code, "unsaid", &mut out);
        assert_eq!(out, [0x88, 0]);
    }
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let cut = |reason: &str| {
        let mut out = Vec::new();
        close(1000, reason, &mut out);
        assert_eq!(usize::from(out[1]), out.len() - 2);
        String::from_utf8(out.split_off(4)).expect("UTF-8")
    };
    assert_eq!(cut(&"x".repeat(123)), "x".repeat(123));
    assert_eq!(cut(&"x".repeat(124)), "x".repeat(123));
    assert_eq!(cut(&format!("{}ä", "x".repeat(122))), "x".repeat(122));
    assert_eq!(cut(&format!("{}😀", "x".repeat(120))), "x".repeat(120));
    assert_eq!(cut(""), "");
}
