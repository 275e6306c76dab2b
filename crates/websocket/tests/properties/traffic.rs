//! Messages of a client, in any fragments, with control frames between them, compressed or not, in any split: they are
//! reported as they were sent.

use proptest::prelude::*;
use websocket::Limits;

use crate::peer::{Deflater, deflated};
use crate::support::{BINARY, CONTINUATION, FIN, PING, RSV1, Seen, TEXT, agreed, frame, read_pieces};

/// A message that is sent.
#[derive(Clone, Debug)]
struct Sent {
    content: Content,
    is_compressed: bool,
    /// Where its payload is cut into frames, in percent of the rest; and whether a ping follows each frame.
    cuts: Vec<(usize, bool)>,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    Binary(Vec<u8>),
}

fn any_message() -> impl Strategy<Value = Sent> {
    let content = prop_oneof![
        any::<String>().prop_map(Content::Text),
        "[a-zäöü€😀]{0,300}".prop_map(Content::Text),
        "[ab]{100,1000}".prop_map(Content::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Content::Binary),
        (0..70_000_usize).prop_map(|length| Content::Binary(vec![7; length])),
    ];
    let cuts = prop::collection::vec((0..=100_usize, any::<bool>()), 0..4);
    (content, any::<bool>(), cuts).prop_map(|(content, is_compressed, cuts)| Sent {
        content,
        is_compressed,
        cuts,
    })
}

/// Appends the frames of a message, and what is reported of them.
fn send(sent: &Sent, deflate: &mut impl FnMut(&[u8]) -> Vec<u8>, bytes: &mut Vec<u8>, seen: &mut Vec<Seen>) {
    let (opcode, data, event) = match &sent.content {
        Content::Text(text) => (TEXT, text.as_bytes(), Seen::Text(text.clone())),
        Content::Binary(data) => (BINARY, &data[..], Seen::Binary(data.clone())),
    };
    let (first, payload) =
        if sent.is_compressed { (opcode | RSV1, deflate(data)) } else { (opcode, data.to_vec()) };
    let (mut first, mut rest) = (first, &payload[..]);
    for (cut, has_ping) in &sent.cuts {
        let at = rest.len() * cut / 100;
        bytes.extend(frame(first - FIN, &rest[..at]));
        (first, rest) = (CONTINUATION, &rest[at..]);
        if *has_ping {
            bytes.extend(frame(PING, b"between"));
            seen.push(Seen::Ping(b"between".to_vec()));
        }
    }
    bytes.extend(frame(first, rest));
    seen.push(event);
}

/// Cuts the bytes into reads whose lengths are taken from the list, again and again.
fn reads<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut reads = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (read, rest) = bytes.split_at((*length).clamp(1, bytes.len()));
        reads.push(read);
        bytes = rest;
    }
    reads
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn messages_arrive_as_they_were_sent(
        messages in prop::collection::vec(any_message(), 1..8),
        lengths in prop::collection::vec(prop_oneof![1..20_usize, 20..5000_usize], 1..20),
        window_bits in 9..=12_u8,
    ) {
        let (mut bytes, mut seen) = (Vec::new(), Vec::new());
        for message in &messages {
            send(message, &mut deflated, &mut bytes, &mut seen);
        }
        let shared = Some(agreed("permessage-deflate"));
        prop_assert_eq!(&read_pieces(shared, Limits::UNLIMITED, &[&bytes]), &seen);
        prop_assert_eq!(&read_pieces(shared, Limits::UNLIMITED, &reads(&bytes, &lengths)), &seen);

        bytes.clear();
        seen.clear();
        let mut deflater = Deflater::new(window_bits);
        for message in &messages {
            send(message, &mut |data| deflater.message(data), &mut bytes, &mut seen);
        }
        let own = Some(agreed(&format!("permessage-deflate; client_max_window_bits={window_bits}")));
        prop_assert_eq!(&read_pieces(own, Limits::UNLIMITED, &[&bytes]), &seen);
        prop_assert_eq!(&read_pieces(own, Limits::UNLIMITED, &reads(&bytes, &lengths)), &seen);
    }
}
