//! What there is to log about a request.

use std::time::Duration;

use crate::message::RequestId;

/// The end of a request, or of what was no request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRecord {
    /// The request, if it was one.
    pub request: Option<RequestId>,
    /// The request line in a form that can be quoted: without control characters, so that a log can't be forged.
    /// `None` if none has arrived whole.
    pub line: Option<Box<str>>,
    /// The status of the response; 0 if none was sent.
    pub status: u16,
    /// The bytes of content that were sent.
    pub sent: u64,
    /// How it ended.
    pub end: LogEnd,
}

impl LogRecord {
    /// Returns the record as a line of an access log. `taken` is the time from the request's start.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wire::{LogEnd, LogRecord};
    ///
    /// let line = Some("GET / HTTP/1.1".into());
    /// let record = LogRecord { request: None, line, status: 200, sent: 5, end: LogEnd::CutShort };
    /// let text = record.text(Duration::from_micros(1250));
    /// assert_eq!(text, "\"GET / HTTP/1.1\" 200 5B 1.25ms (cut short)");
    /// ```
    #[must_use]
    pub fn text(&self, taken: Duration) -> String {
        let line = self.line.as_deref().unwrap_or("-");
        let status = if self.status == 0 { "-".to_owned() } else { self.status.to_string() };
        let milliseconds = taken.as_secs_f64() * 1000.0;
        let more = match self.end {
            LogEnd::Complete => String::new(),
            LogEnd::CutShort => " (cut short)".to_owned(),
            LogEnd::Refused(because) => format!(" ({because})"),
        };
        format!("\"{line}\" {status} {}B {milliseconds:.2}ms{more}", self.sent)
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogEnd {
    /// The response is complete.
    Complete,
    /// The connection ended before the response did.
    CutShort,
    /// The server refused it for this reason, before or after an application has seen it.
    Refused(&'static str),
}

/// Returns a request line for a log.
pub(crate) fn request_line(head: &http::Head) -> Box<str> {
    let version = if head.version() == http::Version::Http10 { "1.0" } else { "1.1" };
    format!("{} {} HTTP/{version}", quotable(head.method()), quotable(head.target())).into_boxed_str()
}

/// Returns the name of a WebSocket for a log, in the form of a request line.
pub(crate) fn websocket_line(head: &http::Head) -> Box<str> {
    format!("WebSocket {} HTTP/1.1", quotable(head.target())).into_boxed_str()
}

/// Returns bytes of a peer in a form that can stand between quotes.
pub(crate) fn quotable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('"', "%22")
}
