//! Frames as a client sends them, and what a receiver makes of them.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use websocket::{Agreed, Event, Handshake, Limits, ProtocolError, Receiver, Workspace};

/// The key of all frames here.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CONTINUATION: u8 = 0x80;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
/// Added to the first byte of a frame.
pub(crate) const RSV1: u8 = 0x40;
/// Taken from the first byte of a frame that is not the last one of its message.
pub(crate) const FIN: u8 = 0x80;

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(MASK, first, payload)
}

/// A frame that is masked with this key.
pub(crate) fn frame_with(mask: [u8; 4], first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// What a receiver has reported, with its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Error(ProtocolError),
}

impl Seen {
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        Some(match event {
            Event::NeedInput => return None,
            Event::Message { kind: websocket::Kind::Text, payload } => {
                Seen::Text(String::from_utf8(payload.to_vec()).expect("a text is UTF-8"))
            }
            Event::Message { kind: websocket::Kind::Binary, payload } => {
                let mut copy = vec![0; payload.len()];
                payload.copy_to(&mut copy);
                assert_eq!(copy, payload.to_vec());
                assert_eq!(payload.is_empty(), copy.is_empty());
                Seen::Binary(copy)
            }
            Event::Ping(data) => Seen::Ping(data.to_vec()),
            Event::Pong(data) => Seen::Pong(data.to_vec()),
            Event::Close { code, reason } => Seen::Close(*code, (*reason).to_owned()),
        })
    }
}

/// A connection that is fed by a test.
pub(crate) struct Connection {
    pub(crate) receiver: Receiver,
    pub(crate) limits: Limits,
    pub(crate) workspace: Workspace,
}

impl Connection {
    pub(crate) fn new(agreed: Option<Agreed>) -> Self {
        Self { receiver: Receiver::new(agreed), limits: Limits::UNLIMITED, workspace: Workspace::default() }
    }

    /// Gives a read to the receiver, and returns what it reports.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            match self.receiver.receive(&mut input, &self.limits, &self.workspace) {
                Ok(event) => match Seen::of(&event) {
                    Some(event) => seen.push(event),
                    None => break,
                },
                Err(error) => {
                    seen.push(Seen::Error(error));
                    return seen;
                }
            }
            if matches!(seen.last(), Some(Seen::Close(..))) {
                return seen;
            }
        }
        assert!(input.is_empty(), "NeedInput comes when the input is used up");
        seen
    }
}

/// Reads the input in one piece, split in two wherever that is possible, and byte by byte. All must be the same.
pub(crate) fn read(agreed: Option<Agreed>, input: &[u8]) -> Vec<Seen> {
    read_within(agreed, Limits::UNLIMITED, input)
}

/// The same, within limits.
pub(crate) fn read_within(agreed: Option<Agreed>, limits: Limits, input: &[u8]) -> Vec<Seen> {
    let of = |pieces: &[&[u8]]| read_pieces(agreed, limits, pieces);
    let whole = of(&[input]);
    // Long inputs are split near their ends only.
    for at in (0..=input.len()).filter(|at| *at < 400 || *at + 40 > input.len()) {
        assert_eq!(of(&[&input[..at], &input[at..]]), whole, "split at {at}");
    }
    if input.len() < 10_000 {
        assert_eq!(of(&input.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    }
    whole
}

/// Reads the pieces until there is an error or a close frame.
pub(crate) fn read_pieces(agreed: Option<Agreed>, limits: Limits, pieces: &[&[u8]]) -> Vec<Seen> {
    let mut connection = Connection { limits, ..Connection::new(agreed) };
    let mut seen = Vec::new();
    for piece in pieces {
        seen.extend(connection.feed(piece));
        if matches!(seen.last(), Some(Seen::Error(_) | Seen::Close(..))) {
            break;
        }
    }
    seen
}

/// What is agreed for an offer, with windows of 12 bits.
pub(crate) fn agreed(offer: &str) -> Agreed {
    let settings = websocket::DeflateSettings { window_bits: 12, at_least: 0, level: 6 };
    handshake(&[("sec-websocket-extensions", offer)], Some(&settings)).agreed().expect("an acceptable offer")
}

/// A valid handshake with further fields.
pub(crate) fn handshake(more: &[(&str, &str)], deflate: Option<&websocket::DeflateSettings>) -> Handshake {
    let fields = [
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let fields = fields.iter().chain(more).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Handshake::read(b"GET", true, fields, deflate).expect("a valid handshake")
}
