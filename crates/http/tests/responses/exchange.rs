//! A connection that has read a request and can be answered.

use http::{Connection, Event, Limits};

/// A GET of 1.1 and one of 1.0, whose responses differ in framing and persistence.
pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const OLD_GET: &str = "GET / HTTP/1.0\r\n\r\n";

/// Returns a connection that has read this input, up to the end of a request.
pub(crate) fn after(request: &str) -> Connection {
    after_with(request, Limits::UNLIMITED)
}

pub(crate) fn after_with(request: &str, limits: Limits) -> Connection {
    let mut connection = Connection::new(limits);
    read(&mut connection, request);
    connection
}

/// Reads on, and returns the names of the events up to the one that asks for something.
pub(crate) fn read(connection: &mut Connection, input: &str) -> Vec<&'static str> {
    let mut input = input.as_bytes();
    let mut names = Vec::new();
    loop {
        names.push(match connection.receive(&mut input) {
            Ok(Event::Request(_)) => "request",
            Ok(Event::Body(_)) => "body",
            Ok(Event::End { .. }) => "end",
            Ok(Event::Tunnel(_)) => "tunnel",
            Ok(Event::NeedInput) => "need",
            Ok(Event::Paused) => "paused",
            Ok(Event::Closed) => "closed",
            Err(_) => "refused",
        });
        if matches!(names.last(), Some(&("need" | "paused" | "closed" | "refused"))) {
            return names;
        }
    }
}

/// Returns the output as text.
pub(crate) fn text(out: &[u8]) -> &str {
    std::str::from_utf8(out).unwrap_or("(no text)")
}
