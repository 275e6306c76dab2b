//! The sending half of a connection. `state.rs` has the table of what may be written when; `encode.rs` has the syntax.
//!
//! Everything is appended to a buffer of the caller; a call that fails appends nothing. Content can be sent from where
//! it lies, without a copy: [`Connection::frame`] writes what precedes it and returns what has to follow.

use crate::connection::Connection;
use crate::encode::{self, DefaultHeaders};
use crate::error::{LocalProtocolError, RemoteProtocolError};
use crate::head::Version;
use crate::outgoing::{final_fields, plain_fields};
use crate::state::{Outgoing, Persistence, Reading, Writing};

/// No fields, for calls that take fields.
pub const NO_FIELDS: [(&[u8], &[u8]); 0] = [];

/// The length of the content, as known when the head is written. A Content-Length of the application takes precedence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Length {
    /// This many bytes.
    Known(u64),
    /// The length is known only at the end: chunks in 1.1, the end of the connection in 1.0.
    Unknown,
}

/// What follows content that is sent from where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Frame {
    /// Nothing.
    Plain,
    /// [`CHUNK_END`].
    Chunk,
    /// Do not send the content: the response to HEAD.
    Dropped,
    /// Do not send the content: the status has none, and the application should not have made any.
    NotAllowed,
}

impl Frame {
    /// Returns whether the content is sent.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        matches!(self, Frame::Plain | Frame::Chunk)
    }
}

/// The end of each chunk (RFC 9112 section 7.1).
pub const CHUNK_END: &[u8] = b"\r\n";

impl Connection {
    /// Writes 100 (Continue) if the client waits for it, and returns whether it did (RFC 9110 section 10.1.1). Call it
    /// when the application first asks for content.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) -> bool {
        let is_due = self.state.awaits_continue && self.state.writing == Writing::Owed;
        if is_due {
            self.state.awaits_continue = false;
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        is_due
    }

