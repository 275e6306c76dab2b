//! Errors, and who is at fault.
//!
//! A [`RemoteProtocolError`] is the fault of the peer: its request is answered with an error and the connection is
//! closed, before or after an application has seen the beginning of the request. A [`LocalProtocolError`] is the fault
//! of the application, or of the code that drives the connection for it. Each has the status of the response that
//! reports it, if one can still be sent.

use std::error::Error;
use std::fmt;

/// The kind of a request error, with one status for each.
///
/// ```
/// use http::RemoteProtocolErrorKind;
/// assert_eq!(RemoteProtocolErrorKind::UnsupportedVersion.status(), 505);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RemoteProtocolErrorKind {
    /// The bytes are not a request, or can be read in two ways (RFC 9110 section 15.5.1; RFC 9112 section 3).
    Malformed,
    /// The content is longer than the server accepts (RFC 9110 section 15.5.14).
    ContentTooLarge,
    /// The request target is longer than the server accepts (RFC 9110 section 15.5.15; RFC 9112 section 3).
    TargetTooLong,
    /// The header or trailer fields are larger or more than the server accepts (RFC 6585 section 5).
    FieldsTooLarge,
    /// A transfer coding that is not implemented, or a method that is too long (RFC 9110 section 15.6.2; RFC 9112
    /// sections 3 and 6.1).
    NotImplemented,
    /// A major version other than 1 (RFC 9110 section 15.6.6).
    UnsupportedVersion,
}

impl RemoteProtocolErrorKind {
    /// The status code of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            RemoteProtocolErrorKind::Malformed => 400,
            RemoteProtocolErrorKind::ContentTooLarge => 413,
            RemoteProtocolErrorKind::TargetTooLong => 414,
            RemoteProtocolErrorKind::FieldsTooLarge => 431,
            RemoteProtocolErrorKind::NotImplemented => 501,
            RemoteProtocolErrorKind::UnsupportedVersion => 505,
        }
    }

    /// The reason phrase of the status, from its RFC.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            RemoteProtocolErrorKind::Malformed => "Bad Request",
            RemoteProtocolErrorKind::ContentTooLarge => "Content Too Large",
            RemoteProtocolErrorKind::TargetTooLong => "URI Too Long",
            RemoteProtocolErrorKind::FieldsTooLarge => "Request Header Fields Too Large",
            RemoteProtocolErrorKind::NotImplemented => "Not Implemented",
            RemoteProtocolErrorKind::UnsupportedVersion => "HTTP Version Not Supported",
        }
    }
}

/// A request that is answered with an error and a closed connection: the fault of the peer.
///
/// The connection is closed because the start of the next request in its bytes is not known.
///
/// ```
/// let mut connection = http::Connection::new(http::Limits::UNLIMITED);
/// let refusal = connection.receive(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).unwrap_err();
/// assert_eq!(refusal.status(), 400);
/// assert_eq!(refusal.to_string(), "400 Bad Request: no Host field (RFC 9112 section 3.2)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RemoteProtocolError {
    kind: RemoteProtocolErrorKind,
    because: &'static str,
}

impl RemoteProtocolError {
    pub(crate) const fn new(kind: RemoteProtocolErrorKind, because: &'static str) -> Self {
        Self { kind, because }
    }

    pub(crate) const fn malformed(because: &'static str) -> Self {
        Self::new(RemoteProtocolErrorKind::Malformed, because)
    }

    /// The status code of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.kind.status()
    }

    /// The rule that the request breaks, for a log: a phrase with its RFC section. It contains nothing that the peer
    /// sent.
    #[must_use]
    pub const fn because(self) -> &'static str {
        self.because
    }
}

impl fmt::Display for RemoteProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.status(), self.kind.reason(), self.because)
    }
}

impl Error for RemoteProtocolError {}

/// A response that cannot be sent as asked: the fault of the application.
///
/// The call that failed writes nothing. What was written before stays written, so once the head is sent the only way
/// out is to close: see [`Connection::fail`](crate::Connection::fail).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LocalProtocolError {
    /// A call in the wrong order: a second head, content before the head, anything after the end.
    OutOfOrder,
    /// A status that this call cannot send: outside 100 to 999, or 1xx where a final one is due, or the reverse.
    BadStatus,
    /// A field name that is not a token (RFC 9110 section 5.1).
    BadFieldName,
    /// A field value with a control character, such as a line break (RFC 9110 section 5.5).
    BadFieldValue,
    /// A Content-Length that is not a number, or two that differ (RFC 9110 section 8.6).
    BadContentLength,
    /// A Transfer-Encoding other than `chunked`: the server decides on the framing.
    BadTransferEncoding,
    /// More content than the Content-Length says.
    BodyTooLong,
    /// Less content than the Content-Length says.
    BodyTooShort,
}

impl fmt::Display for LocalProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LocalProtocolError::OutOfOrder => "the parts of a response are in the wrong order",
            LocalProtocolError::BadStatus => "the status of the response is not valid here",
            LocalProtocolError::BadFieldName => "a field name of the response is not a token",
            LocalProtocolError::BadFieldValue => "a field value of the response has a control character",
            LocalProtocolError::BadContentLength => {
                "the response's Content-Length is not a number, or there are two that differ"
            }
            LocalProtocolError::BadTransferEncoding => "the response's Transfer-Encoding is not `chunked`",
            LocalProtocolError::BodyTooLong => "the response is longer than its Content-Length",
            LocalProtocolError::BodyTooShort => "the response is shorter than its Content-Length",
        })
    }
}

impl Error for LocalProtocolError {}

#[cfg(test)]
mod tests {
    use super::{RemoteProtocolError, RemoteProtocolErrorKind};

    /// All kinds, ordered by status.
    const ALL: [RemoteProtocolErrorKind; 6] = [
        RemoteProtocolErrorKind::Malformed,
        RemoteProtocolErrorKind::ContentTooLarge,
        RemoteProtocolErrorKind::TargetTooLong,
        RemoteProtocolErrorKind::FieldsTooLarge,
        RemoteProtocolErrorKind::NotImplemented,
        RemoteProtocolErrorKind::UnsupportedVersion,
    ];

    #[test]
    fn each_refusal_has_a_status_of_its_own_that_says_error() {
        assert!(ALL.is_sorted_by(|one, next| one.status() < next.status()));
        assert!(ALL.iter().all(|kind| (400..600).contains(&kind.status())));
    }

    #[test]
    fn a_refusal_reads_as_a_status_line_does_and_says_why() {
        let refusal = RemoteProtocolError::new(RemoteProtocolErrorKind::FieldsTooLarge, "too many");
        assert_eq!(refusal.to_string(), "431 Request Header Fields Too Large: too many");
    }

    #[test]
    fn a_phrase_can_stand_in_a_status_line() {
        let fits = |kind: &RemoteProtocolErrorKind| {
            kind.reason().bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b' ')
        };
        assert!(ALL.iter().all(fits));
    }
}
