//! The content of a request: its position in the received bytes, by its length or by its chunks (RFC 9112 section 7.1).
//!
//! Content is never copied or kept; the caller is given its position. Each byte of a chunk's line is looked at once, in
//! whatever pieces the line arrives. Of trailers only the beginning is known here.

use crate::bytes::{self, TOKEN, VALUE};
use crate::error::RemoteProtocolError;
use crate::framing::{Framing, TOO_LARGE};
use crate::limits::Limits;

const BAD_SIZE: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed chunk size (RFC 9112 section 7.1)");
const BAD_EXTENSION: RemoteProtocolError =
    RemoteProtocolError::malformed("a malformed chunk extension (RFC 9112 section 7.1.1)");
const LONG_EXTENSION: RemoteProtocolError =
    RemoteProtocolError::malformed("chunk extensions are too long (RFC 9112 section 7.1.1)");
const BAD_END: RemoteProtocolError =
    RemoteProtocolError::malformed("a chunk does not end where its size says (RFC 9112 section 7.1)");

/// The most hexadecimal digits of a chunk size: those of 64 bits.
const SIZE_DIGITS: u8 = 16;

/// The position of the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// In content of known length, or in a chunk.
    Content,
    Size,
    /// After the size, in the white space before a semicolon, which has to follow.
    Padding,
    /// After a semicolon, and in the white space after it.
    Semicolon,
    Name,
    /// In the white space after a name.
    NameEnd,
    /// After an equals sign, and in the white space after it.
    Equals,
    Value,
    Quoted,
    QuotedPair,
    /// After a quoted value, and in the white space after any value.
    ValueEnd,
    /// After the carriage return of the line.
    LineReturn,
    /// After the content of a chunk.
    ChunkEnd,
    ChunkReturn,
    Trailers,
}

/// What some bytes of a request are, with the number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Framing only: more bytes are needed.
    Nothing,
    /// Content: this many bytes, at the end of those taken.
    Content(usize),
    /// The end of the content and of the request.
    End,
    /// The end of the content; trailers follow.
    Trailers,
}

/// What some bytes of chunked content are, with the number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkPart {
    /// Framing only: more bytes are needed.
    Nothing,
    /// The line before a chunk, or before the trailers.
    Begin,
    /// Content: this many bytes, at the end of those taken.
    Content(usize),
    /// The end of a chunk.
    End,
    /// The end of the content; trailers follow.
    Trailers,
}

/// The state of the content of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    at: At,
    is_chunked: bool,
    /// Bytes left of the content, or of the chunk.
    left: u64,
    /// Bytes that further chunks may bring.
    allowed: u64,
    digits: u8,
    extension: usize,
    extensions: usize,
}

impl Body {
    /// Starts the content that a head announces.
    pub(crate) fn new(framing: Framing, limits: &Limits) -> Self {
        let (at, is_chunked, left) = match framing {
            Framing::Length(left) => (At::Content, false, left),
            Framing::Chunked => (At::Size, true, 0),
        };
        Self { at, is_chunked, left, allowed: limits.body_bytes, digits: 0, extension: 0, extensions: 0 }
    }

    /// Returns whether at most `bytes` bytes are known to follow.
    pub(crate) fn is_within(&self, bytes: u64) -> bool {
        self.left <= bytes
    }

    /// Reads the bytes that follow, and returns how many are taken and what they are.
    #[inline]
    pub(crate) fn take(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, Part), RemoteProtocolError> {
        if !self.is_chunked {
            return Ok(self.take_known(input));
        }
        let mut taken = 0;
        loop {
            let (more, part) = self.take_chunk_part(&input[taken..], limits)?;
            taken += more;
            match part {
                ChunkPart::Begin | ChunkPart::End => {}
                ChunkPart::Nothing => return Ok((taken, Part::Nothing)),
                ChunkPart::Content(length) => return Ok((taken, Part::Content(length))),
                ChunkPart::Trailers => return Ok((taken, Part::Trailers)),
            }
        }
    }

