//! The part of a response's head that the server decides: framing, persistence, date and server.
//!
//! | Response                                  | Framing                        | Section                |
//! |-------------------------------------------|--------------------------------|------------------------|
//! | 204                                       | none, no Content-Length        | 9110: 8.6, 15.3.5      |
//! | 205                                       | `content-length: 0`            | 9110: 15.3.6           |
//! | 304                                       | none; Content-Length as told   | 9110: 8.6, 15.4.5      |
//! | to HEAD                                   | as to GET, but no content      | 9110: 9.3.2            |
//! | of known length                           | Content-Length                 | 9112: 6.2              |
//! | to 1.1                                    | chunks                         | 9112: 6.1              |
//! | to 1.0                                    | until the connection closes    | 9112: 6.3 (8)          |

use crate::bytes;
use crate::connection::Connection;
use crate::encode::{self, DefaultHeaders};
use crate::error::LocalProtocolError;
use crate::head::Version;
use crate::state::{Outgoing, Writing};

/// What the fields of a response say about framing and connection, and which default fields they replace.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) length: Option<u64>,
    pub(crate) closes: bool,
    has_date: bool,
    has_server: bool,
}

/// Writes fields without those that decide framing or persistence, which interim responses and trailers must not have
/// (RFC 9110 sections 6.5.1 and 8.6).
pub(crate) fn plain_fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
    out: &mut Vec<u8>,
) -> Result<(), LocalProtocolError> {
    for (name, value) in fields {
        let (name, value) = (name.as_ref(), value.as_ref());
        encode::check_field(name, value)?;
        let framing: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"connection"];
        if !framing.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            encode::field(name, value, out);
        }
    }
    Ok(())
}

/// Writes the fields of a final head without those that the server writes itself, and returns what those said.
#[inline]
pub(crate) fn final_fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
    out: &mut Vec<u8>,
) -> Result<Told, LocalProtocolError> {
    let mut told = Told::default();
    for (name, value) in fields {
        let (name, value) = (name.as_ref(), value.as_ref());
        encode::check_field(name, value)?;
        // Only a few lengths need a closer look: most fields pass with one comparison.
        let is_written = match name.len() {
            4 | 6 | 10 | 14 | 17 => told.note(name, value, out)?,
            _ => true,
        };
        if is_written {
            encode::field(name, value, out);
        }
    }
    Ok(told)
}

impl Told {
    /// Notes a field that may concern the server. Returns whether it is written as it is.
    fn note(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<bool, LocalProtocolError> {
        if name == b"content-length" || name.eq_ignore_ascii_case(b"content-length") {
            let length = told_length(value)?;
            return match self.length.replace(length) {
                Some(other) if other != length => Err(LocalProtocolError::BadContentLength),
                _ => Ok(false),
            };
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_chunked = bytes::trimmed(value).eq_ignore_ascii_case(b"chunked");
            return if is_chunked { Ok(false) } else { Err(LocalProtocolError::BadTransferEncoding) };
        }
        if name.eq_ignore_ascii_case(b"connection") {
            self.note_connection(value, out);
            return Ok(false);
        }
        self.has_date |= name.eq_ignore_ascii_case(b"date");
        self.has_server |= name.eq_ignore_ascii_case(b"server");
        Ok(true)
    }

    /// Notes `close`, and writes the options that the server does not decide.
    fn note_connection(&mut self, value: &[u8], out: &mut Vec<u8>) {
        for option in bytes::members(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.closes = true;
            } else if !option.eq_ignore_ascii_case(b"keep-alive") && !option.is_empty() {
                encode::field(b"connection", option, out);
            }
        }
    }
}

/// Parses the Content-Length of an application.
///
/// # Errors
///
/// It is not a number.
#[inline]
pub fn told_length(value: &[u8]) -> Result<u64, LocalProtocolError> {
    bytes::decimal(bytes::trimmed(value)).or_else(|_| repeated_length(value))
}

/// Parses a length that is repeated with the same value, as when fields of one name are joined: it counts as one (RFC
/// 9110 section 8.6).
#[cold]
fn repeated_length(value: &[u8]) -> Result<u64, LocalProtocolError> {
    let mut members = bytes::members(value).map(bytes::decimal);
    match members.next() {
        Some(Ok(length)) if members.all(|other| other == Ok(length)) => Ok(length),
        _ => Err(LocalProtocolError::BadContentLength),
    }
}

impl Connection {
    /// Writes date and server, unless the application has set them.
    #[inline]
    pub(crate) fn write_defaults(told: &Told, defaults: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        if !told.has_date && !defaults.date.is_empty() {
            encode::own_field(b"date: ", defaults.date, out);
        }
        if !told.has_server && !defaults.server.is_empty() {
            encode::own_field(b"server: ", defaults.server, out);
        }
    }

    /// Returns whether this status makes the connection a tunnel: a successful CONNECT (RFC 9110 section 9.3.6).
    #[inline]
    pub(crate) fn makes_tunnel(&self, status: u16) -> bool {
        status < 300 && self.reader.head.is_connect()
    }

    /// Decides on the framing of the content, and writes its field.
    #[inline]
    pub(crate) fn frame_response(&self, status: u16, length: Option<u64>, out: &mut Vec<u8>) -> Outgoing {
        let head = &self.reader.head;
        if status == 205 {
            encode::content_length(0, out);
            return if head.is_head() { Outgoing::Dropped } else { Outgoing::Forbidden };
        }
        if let Some(length) = length
            && status != 204
        {
            encode::content_length(length, out);
        }
        match length {
            _ if head.is_head() => Outgoing::Dropped,
            _ if matches!(status, 204 | 304) => Outgoing::Forbidden,
            Some(length) => Outgoing::Length(length),
            None if head.version() == Version::Http10 => Outgoing::UntilClose,
            None => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                Outgoing::Chunked
            }
        }
    }

    /// Decides whether the connection is used again, and writes it where the client would assume otherwise (RFC 9112
    /// section 9.3).
    #[inline]
    pub(crate) fn decide_persistence(&mut self, outgoing: Outgoing, out: &mut Vec<u8>) {
        // A client that still waits for 100 may send its content or not, so the next bytes could be content or a
        // request.
        let is_doubtful = self.state.awaits_continue || outgoing == Outgoing::UntilClose;
        self.state.keeps_alive &= !is_doubtful && !self.state.is_last;
        match (self.state.keeps_alive, self.reader.head.version()) {
            (true, Version::Http11 | Version::Http2) => {}
            (true, Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
            (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        }
    }

    /// Writes a short response of the server's own, unless another has begun, and closes.
    pub(crate) fn answer_and_close<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
        defaults: DefaultHeaders<'_>,
        out: &mut Vec<u8>,
    ) {
        if matches!(self.state.writing, Writing::Idle | Writing::Owed) {
            encode::status_line(status, out);
            let before = out.len();
            let told = final_fields(fields, out).unwrap_or_else(|_| {
                out.truncate(before);
                Told::default()
            });
            Self::write_defaults(&told, defaults, out);
            if !defaults.refusal.is_empty() {
                encode::field(b"content-type", b"text/plain; charset=utf-8", out);
            }
            out.extend_from_slice(b"content-length: ");
            encode::decimal(defaults.refusal.len() as u64, out);
            out.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
            let is_head = self.state.writing == Writing::Owed && self.reader.head.is_head();
            out.extend_from_slice(if is_head { b"" } else { defaults.refusal });
        }
        self.state.close();
    }
}
