//! Finds the end of a section of lines, in whatever pieces it arrives, looking at each byte once.
//!
//! A head that arrives whole is parsed where it lies and never scanned. The scan reads heads that arrive in pieces or
//! that the parser rejects, and reports an error at the byte that is wrong. So an error depends on the bytes and not on
//! how they were split.
//!
//! It knows lines and not their contents.

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

/// The position of the scan in its line.
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
    /// The first line, without its line end. A section of fields alone has the same bound as the whole.
    pub(crate) first_line: usize,
    /// The whole section, with its line ends.
    pub(crate) whole: usize,
    /// The token at the start of the section.
    pub(crate) method: usize,
}

/// The result of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// The end of the section was not found: more bytes are needed.
    Nothing,
    /// A blank line ends after this many bytes.
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
    /// Returns whether no byte was scanned yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// Returns whether no line is complete yet.
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

    /// Refuses a method that is too long as a method, before its line can be too long.
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
