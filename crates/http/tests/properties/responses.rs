//! Any status and fields of an application are written as one well-formed head, or not at all. A test and a fuzz
//! target share this file.

use http::{Connection, DefaultHeaders, Event, Length, Limits};

/// The input is a status, followed by lines that are used as fields.
pub(crate) fn check(bytes: &[u8]) {
    let [high, low, rest @ ..] = bytes else { return };
    let status = u16::from_be_bytes([*high, *low]) % 1200;
    let fields = rest.split(|byte| *byte == b';').map(|field| {
        let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
        (&field[..colon], field.get(colon + 1..).unwrap_or_default())
    });
    let (mut connection, mut out) = (Connection::new(Limits::UNLIMITED), Vec::new());
    let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    while !matches!(connection.receive(&mut input), Ok(Event::Paused)) {}
    if connection.start(status, fields, Length::Unknown, DefaultHeaders::default(), &mut out).is_err() {
        assert!(out.is_empty(), "a head that cannot be written leaves nothing behind");
        return;
    }
    let mut lines = out.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    assert!(lines.next().is_some_and(|line| line.starts_with(b"HTTP/1.1 ")), "a status line");
    assert!(lines.all(|line| line.is_empty() || line.contains(&b':')), "fields behind it");
    let ends = out.windows(4).filter(|part| part == b"\r\n\r\n").count();
    assert!(ends == 1 && out.ends_with(b"\r\n\r\n"), "one head and nothing behind it");
}
