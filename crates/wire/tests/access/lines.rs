//! What the other tests here share: records with parts of heads as a connection notes them, and their lines.

use std::time::Duration;

use wire::access::{AccessFormat, Facts, LocalTime, Stamp, Style};
use wire::http1::Connection;
use wire::{Input, Interface, LogEnd, LogKind, LogRecord, Message, RequestId, Settings};

use crate::support::{Application, Driver, settings};

pub(crate) const TEXT: Style = Style { json: false, colors: false, stamps: false };
pub(crate) const JSON: Style = Style { json: true, colors: false, stamps: false };

/// 30 November 2026, in a zone west of UTC with half an hour.
pub(crate) const TIME: LocalTime =
    LocalTime { year: 2026, month: 11, day: 30, hour: 9, minute: 8, second: 7, offset: -12_600 };

/// Reads a format; `PLACE` is the one variable.
pub(crate) fn read(text: &str, style: Style) -> AccessFormat {
    let place = |name: &str| (name == "PLACE").then(|| "somewhere".to_owned());
    AccessFormat::parse(text, style, 77, place).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a record with nothing of a head.
pub(crate) fn bare(status: u16, sent: u64, end: LogEnd) -> LogRecord {
    LogRecord { request: None, kind: LogKind::Request, noted: None, status, sent, end }
}

/// Returns the line of a record, without its end.
pub(crate) fn line_with(format: &AccessFormat, record: &LogRecord, taken: Duration) -> String {
    let stamp = Stamp::new(&TIME);
    let facts = Facts {
        host: "192.0.2.1",
        client: "192.0.2.1:80",
        scheme: "https",
        stamp: &stamp,
        milliseconds: 6,
        taken,
        status: record.outcome(),
    };
    let mut line = Vec::new();
    format.write(record, &facts, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    String::from_utf8(line).unwrap_or_else(|error| panic!("{error}"))
}

/// An application that answers everything with the same fields.
struct Answering(Vec<(Vec<u8>, Vec<u8>)>);

impl Interface for Answering {
    fn content(&mut self, _request: RequestId, _part: &[u8]) {}
}

impl Application for Answering {
    fn start(&mut self, _request: RequestId, _head: &http::Head) -> Vec<Message<Vec<u8>>> {
        let start = Message::Start { status: 200, fields: self.0.clone(), has_trailers: false };
        vec![start, Message::Content { content: Some(b"hello".to_vec()), more: false }]
    }
}

/// Returns the lines of a connection on which these bytes arrive, each request answered with `fields`.
pub(crate) fn lines_of(format: &AccessFormat, data: &[u8], fields: &[(&str, &str)]) -> Vec<String> {
    let limits = http::Limits::UNLIMITED;
    let settings = Settings { noted: Some(format.noted().clone()), limits: limits.into(), ..settings() };
    let owned = |text: &str| text.as_bytes().to_vec();
    let fields = fields.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    let mut driver = Driver::connect(Connection::new(limits), Answering(fields), settings);
    driver.feed(Input::Bytes(data));
    let taken = Duration::from_micros(1_234_567);
    driver.log.iter().map(|record| line_with(format, record, taken)).collect()
}

/// Returns the line of a request with these field lines.
pub(crate) fn line_of(format: &str, style: Style, target: &[u8], fields: &[&[u8]]) -> String {
    let mut data = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n"].concat();
    fields.iter().for_each(|field| data.extend_from_slice(&[field, &b"\r\n"[..]].concat()));
    data.extend_from_slice(b"\r\n");
    let mut lines = lines_of(&read(format, style), &data, &[("X-Answer", "forty two"), ("x-answer", "more")]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}
