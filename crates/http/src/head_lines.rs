//! Reads the head or the trailers of one message byte by byte, in whatever pieces they arrive.
//!
//! A head that arrives whole and valid is read by `whole_head.rs`. This file reads the others, so what is found, and
//! the first byte that is wrong, depend on the bytes and not on how they are split. A field is told once the byte after
//! its line is known, because a space there would fold it.

use crate::bytes::{self, TARGET, TOKEN, VALUE};
use crate::head::Version;
use crate::message_error::{MessageError, MessageErrorKind};
use crate::message_limits::MessageLimits;
use crate::message_rules::StartLine;
use crate::methods;
use crate::target;

const METHOD: MessageError = MessageError::new(
    MessageErrorKind::Method,
    "Invalid method: not a registered one (RFC 9110 section 9; RFC 9112 section 3.1)",
);
const TARGET_ERROR: MessageError =
    MessageError::new(MessageErrorKind::Target, "Invalid request target (RFC 9112 section 3.2)");
const LONG_TARGET: MessageError =
    MessageError::new(MessageErrorKind::Target, "the request target is too long (RFC 9112 section 3)");
const VERSION: MessageError = MessageError::other("Expected HTTP/1.0 or HTTP/1.1 (RFC 9112 section 2.3)");
const STATUS: MessageError = MessageError::new(
    MessageErrorKind::Status,
    "Invalid status: expected three digits from 100 (RFC 9112 section 4; RFC 9110 section 15)",
);
const REASON: MessageError = MessageError::other("Invalid or too long reason phrase (RFC 9112 section 4)");
const LINE_END: MessageError =
    MessageError::other("Expected CR LF at the end of a line (RFC 9112 section 2.2)");
const BLANK_LINES: MessageError =
    MessageError::other("blank lines where a message should begin (RFC 9112 section 2.2)");
const FOLDED: MessageError = MessageError::other(
    "Unexpected whitespace after header value, or in front of a name (RFC 9112 sections 2.2 and 5.2)",
);
const NAME: MessageError =
    MessageError::other("Invalid header name, or no colon behind it (RFC 9112 section 5.1)");
const FIELD_VALUE: MessageError = MessageError::other("Invalid header value (RFC 9110 section 5.5)");
const TOO_LARGE: MessageError = MessageError::other("the header fields are too large (RFC 6585 section 5)");
const TOO_MANY: MessageError = MessageError::other("too many header fields (RFC 6585 section 5)");

/// The most blank lines before a message: RFC 9112 section 2.2 asks servers to ignore at least one.
const BLANK_LINES_AT_MOST: u8 = 2;

/// The position of the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    /// Before a message, or after a blank line there.
    #[default]
    Start,
    BlankReturn,
    Method,
    Target,
    Version,
    Status,
    /// After the digits of a status.
    StatusEnd,
    Reason,
    LineReturn,
    /// At the first byte of a line of fields.
    Line,
    Name,
    Value,
    ValueReturn,
    /// After the carriage return of the blank line.
    EndReturn,
}

/// A field that arrived in pieces, or in a head that did: its name in its case, its value without the white space around
/// it.
#[derive(Debug)]
pub struct FieldLine {
    bytes: Vec<u8>,
    name_length: usize,
}

impl FieldLine {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.name_length]
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        bytes::trimmed(&self.bytes[self.name_length..])
    }
}

/// The largest buffer that is kept for the next field.
const KEPT_BYTES: usize = 4096;

/// A part of a head. Its bytes are those that were gathered.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The first byte of a message is there.
    Begin,
    Target(Vec<u8>),
    Reason(Vec<u8>),
    Field(FieldLine),
    /// The blank line after the fields.
    End,
}

/// The head that is being read.
#[derive(Debug, Default)]
pub(crate) struct HeadLines {
    at: At,
    is_response: bool,
    /// Whether folded lines continue a value (RFC 9112 section 5.2).
    pub(crate) allows_folds: bool,
    blank_lines: u8,
    /// The bytes of this head so far, and its fields.
    length: usize,
    fields: usize,
    /// The part of a line that is being read: for a field its name and then its value.
    bytes: Vec<u8>,
    name_length: usize,
    is_field_pending: bool,
    method: &'static [u8],
    status: u16,
    pub(crate) line: Option<StartLine>,
    pub(crate) version: Version,
}

impl HeadLines {
    pub(crate) fn new(is_response: bool) -> Self {
        Self { is_response, ..Self::default() }
    }

