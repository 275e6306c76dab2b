//! What goes wrong, and whose doing it is.
//!
//! A [`RemoteProtocolError`] is the peer's doing: a request that is answered with an error and a closed connection, before or
//! after an application has seen its beginning. A [`LocalProtocolError`] is the doing of the application, or of whoever drives
//! the connection for it. Each carries the status to answer with, if anything can still be answered.

use std::error::Error;
use std::fmt;

/// What kind of refusal it is: the status and nothing else.
///
/// ```
/// use http::RemoteProtocolErrorKind;
/// assert_eq!(RemoteProtocolErrorKind::UnsupportedVersion.status(), 505);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RemoteProtocolErrorKind {
    /// The bytes are no request, or one that can be read in two ways (RFC 9110 section 15.5.1; RFC 9112 section 3).
    Malformed,
    /// The content is longer than the server takes (RFC 9110 section 15.5.14).
    ContentTooLarge,
    /// The request target is longer than the server takes (RFC 9110 section 15.5.15; RFC 9112 section 3).
    TargetTooLong,
    /// The header or trailer fields are larger or more than the server takes (RFC 6585 section 5).
    FieldsTooLarge,
    /// A transfer coding or a length of method that is not implemented (RFC 9110 section 15.6.2; RFC 9112 sections 3
    /// and 6.1).
    NotImplemented,
    /// A major version other than 1 (RFC 9110 section 15.6.6).
    UnsupportedVersion,
}

impl RemoteProtocolErrorKind {
    /// All of them, by status.
    pub const ALL: [RemoteProtocolErrorKind; 6] = [
        RemoteProtocolErrorKind::Malformed,
        RemoteProtocolErrorKind::ContentTooLarge,
        RemoteProtocolErrorKind::TargetTooLong,
        RemoteProtocolErrorKind::FieldsTooLarge,
        RemoteProtocolErrorKind::NotImplemented,
        RemoteProtocolErrorKind::UnsupportedVersion,
    ];

    /// The status code to answer with.
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

    /// The phrase that goes with the status, as its RFC has it.
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

/// A request that is answered with an error and a closed connection: the peer's doing.
///
/// The connection closes because nobody can tell any more where in its bytes the next request would begin.
///
/// ```
/// let mut connection = http::Connection::new(http::Limits::default());
/// let refusal = connection.receive(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).unwrap_err();
/// assert_eq!(refusal.status(), 400);
/// assert_eq!(refusal.to_string(), "400 Bad Request: no Host (RFC 9112 section 3.2)");
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

    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(self) -> RemoteProtocolErrorKind {
        self.kind
    }

    /// The status code to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.kind.status()
    }

    /// Which rule the request breaks, for a log: a phrase with its RFC section. It holds nothing that the peer sent.
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

/// A response that cannot be sent as asked: the application's doing.
///
/// Nothing of the call that failed is written. What was written before stands, so after the head has left there is
/// nothing to do but close: see [`Connection::fail`](crate::Connection::fail).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LocalProtocolError {
    /// A call that has no place here: a second head, a body before the head, anything after the end.
    OutOfOrder,
    /// A status that cannot be sent by this call: out of 100 to 999, or 1xx where a final one is due, or the reverse.
    BadStatus,
    /// A field name that is no token (RFC 9110 section 5.1).
    BadFieldName,
    /// A field value with a control character, such as a line break (RFC 9110 section 5.5).
    BadFieldValue,
    /// A Content-Length that is no number, or two that differ (RFC 9110 section 8.6).
    BadContentLength,
    /// A Transfer-Encoding other than `chunked`: how a response is framed is not the application's to say.
    BadTransferEncoding,
    /// More content than the Content-Length says.
    BodyTooLong,
    /// Less content than the Content-Length says.
    BodyTooShort,
    /// A switch of protocols that the request did not ask for (RFC 9110 section 7.8).
    NoUpgrade,
}

impl LocalProtocolError {
    /// The status code to answer with, while no head has left.
    #[must_use]
    pub const fn status(self) -> u16 {
        500
    }
}

impl fmt::Display for LocalProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LocalProtocolError::OutOfOrder => "this part of a response has no place here",
            LocalProtocolError::BadStatus => "this status cannot be sent here",
            LocalProtocolError::BadFieldName => "a field name of the response is no token",
            LocalProtocolError::BadFieldValue => "a field value of the response has a control character",
            LocalProtocolError::BadContentLength => {
                "the response's Content-Length is no number, or there are two that differ"
            }
            LocalProtocolError::BadTransferEncoding => "the response's Transfer-Encoding is not `chunked`",
            LocalProtocolError::BodyTooLong => "the response is longer than its Content-Length",
            LocalProtocolError::BodyTooShort => "the response is shorter than its Content-Length",
            LocalProtocolError::NoUpgrade => "the request asks for no other protocol",
        })
    }
}

impl Error for LocalProtocolError {}

#[cfg(test)]
mod tests {
    use super::{RemoteProtocolError, RemoteProtocolErrorKind};

    #[test]
    fn each_refusal_has_a_status_of_its_own_that_says_error() {
        assert!(RemoteProtocolErrorKind::ALL.is_sorted_by(|one, next| one.status() < next.status()));
        assert!(RemoteProtocolErrorKind::ALL.iter().all(|kind| (400..600).contains(&kind.status())));
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
        assert!(RemoteProtocolErrorKind::ALL.iter().all(fits));
    }
}
