//! Why a request is refused before any application has seen it, and with which status.
//!
//! Each of these is the peer's doing. What fails on our side, or in the application, is not told here.

use std::error::Error;
use std::fmt;

/// A request that is answered with an error and a closed connection.
///
/// The connection closes because nobody can tell any more where in its bytes the next request would begin.
///
/// ```
/// use http::Refusal;
/// assert_eq!(Refusal::UnsupportedVersion.status(), 505);
/// assert_eq!(Refusal::UnsupportedVersion.to_string(), "505 HTTP Version Not Supported");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
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

impl Refusal {
    /// All of them, by status.
    pub const ALL: [Refusal; 6] = [
        Refusal::Malformed,
        Refusal::ContentTooLarge,
        Refusal::TargetTooLong,
        Refusal::FieldsTooLarge,
        Refusal::NotImplemented,
        Refusal::UnsupportedVersion,
    ];

    /// The status code to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Refusal::Malformed => 400,
            Refusal::ContentTooLarge => 413,
            Refusal::TargetTooLong => 414,
            Refusal::FieldsTooLarge => 431,
            Refusal::NotImplemented => 501,
            Refusal::UnsupportedVersion => 505,
        }
    }

    /// The phrase that goes with the status, as its RFC has it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Refusal::Malformed => "Bad Request",
            Refusal::ContentTooLarge => "Content Too Large",
            Refusal::TargetTooLong => "URI Too Long",
            Refusal::FieldsTooLarge => "Request Header Fields Too Large",
            Refusal::NotImplemented => "Not Implemented",
            Refusal::UnsupportedVersion => "HTTP Version Not Supported",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status(), self.reason())
    }
}

impl Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn each_refusal_has_a_status_of_its_own_that_says_error() {
        assert!(Refusal::ALL.is_sorted_by(|one, next| one.status() < next.status()));
        assert!(Refusal::ALL.iter().all(|refusal| (400..600).contains(&refusal.status())));
    }

    #[test]
    fn a_refusal_reads_as_a_status_line_does() {
        assert_eq!(Refusal::FieldsTooLarge.to_string(), "431 Request Header Fields Too Large");
        assert_eq!(Refusal::Malformed.to_string(), "400 Bad Request");
    }

    #[test]
    fn a_phrase_can_stand_in_a_status_line() {
        let fits = |refusal: &Refusal| {
            refusal.reason().bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b' ')
        };
        assert!(Refusal::ALL.iter().all(fits));
    }
}