    /// Does the same for chunked content, and stops where a chunk begins or ends.
    #[inline]
    pub(crate) fn take_chunk_part(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, ChunkPart), RemoteProtocolError> {
        let mut taken = 0;
        while self.at != At::Trailers {
            let Some(byte) = input.get(taken) else { return Ok((taken, ChunkPart::Nothing)) };
            if self.at == At::Content {
                let length = self.content_in(&input[taken..]);
                return Ok((taken + length, ChunkPart::Content(length)));
            }
            taken += 1;
            let before = self.at;
            self.at = self.after(*byte, limits)?;
            match (before, self.at) {
                (At::LineReturn, _) => return Ok((taken, ChunkPart::Begin)),
                (At::ChunkReturn, _) => return Ok((taken, ChunkPart::End)),
                _ => {}
            }
        }
        Ok((taken, ChunkPart::Trailers))
    }

    fn take_known(&mut self, input: &[u8]) -> (usize, Part) {
        if self.left == 0 {
            return (0, Part::End);
        }
        if input.is_empty() {
            return (0, Part::Nothing);
        }
        let length = self.content_in(input);
        (length, Part::Content(length))
    }

    /// Takes the content at the start of these bytes, and returns its length.
    fn content_in(&mut self, input: &[u8]) -> usize {
        let length = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        self.left -= length as u64;
        if self.left == 0 && self.is_chunked {
            self.at = At::ChunkEnd;
        }
        length
    }

    /// Returns the position after this byte.
    fn after(&mut self, byte: u8, limits: &Limits) -> Result<At, RemoteProtocolError> {
        match (self.at, byte) {
            (At::ChunkEnd, b'\r') => Ok(At::ChunkReturn),
            (At::ChunkReturn, b'\n') => Ok(At::Size),
            (At::ChunkEnd | At::ChunkReturn, _) => Err(BAD_END),
            (At::LineReturn, b'\n') => self.end_line(),
            (At::LineReturn, _) => Err(BAD_SIZE),
            (At::Size, _) => self.after_size(byte),
            _ => self.after_extension(byte, limits),
        }
    }

    fn after_size(&mut self, byte: u8) -> Result<At, RemoteProtocolError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.digits == 0 => return Err(BAD_SIZE),
            b'\r' => return Ok(At::LineReturn),
            b';' => return self.count(At::Semicolon),
            b' ' | b'\t' => return self.count(At::Padding),
            _ => return Err(BAD_SIZE),
        };
        if self.digits == SIZE_DIGITS {
            return Err(BAD_SIZE);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(At::Size)
    }

    /// Reads `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`, and ignores it.
    fn after_extension(&mut self, byte: u8, limits: &Limits) -> Result<At, RemoteProtocolError> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > limits.chunk_extension_bytes || self.extensions > limits.chunk_extensions_bytes {
            return Err(LONG_EXTENSION);
        }
        let (is_token, is_space) = (bytes::is(byte, TOKEN), matches!(byte, b' ' | b'\t'));
        Ok(match (self.at, byte) {
            (At::Quoted, b'"') => At::ValueEnd,
            (At::Quoted, b'\\') => At::QuotedPair,
            (At::Quoted | At::QuotedPair, byte) if bytes::is(byte, VALUE) => At::Quoted,
            (At::Padding | At::Semicolon | At::Equals | At::NameEnd | At::ValueEnd, _) if is_space => self.at,
            (At::Semicolon | At::Name, _) if is_token => At::Name,
            (At::Equals | At::Value, _) if is_token => At::Value,
            (At::Equals, b'"') => At::Quoted,
            (At::Name, _) if is_space => At::NameEnd,
            (At::Value, _) if is_space => At::ValueEnd,
            (At::Name | At::NameEnd, b'=') => At::Equals,
            (At::Padding | At::Name | At::NameEnd | At::Value | At::ValueEnd, b';') => At::Semicolon,
            (At::Name | At::Value | At::ValueEnd, b'\r') => At::LineReturn,
            _ => return Err(BAD_EXTENSION),
        })
    }

    /// Counts a byte of an extension. The first byte counts too, so that a limit of 0 allows no extension.
    fn count(&mut self, at: At) -> Result<At, RemoteProtocolError> {
        self.extension = 1;
        self.extensions += 1;
        Ok(at)
    }

    fn end_line(&mut self) -> Result<At, RemoteProtocolError> {
        (self.digits, self.extension) = (0, 0);
        if self.left == 0 {
            return Ok(At::Trailers);
        }
        self.allowed = self.allowed.checked_sub(self.left).ok_or(TOO_LARGE)?;
        Ok(At::Content)
    }
}
