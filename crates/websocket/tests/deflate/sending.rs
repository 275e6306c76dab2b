//! Messages that are compressed, by the compressor that all connections share (RFC 7692 section 7.2.1).

use websocket::{DeflateSettings, Kind, Sender, Workspace};

use crate::peer::{inflated, noise};
use crate::support::{RSV1, TEXT, agreed};
use crate::{OWN, SHARED};

const SETTINGS: DeflateSettings = DeflateSettings { window_bits: 12, at_least: 100, level: 6 };

/// The payload of a frame of a server.
fn payload(frame: &[u8]) -> &[u8] {
    let (length, payload) = match frame[1] {
        126 => (usize::from(u16::from_be_bytes([frame[2], frame[3]])), &frame[4..]),
        127 => (frame[2..10].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), &frame[10..]),
        short => (usize::from(short), &frame[2..]),
    };
    assert_eq!(payload.len(), length);
    payload
}

#[test]
fn messages_of_each_length_are_inflated_by_a_client() {
    let (workspace, words) =
        (Workspace::default(), b"every message has a context of its own, ".repeat(60_000));
    for offer in [SHARED, OWN] {
        let mut sender = Sender::new(Some(agreed(offer)));
        for length in [100, 101, 200, 5000, 65_535, 65_536, 300_000, 2_000_000] {
            let mut out = b"before".to_vec();
            let data = &words[..length];
            assert!(sender.message(Kind::Text, data, Some(&SETTINGS), &workspace, &mut out));
            assert_eq!(out[..7], [&b"before"[..], &[TEXT | RSV1]].concat());
            assert!(out.len() < length);
            assert_eq!(inflated(payload(&out[6..]), 12), data);
        }
    }
}

#[test]
fn heads_have_the_fewest_bytes() {
    let (workspace, mut sender) = (Workspace::default(), Sender::new(Some(agreed(OWN))));
    let mut heads = Vec::new();
    for length in (100..200).chain((20_000..3_000_000).step_by(330_000)) {
        let (mut out, mut data) = (Vec::new(), noise(length / 20));
        data.resize(length, b'.');
        assert!(sender.message(Kind::Binary, &data, Some(&SETTINGS), &workspace, &mut out));
        assert_eq!(inflated(payload(&out), 12), data);
        let is_minimal = match out[1] {
            126 => out.len() - 4 >= 126,
            127 => out.len() - 10 > 65_535,
            _ => true,
        };
        assert!(is_minimal);
        heads.push(out[1].max(125));
    }
    heads.dedup();
    assert_eq!(heads, [125, 126, 127]);
}

#[test]
fn short_messages_and_noise_are_sent_as_they_are() {
    let (workspace, mut sender) = (Workspace::default(), Sender::new(Some(agreed(OWN))));
    let mut as_it_is = |data: &[u8], settings: Option<&DeflateSettings>| {
        let mut out = b"before".to_vec();
        let has_payload = sender.message(Kind::Text, data, settings, &workspace, &mut out);
        !has_payload && out[6] == TEXT && out.len() <= 6 + 10
    };
    assert!(as_it_is(&[b'a'; 99], Some(&SETTINGS)));
    assert!(!as_it_is(&[b'a'; 100], Some(&SETTINGS)));
    assert!(as_it_is(&[b'a'; 100], None));
    assert!(as_it_is(&noise(100), Some(&SETTINGS)));
    assert!(as_it_is(&noise(100_000), Some(&SETTINGS)));
    let mut plain = Sender::new(None);
    assert!(!plain.message(Kind::Text, &[b'a'; 200], Some(&SETTINGS), &workspace, &mut Vec::new()));
}

#[test]
fn an_empty_message_is_never_longer() {
    let settings = DeflateSettings { at_least: 0, ..SETTINGS };
    let (workspace, mut sender, mut out) = (Workspace::default(), Sender::new(Some(agreed(OWN))), Vec::new());
    for data in [&b""[..], b"a", b""] {
        out.clear();
        assert!(!sender.message(Kind::Text, data, Some(&settings), &workspace, &mut out));
        assert_eq!(out, [TEXT, u8::try_from(data.len()).expect("a short text")]);
    }
}

#[test]
fn a_window_as_small_as_a_client_asks_for() {
    let workspace = Workspace::default();
    let data = [noise(3000), noise(3000)].concat().repeat(3);
    for bits in 9..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let (mut sender, mut out) = (Sender::new(Some(agreed(&offer))), Vec::new());
        let text = "a window ".repeat(3000);
        assert!(sender.message(Kind::Text, text.as_bytes(), Some(&SETTINGS), &workspace, &mut out));
        assert_eq!(inflated(payload(&out), bits.min(12)), text.as_bytes());
        out.clear();
        let is_compressed = sender.message(Kind::Binary, &data, Some(&SETTINGS), &workspace, &mut out);
        // What repeats is 3000 bytes away.
        assert_eq!(is_compressed, bits >= 12, "{bits}");
    }
}

#[test]
fn settings_of_any_number_are_used() {
    for (window_bits, level) in [(0, 0), (8, 1), (9, 9), (15, 100), (255, u32::MAX)] {
        let settings = DeflateSettings { window_bits, at_least: 0, level };
        let handshake = crate::support::handshake(&[("sec-websocket-extensions", OWN)], Some(&settings));
        let (mut sender, mut out) = (Sender::new(handshake.agreed()), Vec::new());
        let text = "settings ".repeat(1000);
        let is_compressed =
            sender.message(Kind::Text, text.as_bytes(), Some(&settings), &Workspace::default(), &mut out);
        assert_eq!(is_compressed, level > 0);
        assert!(!is_compressed || inflated(payload(&out), window_bits.clamp(9, 15)) == text.as_bytes());
    }
}
