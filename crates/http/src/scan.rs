//! Finds where a section of lines ends, whatever pieces it comes in, and looks at each byte once.
//!
//! A head that arrives whole never comes here: it is parsed where it lies. Only what arrives in pieces, and what the
//! parser does not accept, goes through this scan, which says what is wrong at the byte where it is wrong. So a
//! refusal depends on the bytes and not on how they were split.
//!
//! It knows lines and nothing of what stands in them.

use crate::bytes;
use crate::error::{RemoteProtocolError, RemoteProtocolErrorKind};

const BARE_LF: RemoteProtocolError =
    RemoteProtocolError::malformed("a line feed without carriage return (RFC 9112 section 2.2)");
const BARE_CR: RemoteProtocolError =
    RemoteProtocolError::malformed("a carriage return without line feed (RFC 9112 section 2.2)");
const CONTROL: RemoteProtocolError =
    RemoteProtocolError::malformed("a control character (RFC 9110 section 5.5)");
const TOO_LONG: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::TargetTooLong,
    "the request line is too long (RFC 9112 section 3)",
);
const LONG_METHOD: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::NotImplemented,
    "the method is too long (RFC 9112 section 3)",
);
const TOO_LARGE: RemoteProtocolError = RemoteProtocolError::new(
    RemoteProtocolErrorKind::FieldsTooLarge,
    "the fields are too large (RFC 6585 section 5)",
);

/// Where in its line the scan stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    #[default]
    Start,
    Inside,
    /// After the carriage return of a line that was empty so far.
    BlankReturn,
    Return,
}

/// The bounds of a section, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Its first line, without the line end. A section of fields alone has the same bound as the whole.
    pub(crate) first_line: usize,
    /// All of it, with its line ends.
    pub(crate) whole: usize,
    /// The token that it begins with.
    pub(crate) method: usize,
}

/// What a scan has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Nothing in any of the bytes: more are needed.
    Nothing,
    /// A blank line that ends after so many bytes.
    Blank(usize),
}

/// The scan of one section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    at: At,
    is_past_first_line: bool,
    is_past_method: bool,
    scanned: usize,
}

impl Scan {
    /// Whether no byte was scanned yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// Whether no line was completed before.
    pub(crate) fn is_in_first_line(&self) -> bool {
        !self.is_past_first_line
    }

    /// Scans the bytes that follow those scanned before.
    pub(crate) fn scan(&mut self, input: &[u8], bounds: Bounds) -> Result<Found, RemoteProtocolError> {
        for (index, byte) in input.iter().enumerate() {
            if self.scanned >= bounds.whole {
                return Err(TOO_LARGE);
            }
            self.at = match (self.at, *byte) {
                (At::Start, b'\r') => At::BlankReturn,
                (At::Inside, b'\r') => At::Return,
                (At::BlankReturn, b'\n') => return Ok(Found::Blank(index + 1)),
                (At::Return, b'\n') => self.end_line(),
                (At::BlankReturn | At::Return, _) => return Err(BARE_CR),
                (_, b'\n') => return Err(BARE_LF),
                (_, byte) if !bytes::is(byte, bytes::VALUE) => return Err(CONTROL),
                _ if !self.is_past_first_line && self.scanned >= bounds.first_line => return Err(TOO_LONG),
                (_, byte) if !self.is_past_method => self.look_at_method(byte, bounds)?,
                _ => At::Inside,
            };
            self.scanned += 1;
        }
        Ok(Found::Nothing)
    }

    /// A method that no server has is refused as soon as it is too long, and not as a line that is too long.
    fn look_at_method(&mut self, byte: u8, bounds: Bounds) -> Result<At, RemoteProtocolError> {
        self.is_past_method = !bytes::is(byte, bytes::TOKEN);
        if self.is_past_method || self.scanned < bounds.method { Ok(At::Inside) } else { Err(LONG_METHOD) }
    }

    fn end_line(&mut self) -> At {
        self.is_past_method = true;
        self.is_past_first_line = true;
        At::Start
    }
}
