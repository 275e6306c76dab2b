//! An input is read as the same events, however it is split. A test and a fuzz target share this file.

use http::{Connection, DefaultHeaders, Event, Limits, NO_FIELDS};

/// The sum of the input says where it is cut, so that bytes as a peer sends them are an input. The limits are small, so
/// that inputs reach them sooner.
pub(crate) fn check(input: &[u8]) {
    let length = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 32) + 1;
    let limits = Limits {
        request_line_bytes: 64,
        head_bytes: 256,
        fields: 4,
        method_bytes: 16,
        chunk_extension_bytes: 16,
        chunk_extensions_bytes: 32,
        trailer_bytes: 32,
        ..Limits::UNLIMITED
    };
    let whole = read(input.chunks(input.len().max(1)), limits);
    assert_eq!(read(input.chunks(length), limits), whole);
    assert_eq!(read(input.chunks(1), limits), whole);
}

/// Reads the pieces, and describes the events with all adjacent content joined.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Vec<u8> {
    let (mut connection, mut seen) = (Connection::new(limits), Vec::new());
    for mut piece in pieces {
        loop {
            match connection.receive(&mut piece) {
                Ok(Event::Request(head)) => {
                    seen.extend_from_slice(head.target());
                    head.fields().iter().for_each(|(name, value)| seen.extend([name, b":", value].concat()));
                }
                Ok(Event::Body(part) | Event::Tunnel(part)) => seen.extend_from_slice(part),
                Ok(Event::End { trailers }) => {
                    trailers.iter().for_each(|(name, value)| seen.extend([name, b":", value].concat()));
                }
                Ok(Event::NeedInput) => break,
                Ok(Event::Paused) => answer(&mut connection),
                Ok(Event::Closed) => return seen,
                Err(refusal) => {
                    seen.extend(refusal.to_string().into_bytes());
                    return seen;
                }
            }
        }
    }
    seen
}

fn answer(connection: &mut Connection) {
    let mut out = Vec::new();
    let length = http::Length::Known(0);
    let is_tunnel = connection.head().method() == b"CONNECT";
    assert_eq!(connection.start(200, NO_FIELDS, length, DefaultHeaders::default(), &mut out), Ok(()));
    assert!(is_tunnel || connection.finish(&mut out).is_ok());
}