    /// Returns whether no byte of a message, nor of a blank line before it, is read.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == At::Start && self.blank_lines == 0
    }

    /// Begins the trailers of a message.
    pub(crate) fn begin_trailers(&mut self) {
        (self.at, self.length, self.fields) = (At::Line, 0, 0);
    }

    /// Takes back the memory of a field, for the next one.
    pub(crate) fn reuse(&mut self, line: FieldLine) {
        if self.bytes.capacity() == 0 && line.bytes.capacity() <= KEPT_BYTES {
            self.bytes = line.bytes;
            self.bytes.clear();
        }
    }

    /// Returns to the start of a message.
    pub(crate) fn restart(&mut self) {
        (self.at, self.length, self.fields, self.blank_lines) = (At::Start, 0, 0, 0);
    }

    /// Reads up to the next part, and returns it with the number of bytes used. Without one all bytes are used.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        limits: &MessageLimits,
    ) -> Result<(usize, Option<Piece>), MessageError> {
        let mut used = 0;
        while let Some(byte) = input.get(used) {
            if let Some(piece) = self.before(*byte) {
                return Ok((used, Some(piece)));
            }
            let run = self.take_run(&input[used..], limits);
            if run > 0 {
                used += run;
                continue;
            }
            self.length += 1;
            if self.length > limits.head_bytes {
                return Err(TOO_LARGE);
            }
            used += 1;
            if let Some(piece) = self.after(*byte, limits)? {
                return Ok((used, Some(piece)));
            }
        }
        Ok((used, None))
    }

    /// Keeps the bytes at the start of the input that only continue a name, a value or a target, as far as the limits
    /// allow, and returns their number. The byte behind them is looked at by itself.
    #[inline]
    fn take_run(&mut self, input: &[u8], limits: &MessageLimits) -> usize {
        let (class, most) = match self.at {
            At::Name => (TOKEN, usize::MAX),
            At::Value => (VALUE, usize::MAX),
            At::Target if self.bytes.len() >= target::BEGINNING => (TARGET, limits.start_line_bytes),
            _ => return 0,
        };
        let room = (limits.head_bytes - self.length).min(most.saturating_sub(self.bytes.len()));
        let run = bytes::run(&input[..input.len().min(room)], class);
        self.bytes.extend_from_slice(&input[..run]);
        self.length += run;
        run
    }

    /// Returns the part that this byte, which is not used, shows to be complete.
    fn before(&mut self, byte: u8) -> Option<Piece> {
        match self.at {
            At::Start if byte != b'\r' => {
                self.at = if self.is_response { At::Version } else { At::Method };
                (self.length, self.fields) = (0, 0);
                self.bytes.clear();
                Some(Piece::Begin)
            }
            At::Line if self.is_field_pending && !matches!(byte, b' ' | b'\t') => {
                self.is_field_pending = false;
                let bytes = std::mem::take(&mut self.bytes);
                Some(Piece::Field(FieldLine { bytes, name_length: self.name_length }))
            }
            _ => None,
        }
    }

    /// Uses this byte, and returns the part that it ends.
    fn after(&mut self, byte: u8, limits: &MessageLimits) -> Result<Option<Piece>, MessageError> {
        self.at = match (self.at, byte) {
            (At::Start, _) => At::BlankReturn,
            (At::BlankReturn, b'\n') if self.blank_lines < BLANK_LINES_AT_MOST => {
                self.blank_lines += 1;
                At::Start
            }
            (At::BlankReturn, b'\n') => return Err(BLANK_LINES),
            (At::LineReturn, b'\n') => At::Line,
            (At::ValueReturn, b'\n') => {
                self.is_field_pending = true;
                At::Line
            }
            (At::EndReturn, b'\n') => {
                self.restart();
                return Ok(Some(Piece::End));
            }
            (At::BlankReturn | At::LineReturn | At::ValueReturn | At::EndReturn, _) => return Err(LINE_END),
            (At::Method, _) => self.after_method(byte)?,
            (At::Target, b' ') => return self.end_target().map(Some),
            (At::Target, _) => self.after_target(byte, limits)?,
            (At::Version, _) => self.after_version(byte)?,
            (At::Status | At::StatusEnd, _) => self.after_status(byte)?,
            (At::Reason, b'\r') => {
                self.at = At::LineReturn;
                return Ok(Some(Piece::Reason(std::mem::take(&mut self.bytes))));
            }
            (At::Reason, _) => self.keep(byte, VALUE, At::Reason, REASON, limits.start_line_bytes)?,
            (At::Line, _) => self.after_line_start(byte, limits)?,
            (At::Name, b':') => {
                self.name_length = self.bytes.len();
                At::Value
            }
            (At::Name, _) => self.keep(byte, TOKEN, At::Name, NAME, usize::MAX)?,
            (At::Value, b'\r') => At::ValueReturn,
            (At::Value, _) => self.keep(byte, VALUE, At::Value, FIELD_VALUE, usize::MAX)?,
        };
        Ok(None)
    }

    /// Keeps a byte of this class.
    fn keep(
        &mut self,
        byte: u8,
        class: u8,
        at: At,
        otherwise: MessageError,
        most: usize,
    ) -> Result<At, MessageError> {
        if !bytes::is(byte, class) || self.bytes.len() >= most {
            return Err(otherwise);
        }
        self.bytes.push(byte);
        Ok(at)
    }

    fn after_method(&mut self, byte: u8) -> Result<At, MessageError> {
        if byte != b' ' {
            return self.keep(byte, TOKEN, At::Method, METHOD, methods::LONGEST);
        }
        self.method = methods::known(&self.bytes).ok_or(METHOD)?;
        self.bytes.clear();
        Ok(At::Target)
    }

    /// Looks at the beginning of a target at once, so that a line without one is known for what it is.
    fn after_target(&mut self, byte: u8, limits: &MessageLimits) -> Result<At, MessageError> {
        let at = self.keep(byte, TARGET, At::Target, TARGET_ERROR, usize::MAX)?;
        if self.bytes.len() > limits.start_line_bytes {
            return Err(LONG_TARGET);
        }
        let may_be = self.method == b"CONNECT" || target::may_begin(&self.bytes);
        if may_be { Ok(at) } else { Err(TARGET_ERROR) }
    }

    fn end_target(&mut self) -> Result<Piece, MessageError> {
        let parts = target::parts_of(self.method, &self.bytes).map_err(|_| TARGET_ERROR)?;
        self.line = Some(StartLine::Request { method: self.method, form: parts.form });
        self.at = At::Version;
        Ok(Piece::Target(std::mem::take(&mut self.bytes)))
    }

    /// Reads a version, and what ends it: a space in a response, a carriage return in a request.
    fn after_version(&mut self, byte: u8) -> Result<At, MessageError> {
        let (end, next) = if self.is_response { (b' ', At::Status) } else { (b'\r', At::LineReturn) };
        let expected = match self.bytes.len() {
            8 => byte == end,
            7 => matches!(byte, b'0' | b'1'),
            place => byte == b"HTTP/1."[place],
        };
        if !expected {
            return Err(VERSION);
        }
        if self.bytes.len() < 8 {
            self.bytes.push(byte);
            return Ok(At::Version);
        }
        self.version = if self.bytes[7] == b'0' { Version::Http10 } else { Version::Http11 };
        self.bytes.clear();
        self.status = 0;
        Ok(next)
    }

    /// Reads a status, and what ends it: the space before a reason, or nothing, which many servers send.
    fn after_status(&mut self, byte: u8) -> Result<At, MessageError> {
        match (self.at, byte) {
            (At::Status, b'1'..=b'9') | (At::Status, b'0') if byte != b'0' || self.status != 0 => {
                self.status = self.status * 10 + u16::from(byte - b'0');
                if self.status < 100 {
                    return Ok(At::Status);
                }
                self.line = Some(StartLine::Response { status: self.status });
                Ok(At::StatusEnd)
            }
            (At::StatusEnd, b' ') => Ok(At::Reason),
            (At::StatusEnd, b'\r') => Ok(At::LineReturn),
            _ => Err(STATUS),
        }
    }

    fn after_line_start(&mut self, byte: u8, limits: &MessageLimits) -> Result<At, MessageError> {
        match byte {
            b'\r' => Ok(At::EndReturn),
            b'\n' => Err(LINE_END),
            b' ' | b'\t' if self.is_field_pending && self.allows_folds => {
                self.is_field_pending = false;
                self.bytes.push(byte);
                Ok(At::Value)
            }
            b' ' | b'\t' => Err(FOLDED),
            _ if self.fields >= limits.fields => Err(TOO_MANY),
            _ => {
                self.fields += 1;
                self.keep(byte, TOKEN, At::Name, NAME, usize::MAX)
            }
        }
    }
}
