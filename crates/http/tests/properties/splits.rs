//! However an input is split, it is read as the same. Shared by a test of the stable toolchain and by a fuzz target.

use http::{Connection, DefaultHeaders, Event, Limits, NO_FIELDS};

/// The first byte says where to cut, the rest is the input. Small limits are met sooner.
pub(crate) fn check(bytes: &[u8]) {
    let Some((seed, input)) = bytes.split_first() else { return };
    let limits =
        Limits { request_line_bytes: 64, head_bytes: 256, fields: 4, trailer_bytes: 32, ..Limits::default() };
    let whole = read(input.chunks(input.len().max(1)), limits);
    assert_eq!(read(input.chunks(usize::from(*seed) + 1), limits), whole);
    assert_eq!(read(input.chunks(1), limits), whole);
}

/// What is read, with every piece of content joined to the one before.
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
    assert_eq!(connection.start(200, NO_FIELDS, length, DefaultHeaders::default(), &mut out), Ok(()));
    assert!(connection.is_tunnel() || connection.finish(&mut out).is_ok());
}
