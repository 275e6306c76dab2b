//! An input is read as the same events, however it is split, and within the limits. A test and a fuzz target share this
//! file.

use websocket::{Agreed, DeflateSettings, Event, Handshake, Limits, Receiver, Sender, Workspace};

/// Small, so that inputs reach them sooner.
const LIMITS: Limits = Limits { frame_bytes: 200, message_bytes: 300 };
const OFFERS: [&str; 3] = ["other", "permessage-deflate", "permessage-deflate; client_max_window_bits=9"];

/// The sum of the input says where it is cut, so that bytes as a peer sends them are an input. They are read without
/// compression and with both kinds of it.
pub(crate) fn check(input: &[u8]) {
    let length = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 32) + 1;
    let workspace = Workspace::default();
    for agreed in OFFERS.map(agreed) {
        let whole = read(input.chunks(input.len().max(1)), agreed, &workspace);
        assert_eq!(read(input.chunks(length), agreed, &workspace), whole);
        assert_eq!(read(input.chunks(1), agreed, &workspace), whole);
    }
}

/// Reads the pieces, describes the events, and answers them.
fn read<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    agreed: Option<Agreed>,
    workspace: &Workspace,
) -> Vec<String> {
    let settings = DeflateSettings { window_bits: 9, at_least: 0, level: 1 };
    let (mut receiver, mut sender) = (Receiver::new(agreed), Sender::new(agreed));
    let (mut seen, mut out) = (Vec::new(), Vec::new());
    for mut piece in pieces {
        loop {
            match receiver.receive(&mut piece, &LIMITS, workspace) {
                Ok(Event::NeedInput) => break,
                Ok(Event::Message { kind, payload }) => {
                    let bytes = payload.to_vec();
                    assert!(bytes.len() as u64 <= LIMITS.message_bytes);
                    if kind == websocket::Kind::Text {
                        assert!(std::str::from_utf8(&bytes).is_ok());
                    }
                    if !sender.message(kind, &bytes, Some(&settings), workspace, &mut out) {
                        out.extend_from_slice(&bytes);
                    }
                    seen.push(format!("{kind:?} {bytes:x?}"));
                }
                Ok(Event::Ping(data)) => {
                    websocket::pong(data, &mut out);
                    seen.push(format!("ping {data:x?}"));
                }
                Ok(Event::Pong(data)) => seen.push(format!("pong {data:x?}")),
                Ok(Event::Close { code, reason }) => {
                    websocket::close(code, reason, &mut out);
                    seen.push(format!("close {code} {reason}"));
                    return seen;
                }
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
        assert!(piece.is_empty());
    }
    seen
}

fn agreed(offer: &str) -> Option<Agreed> {
    let fields = [
        (&b"connection"[..], &b"upgrade"[..]),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", offer.as_bytes()),
    ];
    let settings = DeflateSettings { window_bits: 12, at_least: 0, level: 1 };
    Handshake::read(b"GET", true, fields.into_iter(), Some(&settings)).ok()?.agreed()
}