    /// Returns whether the client waits for 100 (Continue), and is therefore not to blame for sending nothing.
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.state.awaits_continue
    }

    /// Writes an interim head, such as 103 (Early Hints, RFC 8297). Nothing is written for a client of 1.0 (RFC 9110
    /// section 15.2). 100 and 101 have calls of their own: [`send_continue`](Self::send_continue) and
    /// [`switch`](Self::switch).
    ///
    /// # Errors
    ///
    /// The status is not one of 102 to 199, a field is invalid, or the final head was written already.
    pub fn inform<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), LocalProtocolError> {
        if self.state.writing != Writing::Owed {
            return Err(LocalProtocolError::OutOfOrder);
        }
        if !(102..200).contains(&status) {
            return Err(LocalProtocolError::BadStatus);
        }
        let start = out.len();
        encode::status_line(status, out);
        let written = plain_fields(fields, out).inspect_err(|_| out.truncate(start));
        out.extend_from_slice(if written.is_ok() { b"\r\n" } else { b"" });
        if self.reader.head.version() == Version::Http10 {
            out.truncate(start);
        }
        written
    }

    /// Writes 101 (Switching Protocols): what follows on both sides belongs to the protocol that `upgrade` among the fields
    /// names (RFC 9110 sections 7.8 and 15.2.2). Fields about framing and the connection are left out.
    ///
    /// # Errors
    ///
    /// A field is invalid, or the final head was written already.
    pub fn switch<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, V)>,
        defaults: DefaultHeaders<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), LocalProtocolError> {
        if self.state.writing != Writing::Owed {
            return Err(LocalProtocolError::OutOfOrder);
        }
        let start = out.len();
        encode::status_line(101, out);
        let told = final_fields(fields, out).inspect_err(|_| out.truncate(start))?;
        Self::write_defaults(&told, defaults, out);
        out.extend_from_slice(b"connection: Upgrade\r\n\r\n");
        self.state.switch();
        Ok(())
    }

    /// Writes the final head. This call decides on the framing and on whether the connection is used again; fields of
    /// the application that concern either are read as requests and rewritten.
    ///
    /// # Errors
    ///
    /// The status is not final, a field is invalid, Content-Length is not a number or there are two that differ, or no
    /// head is due.
    #[inline]
    pub fn start<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
        length: Length,
        defaults: DefaultHeaders<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), LocalProtocolError> {
        if self.state.writing != Writing::Owed {
            return Err(LocalProtocolError::OutOfOrder);
        }
        if !(200..1000).contains(&status) {
            return Err(LocalProtocolError::BadStatus);
        }
        let start = out.len();
        encode::status_line(status, out);
        let told = match final_fields(fields, out) {
            Ok(told) => told,
            Err(misuse) => {
                out.truncate(start);
                return Err(misuse);
            }
        };
        Self::write_defaults(&told, defaults, out);
        self.state.keeps_alive &= !told.closes;
        if self.makes_tunnel(status) {
            out.extend_from_slice(b"\r\n");
            self.state.switch();
            return Ok(());
        }
        // If the response has no content after its head, the request is not read to its end when too much is left (RFC
        // 9112 section 9.6).
        let is_read =
            self.state.reading != Reading::Body || self.reader.body.is_within(self.limits.drain_bytes);
        self.state.keeps_alive &= is_read || length == Length::Unknown;
        let length = told.length.or(match length {
            Length::Known(length) => Some(length),
            Length::Unknown => None,
        });
        let outgoing = self.frame_response(status, length, out);
        self.decide_persistence(outgoing, out);
        out.extend_from_slice(b"\r\n");
        self.state.writing = Writing::Sending(outgoing);
        Ok(())
    }

    /// Withdraws a head that was written and will not be sent, so that another can be written. What it said about the
    /// connection stays in effect.
    pub fn retract(&mut self) {
        if matches!(self.state.writing, Writing::Sending(_)) {
            self.state.writing = Writing::Owed;
        }
    }

    /// Writes what precedes `length` bytes of content, which the caller sends after `out`, and returns what follows
    /// them. Nothing is written if there is no content or if it is not sent: content after a status that has none would
    /// be read as the next response (RFC 9112 section 6.3).
    ///
    /// # Errors
    ///
    /// The content is longer than announced, or no content is due.
    #[inline]
    pub fn frame(&mut self, length: usize, out: &mut Vec<u8>) -> Result<Frame, LocalProtocolError> {
        let Writing::Sending(outgoing) = &mut self.state.writing else {
            return Err(LocalProtocolError::OutOfOrder);
        };
        match outgoing {
            Outgoing::Length(left) => {
                *left = left.checked_sub(length as u64).ok_or(LocalProtocolError::BodyTooLong)?;
                Ok(Frame::Plain)
            }
            Outgoing::Dropped => Ok(Frame::Dropped),
            Outgoing::Forbidden if length > 0 => Ok(Frame::NotAllowed),
            Outgoing::Chunked if length > 0 => {
                encode::chunk_size(length as u64, out);
                Ok(Frame::Chunk)
            }
            Outgoing::Chunked | Outgoing::Forbidden | Outgoing::UntilClose => Ok(Frame::Plain),
        }
    }

    /// Takes back `length` bytes of the content that [`frame`](Self::frame) has counted: they are not sent, because the
    /// response can't end after them.
    pub fn take_back(&mut self, length: usize) {
        if let Writing::Sending(Outgoing::Length(left)) = &mut self.state.writing {
            *left = left.saturating_add(length as u64);
        }
    }

    /// Writes content.
    ///
    /// # Errors
    ///
    /// As [`frame`](Self::frame).
    #[inline]
    pub fn write(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), LocalProtocolError> {
        let frame = self.frame(content.len(), out)?;
        if frame.is_sent() {
            out.extend_from_slice(content);
        }
        if frame == Frame::Chunk {
            out.extend_from_slice(CHUNK_END);
        }
        Ok(())
    }

    /// Ends the response, and returns what happens to the connection.
    ///
    /// # Errors
    ///
    /// There was less content than announced: nothing more can be written, see [`fail`](Self::fail). Or no response is
    /// in progress.
    #[inline]
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<Persistence, LocalProtocolError> {
        self.finish_with(NO_FIELDS, out)
    }

    /// Ends the response with trailers, as [`finish`](Self::finish) does without. Only chunked content has a place for
    /// them; elsewhere they are left out, which is allowed (RFC 9110 section 6.5.1).
    ///
    /// # Errors
    ///
    /// The errors of [`finish`](Self::finish), or a field is invalid.
    #[inline]
    pub fn finish_with<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<Persistence, LocalProtocolError> {
        let start = out.len();
        match self.state.writing {
            Writing::Sending(Outgoing::Length(left)) if left > 0 => {
                return Err(LocalProtocolError::BodyTooShort);
            }
            Writing::Sending(Outgoing::Chunked) => {
                out.extend_from_slice(b"0\r\n");
                plain_fields(trailers, out).inspect_err(|_| out.truncate(start))?;
                out.extend_from_slice(b"\r\n");
            }
            Writing::Sending(_) => {}
            Writing::Idle | Writing::Owed | Writing::Over => return Err(LocalProtocolError::OutOfOrder),
        }
        self.reader.drainable = self.limits.drain_bytes;
        let is_drainable = self.reader.body.is_within(self.limits.drain_bytes);
        let after = self.state.end_response(is_drainable);
        if after != Persistence::Drain {
            self.reader.forget();
        }
        Ok(after)
    }

    /// Returns whether the content that is being sent ends with the connection. Only an abort then tells the client that
    /// it is not complete (RFC 9112 section 8).
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        self.state.writing == Writing::Sending(Outgoing::UntilClose)
    }

    /// Answers with an error of the server's own, as [`refuse`](Self::refuse) and [`time_out`](Self::time_out) do, and
    /// with further fields; without them if one is invalid.
    pub fn end_with<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
        defaults: DefaultHeaders<'_>,
        out: &mut Vec<u8>,
    ) {
        self.answer_and_close(status, fields, defaults, out);
    }

    /// Answers a request that was refused, unless a response has begun, and closes the connection.
    pub fn refuse(&mut self, refusal: RemoteProtocolError, defaults: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(refusal.status(), NO_FIELDS, defaults, out);
    }

    /// Ends a request that took the client too long: answers 408, unless a response has begun, and closes the
    /// connection (RFC 9110 section 15.5.9).
    pub fn time_out(&mut self, defaults: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(408, NO_FIELDS, defaults, out);
    }

    /// Ends a response after a failure of the application: answers 500 if no head was sent, and closes the connection
    /// in any case. A response that had begun is cut short; the client can see that from the framing (RFC 9112 section
    /// 8).
    pub fn fail(&mut self, defaults: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(500, NO_FIELDS, defaults, out);
    }
}
