//! Bytes of a peer run through a connection in pieces: what the peer gets does not depend on where they are cut. A test
//! and a fuzz target share this file.

use wire::{Input, Interface, Message, Received, RequestId, Ticks, Upgrades, Versions};

use super::{Application, Driver, limits, settings};

/// The interim response whose sending depends on whether the content is there when the application asks for it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An application that answers with what it got, once it has got everything.
struct Echo {
    answer: Vec<u8>,
    content: usize,
}

impl Interface for Echo {
    fn content(&mut self, _request: RequestId, part: &[u8]) {
        self.content += part.len();
    }
}

impl Application for Echo {
    fn start(&mut self, _request: RequestId, head: &http::Head) -> Vec<Message<Vec<u8>>> {
        self.answer = [head.method(), b" ", head.target()].concat();
        Vec::new()
    }
}

/// Feeds an input whole, in pieces whose length is made of its sum, and byte by byte. The limits are small, so that
/// inputs reach them sooner.
pub(crate) fn check(input: &[u8]) {
    let length = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 32) + 1;
    let whole = output(&[input], limits());
    for length in [length, 1] {
        let pieces: Vec<&[u8]> = input.chunks(length).collect();
        assert_eq!(shown(&output(&pieces, limits())), shown(&whole), "in pieces of {length}");
    }
}

/// Returns bytes in a form that can be compared by eye.
pub(crate) fn shown(output: &[u8]) -> String {
    output.escape_ascii().to_string()
}

/// Returns what the peer gets for its bytes, which arrive in these pieces, without 100 (Continue).
pub(crate) fn output(pieces: &[&[u8]], limits: http::Limits) -> Vec<u8> {
    let mut settings = settings();
    settings.limits = limits.into();
    settings.upgrades = Upgrades::Ignored;
    // The preface of HTTP/2 is refused, as any other version.
    settings.http2.versions = Versions::Http1;
    settings.body_bytes_per_tick = None;
    settings.head_time = Some(Ticks(8));
    let echo = Echo { answer: Vec::new(), content: 0 };
    let mut driver = Driver::connect(wire::http1::Connection::new(limits), echo, settings);
    for piece in pieces {
        driver.feed(Input::Bytes(piece));
        go_on(&mut driver);
    }
    driver.feed(Input::Eof);
    go_on(&mut driver);
    // Whatever the peer has sent, its connection ends.
    driver.pass(100, 0);
    assert!(driver.is_closed, "the end of the peer ends the connection");
    assert_eq!(driver.errors, []);
    without(&driver.written, CONTINUE)
}

/// Lets the loop turn, and answers each request that is complete, until nothing changes.
fn go_on(driver: &mut Driver<wire::http1::Connection<Vec<u8>>, Echo>) {
    loop {
        let before = (driver.performed.len(), driver.written.len());
        driver.end_turn();
        let request = wire::Wire::latest(&driver.wire);
        let is_answering = wire::Wire::is_answering(&driver.wire);
        if is_answering && driver.receive(request) == (Received::Content { more: false }) {
            let content = std::mem::take(&mut driver.application.content);
            let mut answer = std::mem::take(&mut driver.application.answer);
            answer.extend_from_slice(
                if content > 0 { format!(" {content}") } else { String::new() }.as_bytes(),
            );
            let start = Message::Start { status: 200, fields: Vec::new(), has_trailers: false };
            assert!(driver.send(request, start).is_ok(), "the response begins");
            let sent = driver.send(request, Message::Content { content: Some(answer), more: false });
            assert!(sent.is_ok(), "the response ends");
        }
        if before == (driver.performed.len(), driver.written.len()) {
            return;
        }
    }
}

/// Returns bytes without each occurrence of others.
fn without(bytes: &[u8], unwanted: &[u8]) -> Vec<u8> {
    let (mut kept, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((first, others)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(unwanted) {
            rest = behind;
        } else {
            kept.push(*first);
            rest = others;
        }
    }
    kept
}
