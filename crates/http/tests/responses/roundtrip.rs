//! Chunks that the crate writes are chunks that it reads.

use http::{Connection, DefaultHeaders, Event, Length, Limits};
use proptest::prelude::*;

use crate::exchange::{GET, after};

/// Returns the content and the number of trailers of a chunked request with these chunks.
fn read(chunks: &[u8]) -> (Vec<u8>, usize) {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = [&head[..], chunks].concat();
    let (mut connection, mut input) = (Connection::new(Limits::UNLIMITED), &request[..]);
    let mut content = Vec::new();
    loop {
        match connection.receive(&mut input) {
            Ok(Event::Request(_)) => {}
            Ok(Event::Body(part)) => content.extend_from_slice(part),
            Ok(Event::End { trailers }) => return (content, trailers.iter().len()),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn content_comes_back(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..6),
        trailers in prop::collection::vec(("x-[a-z]{1,5}", "[ -~]{0,10}"), 0..4),
    ) {
        let (mut connection, mut out) = (after(GET), Vec::new());
        let started = connection.start(200, http::NO_FIELDS, Length::Unknown, DefaultHeaders::default(), &mut out);
        prop_assert_eq!(started, Ok(()));
        out.clear();
        for part in &parts {
            prop_assert_eq!(connection.write(part, &mut out), Ok(()));
        }
        prop_assert_eq!(connection.finish_with(trailers.iter().map(|(a, b)| (a, b)), &mut out), Ok(http::Persistence::KeepAlive));
        prop_assert_eq!(read(&out), (parts.concat(), trailers.len()));
    }
}
