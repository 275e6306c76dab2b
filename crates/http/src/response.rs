//! The response side of a connection: what may be written when is the table in `state.rs`; how, is `encode.rs`.
//!
//! Everything is appended to a buffer of the caller's, and nothing at all by a call that fails. Content that is better
//! sent from where it lies is not copied: [`Connection::frame`] writes what goes in front of it and tells what has to
//! follow.

use crate::connection::Connection;
use crate::encode::{self, DefaultHeaders};
use crate::error::{LocalProtocolError, RemoteProtocolError};
use crate::head::Version;
use crate::outgoing::{final_fields, plain_fields};
use crate::state::{Outgoing, Persistence, Reading, Writing};

/// No fields, for calls that take some.
pub const NO_FIELDS: [(&[u8], &[u8]); 0] = [];

/// What is known of the length of the content when the head is written. A Content-Length of the application's own
/// comes first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Length {
    /// So many bytes.
    Known(u64),
    /// It shows when it ends: chunks in 1.1, the end of the connection in 1.0.
    Unknown,
}

/// What follows content that is sent from where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Frame {
    /// Nothing.
    Plain,
    /// [`CHUNK_END`].
    Chunk,
    /// The content itself is not to be sent: the answer to HEAD.
    Dropped,
    /// The content is not to be sent, and should not have been made: the status has none.
    NotAllowed,
}

impl Frame {
    /// Whether the content is sent.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        matches!(self, Frame::Plain | Frame::Chunk)
    }
}

/// The end of each chunk (RFC 9112 section 7.1).
pub const CHUNK_END: &[u8] = b"\r\n";

impl Connection {
    /// Writes 100 (Continue) if the client waits for it, and whether it did (RFC 9110 section 10.1.1). The right moment
    /// is when the application first asks for content.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) -> bool {
        let is_due = self.state.awaits_continue && self.state.writing == Writing::Owed;
        if is_due {
            self.state.awaits_continue = false;
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        is_due
    }

    /// Whether the client waits for 100 (Continue), so that its silence is not its fault.
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.state.awaits_continue
    }

    /// Writes an interim head, such as 103 (Early Hints, RFC 8297). A client of 1.0 is not sent any (RFC 9110 section
    /// 15.2). For 100 and 101 there are [`send_continue`](Self::send_continue) and [`switch`](Self::switch).
    ///
    /// # Errors
    ///
    /// A status that is none of 102 to 199, a bad field, or the final head has been written.
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

    /// Writes the final head. How the content is framed and whether the connection goes on is decided here; what the
    /// application says of either is taken as a wish and written anew.
    ///
    /// # Errors
    ///
    /// A status that is not final, a bad field, a Content-Length that is none, or two that differ; or no head is due.
    #[inline]
    pub fn start<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
        length: Length,
        stamp: DefaultHeaders<'_>,
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
        Self::write_stamp(&told, stamp, out);
        self.state.keeps_alive &= !told.closes;
        if self.makes_tunnel(status) {
            out.extend_from_slice(b"\r\n");
            self.state.switch();
            return Ok(());
        }
        // A response that is complete with its head ends here what it will not read to the end (RFC 9112 section 9.6).
        let is_read =
            self.state.reading != Reading::Body || self.reader.body.is_within(self.limits.drain_bytes);
        self.state.keeps_alive &= is_read || length == Length::Unknown;
        let length = told.length.or(match length {
            Length::Known(length) => Some(length),
            Length::Unknown => None,
        });
        let outgoing = self.frame_response(status, length, out);
        self.settle_persistence(outgoing, out);
        out.extend_from_slice(b"\r\n");
        self.state.writing = Writing::Sending(outgoing);
        Ok(())
    }

    /// Takes back a head that was written and will not be sent: another one is due. What it said of the connection stays.
    pub fn retract(&mut self) {
        if matches!(self.state.writing, Writing::Sending(_)) {
            self.state.writing = Writing::Owed;
        }
    }

    /// Writes 101 (Switching Protocols) with these fields, among them `upgrade`; from here on what is received is
    /// [`Tunnel`](crate::Event::Tunnel). `connection: upgrade` is added (RFC 9110 section 7.8).
    ///
    /// # Errors
    ///
    /// The request does not ask for it, has not ended, or is answered already; or a bad field.
    pub fn switch<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), LocalProtocolError> {
        if self.reader.head.upgrade().is_none() {
            return Err(LocalProtocolError::NoUpgrade);
        }
        if self.state.writing != Writing::Owed || self.state.reading != Reading::Done {
            return Err(LocalProtocolError::OutOfOrder);
        }
        let start = out.len();
        encode::status_line(101, out);
        encode::field(b"connection", b"upgrade", out);
        plain_fields(fields, out).inspect_err(|_| out.truncate(start))?;
        out.extend_from_slice(b"\r\n");
        self.state.switch();
        Ok(())
    }

    /// Writes what stands in front of `length` bytes of content, which the caller sends after `out`, and says what
    /// follows them. Nothing is framed if there is no content, or if it is not to be sent: what a status that has none
    /// came with would be read as the next response (RFC 9112 section 6.3).
    ///
    /// # Errors
    ///
    /// Content that is longer than announced; or no content is due.
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

    /// Ends the response, and says what becomes of the connection.
    ///
    /// # Errors
    ///
    /// Less content than announced: nothing more can be written, see [`fail`](Self::fail). Or no response is in progress.
    #[inline]
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<Persistence, LocalProtocolError> {
        self.finish_with(NO_FIELDS, out)
    }

    /// As [`finish`](Self::finish), with trailers. Only chunked content has a place for them; elsewhere they are left
    /// out, as they may be (RFC 9110 section 6.5.1).
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish), or a bad field.
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

    /// Answers a refused request, unless a response has begun, and closes the connection.
    pub fn refuse(&mut self, refusal: RemoteProtocolError, stamp: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(refusal.status(), stamp, out);
    }

    /// The client took too long with its request: answers 408, unless a response has begun, and closes the connection (RFC
    /// 9110 section 15.5.9).
    pub fn time_out(&mut self, stamp: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(408, stamp, out);
    }

    /// The application has failed: answers 500 if no head has left, and closes the connection in any case. A response
    /// that had begun is cut short, which its client can see from the framing (RFC 9112 section 8).
    pub fn fail(&mut self, stamp: DefaultHeaders<'_>, out: &mut Vec<u8>) {
        self.answer_and_close(500, stamp, out);
    }
}
