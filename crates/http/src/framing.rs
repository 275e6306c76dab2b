//! The length of a message's content: RFC 9112 section 6.3, step by step. Ambiguous messages are refused.
//!
//! | Transfer-Encoding            | Content-Length | The content                    | Section           |
//! |------------------------------|----------------|--------------------------------|-------------------|
//! | any                          | any            | refused: 400                   | 6.1, 6.3 (3)      |
//! | any, version 1.0             | none           | refused: 400                   | 6.1               |
//! | not ending in `chunked`      | none           | refused: 400                   | 6.3 (4)           |
//! | `chunked` twice, or malformed| none           | refused: 400                   | 6.1, 7            |
//! | another coding, `chunked`    | none           | refused: 501                   | 6.1               |
//! | `chunked`                    | none           | chunks and trailers            | 6.3 (4), 7.1      |
//! | none                         | several, bad   | refused: 400                   | 6.3 (5)           |
//! | none                         | above the limit| refused: 413                   | 9110: 15.5.14     |
//! | none                         | n              | n bytes                        | 6.3 (6)           |
//! | none                         | none           | none                           | 6.3 (7)           |
//!
//! The same for a response that may have content; those to HEAD and with the statuses 1xx, 204 and 304 have none, whatever
//! the fields say (6.3 (1)):
//!
//! | Transfer-Encoding            | Content-Length | The content                    | Section           |
//! |------------------------------|----------------|--------------------------------|-------------------|
//! | any                          | any            | refused                        | 6.1, 6.3 (3)      |
//! | any, version 1.0             | none           | refused                        | 6.1               |
//! | `chunked` last               | none           | chunks, which may be encoded   | 6.3 (4), 7.1      |
//! | without `chunked`            | none           | until the connection closes    | 6.3 (4)           |
//! | `chunked` twice or not last  | none           | refused                        | 6.1, 7            |
//! | none                         | several, bad   | refused                        | 6.3 (5)           |
//! | none                         | n              | n bytes                        | 6.3 (6)           |
//! | none                         | none           | until the connection closes    | 6.3 (8)           |
//!
//! The content of a request never ends with the connection. RFC 9112 allows servers to accept a length repeated with
//! the same value (6.3 (5)) and a length beside a coding (6.3 (3)); both come from broken clients or request smuggling
//! and are refused.

use crate::bytes;
use crate::error::{RemoteProtocolError, RemoteProtocolErrorKind};

const BOTH: RemoteProtocolError =
    RemoteProtocolError::malformed("Content-Length together with Transfer-Encoding (RFC 9112 section 6.3)");
const CODING_OF_1_0: RemoteProtocolError =
    RemoteProtocolError::malformed("Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)");
const NOT_LAST: RemoteProtocolError =
    RemoteProtocolError::malformed("Transfer-Encoding that does not end in chunked (RFC 9112 section 6.3)");
const BAD_CODING: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed Transfer-Encoding (RFC 9112 sections 6.1 and 7)");
const UNKNOWN_CODING: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::NotImplemented,
    "a transfer coding other than chunked (RFC 9112 section 6.1)",
);
const SEVERAL: RemoteProtocolError =
    RemoteProtocolError::malformed("more than one Content-Length field (RFC 9112 section 6.3)");
const BAD_LENGTH: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed Content-Length (RFC 9110 section 8.6)");
pub(crate) const TOO_LARGE: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::ContentTooLarge,
    "the content is too large (RFC 9110 section 15.5.14)",
);

/// How the content of a request is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Framing {
    /// This many bytes; 0 for none.
    Length(u64),
    /// Chunks, until one of size 0 (RFC 9112 section 7.1). In HTTP/2: until the stream ends (RFC 9113 section 8.1).
    Chunked,
}

/// How the content of a response is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResponseFraming {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Default for Framing {
    fn default() -> Self {
        Framing::Length(0)
    }
}

/// What was seen of the two fields, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    length: Option<u64>,
    codings: u32,
    chunked: u32,
    is_chunked_last: bool,
    refusal: Option<RemoteProtocolError>,
}

impl Seen {
    /// Notes a Content-Length field.
    pub(crate) fn content_length(&mut self, value: &[u8]) {
        if self.length.is_some() {
            self.refuse(SEVERAL);
        }
        match bytes::decimal(value) {
            Ok(length) => self.length = Some(length),
            Err(true) => self.length = Some(u64::MAX),
            Err(false) => {
                self.length = Some(0);
                self.refuse(if value.contains(&b',') { SEVERAL } else { BAD_LENGTH });
            }
        }
    }

    /// Notes a Transfer-Encoding field. Several fields are one list (RFC 9110 section 5.3).
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        for coding in bytes::members(value) {
            // A coding may have parameters; chunked has none (RFC 9112 section 7.1).
            let name = bytes::trimmed(coding.split(|byte| *byte == b';').next().unwrap_or_default());
            if !bytes::is_token(name) {
                self.refuse(BAD_CODING);
            }
            self.codings = self.codings.saturating_add(1);
            self.is_chunked_last = coding.eq_ignore_ascii_case(b"chunked");
            self.chunked = self.chunked.saturating_add(u32::from(name.eq_ignore_ascii_case(b"chunked")));
        }
    }

    /// Keeps the first error.
    fn refuse(&mut self, refusal: RemoteProtocolError) {
        self.refusal = self.refusal.or(Some(refusal));
    }

    /// Returns whether there was a Content-Length.
    pub(crate) fn has_length(&self) -> bool {
        self.length.is_some()
    }

    /// Returns the framing that follows from all fields.
    #[inline]
    pub(crate) fn decide(&self, is_1_0: bool, most: u64) -> Result<Framing, RemoteProtocolError> {
        match (self.codings, self.length) {
            (0, None) => Ok(Framing::Length(0)),
            (0, Some(length)) => match self.refusal {
                Some(refusal) => Err(refusal),
                None if length > most || length == u64::MAX => Err(TOO_LARGE),
                None => Ok(Framing::Length(length)),
            },
            (_, Some(_)) => Err(BOTH),
            (_, None) => self.decide_coding(is_1_0),
        }
    }

    /// Returns the framing of a response that may have content. The length of the content is not limited here.
    pub(crate) fn decide_response(&self, is_1_0: bool) -> Result<ResponseFraming, RemoteProtocolError> {
        match (self.codings, self.length) {
            (0, None) => Ok(ResponseFraming::UntilClose),
            (0, Some(length)) => match self.refusal {
                Some(refusal) => Err(refusal),
                None if length == u64::MAX => Err(TOO_LARGE),
                None => Ok(ResponseFraming::Length(length)),
            },
            (_, Some(_)) => Err(BOTH),
            (_, None) if is_1_0 => Err(CODING_OF_1_0),
            (_, None) => match (self.refusal, self.is_chunked_last, self.chunked) {
                (Some(refusal), _, _) => Err(refusal),
                (None, true, 1) => Ok(ResponseFraming::Chunked),
                (None, false, 0) => Ok(ResponseFraming::UntilClose),
                (None, _, _) => Err(BAD_CODING),
            },
        }
    }

    fn decide_coding(&self, is_1_0: bool) -> Result<Framing, RemoteProtocolError> {
        if is_1_0 {
            return Err(CODING_OF_1_0);
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        match (self.is_chunked_last, self.chunked, self.codings) {
            (false, _, _) => Err(NOT_LAST),
            (true, 1, 1) => Ok(Framing::Chunked),
            (true, 1, _) => Err(UNKNOWN_CODING),
            (true, _, _) => Err(BAD_CODING),
        }
    }
}
