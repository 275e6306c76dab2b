//! Encodes the messages of a response: their order, and their framing.
//!
//! All of it happens within one borrow of the connection; nothing here calls Python.

use std::mem;

use pyo3::prelude::*;

use super::connection::{Answer, Request, State};
use super::http_server::HttpServer;
use super::message::Fields;
use super::request_cycle::SendError;
use super::respond::with_stamp;
use crate::ffi::bytes::Bytes;

/// Content up to this size is copied after its head, as the stream's queue would.
const COPY_AT_MOST: usize = 1024;

/// The encoded part of a message, and the content that is sent with it.
pub(super) struct Encoded {
    /// Content that is sent without a copy.
    pub(super) content: Option<Bytes>,
    /// The number of encoded bytes before the content.
    pub(super) split: usize,
    /// The request whose response is complete with this.
    pub(super) complete: Option<(Request, http::Persistence)>,
    /// The status of a response whose content is left out, which is reported once.
    pub(super) left_out: Option<u16>,
}

impl State {
    /// Encodes the head that waits, if there is one.
    #[inline]
    pub(super) fn encode_head(
        &mut self,
        py: Python<'_>,
        http_server: &HttpServer,
        length: http::Length,
        out: &mut Vec<u8>,
    ) -> Result<(), http::LocalProtocolError> {
        let Self { request: Some(request), http, .. } = self else { return Ok(()) };
        let Answer::Started(started) = &request.answer else { return Ok(()) };
        let own = started.fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let every =
            http_server.settings.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
        let begun = with_stamp(http_server, py, |stamp| {
            http.start(started.status, own.chain(every), length, stamp, out)
        });
        let has_trailers = started.has_trailers;
        request.answer = if begun.is_ok() { Answer::Sending(has_trailers) } else { Answer::Owed };
        begun
    }

    /// Encodes content, with the head if that still waits, and with the end of the response if no more comes.
    pub(super) fn encode(
        &mut self,
        py: Python<'_>,
        http_server: &HttpServer,
        number: u32,
        (mut content, more): (Option<Bytes>, bool),
        out: &mut Vec<u8>,
    ) -> Result<Encoded, SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        let is_to_head = self.http.head().method() == b"HEAD";
        let Some(request) = self.current(number) else { return Err(SendError::gone(self)) };
        let is_first = matches!(request.answer, Answer::Started(_));
        match &request.answer {
            Answer::Sending(_) => {}
            Answer::Started(started) => {
                // An empty content says nothing about the length of the full one, and content that comes with a 304 is
                // not that (RFC 9110 section 8.6).
                let is_absent = started.status == 304 || (length == 0 && is_to_head);
                let is_unknown = more || started.has_trailers || is_absent;
                let known =
                    if is_unknown { http::Length::Unknown } else { http::Length::Known(length as u64) };
                self.encode_head(py, http_server, known, out)?;
            }
            other => return Err(SendError::OutOfOrder(out_of_order(other))),
        }
        let framed = self.encode_content(&mut content, out);
        let outcome = framed.and_then(|(frame, split)| {
            let left_out = self.note_left_out(number, frame);
            let complete = self.after_content(number, length, frame, more, out)?;
            Ok((split, complete, left_out))
        });
        match outcome {
            Ok((split, complete, left_out)) => Ok(Encoded { content, split, complete, left_out }),
            Err(unfit) => {
                if is_first {
                    self.retract(number);
                }
                Err(unfit)
            }
        }
    }

    /// Returns the status of a response that leaves content out by mistake, the first time.
    #[inline]
    pub(super) fn note_left_out(&mut self, number: u32, frame: http::Frame) -> Option<u16> {
        if frame != http::Frame::NotAllowed {
            return None;
        }
        let request = self.current(number)?;
        let is_first = !mem::replace(&mut request.has_left_out, true);
        is_first.then_some(request.status)
    }

    /// Withdraws a head that can't be sent with its content: an error response is still possible.
    #[cold]
    fn retract(&mut self, number: u32) {
        self.http.retract();
        if let Some(request) = self.current(number) {
            (request.answer, request.sent) = (Answer::Owed, 0);
        }
    }

    /// Encodes content, or only its framing if it is long, and returns where it goes.
    #[inline]
    fn encode_content(
        &mut self,
        content: &mut Option<Bytes>,
        out: &mut Vec<u8>,
    ) -> Result<(http::Frame, usize), SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        let frame = self.http.frame(length, out)?;
        let split = match frame {
            frame if !frame.is_sent() => {
                *content = None;
                out.len()
            }
            _ if length <= COPY_AT_MOST => {
                out.extend_from_slice(content.take().as_ref().map_or(&[], AsRef::as_ref));
                out.len()
            }
            _ => out.len(),
        };
        if frame == http::Frame::Chunk {
            out.extend_from_slice(http::CHUNK_END);
        }
        Ok((frame, split))
    }

    /// Counts content, and ends the response or begins its trailers if no more comes.
    #[inline]
    fn after_content(
        &mut self,
        number: u32,
        length: usize,
        frame: http::Frame,
        more: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<(Request, http::Persistence)>, SendError> {
        let Some(request) = self.current(number) else { return Ok(None) };
        if frame.is_sent() {
            request.sent += length as u64;
        }
        if more {
            return Ok(None);
        }
        if matches!(request.answer, Answer::Sending(true)) {
            request.answer = Answer::Trailers(Vec::new());
            return Ok(None);
        }
        let after = self.http.finish(out)?;
        Ok(self.request.take().map(|request| (request, after)))
    }

    /// Encodes trailers, once the last of them has arrived (ASGI, "HTTP Trailers").
    pub(super) fn encode_trailers(
        &mut self,
        py: Python<'_>,
        http_server: &HttpServer,
        number: u32,
        (fields, more): (Fields, bool),
        out: &mut Vec<u8>,
    ) -> Result<Encoded, SendError> {
        let Some(request) = self.current(number) else { return Err(SendError::gone(self)) };
        match &mut request.answer {
            Answer::Trailers(gathered) => gathered.extend(fields),
            other => return Err(SendError::OutOfOrder(out_of_order(other))),
        }
        self.encode_head(py, http_server, http::Length::Unknown, out)?;
        if more {
            return Ok(Encoded { content: None, split: out.len(), complete: None, left_out: None });
        }
        let Some(mut request) = self.request.take() else { return Err(SendError::Over) };
        let Answer::Trailers(gathered) = mem::replace(&mut request.answer, Answer::Owed) else {
            return Err(SendError::Over);
        };
        let fields = gathered.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        // A client that does not announce that it accepts trailers might misread them (RFC 9110 section 6.5.1).
        let takes_them = self.http.head().takes_trailers();
        let finished = if takes_them { self.http.finish_with(fields, out) } else { self.http.finish(out) };
        match finished {
            Ok(after) => Ok(Encoded {
                content: None,
                split: out.len(),
                complete: Some((request, after)),
                left_out: None,
            }),
            Err(misuse) => {
                request.answer = Answer::Trailers(Vec::new());
                self.request = Some(request);
                Err(misuse.into())
            }
        }
    }

    /// Encodes an early hint (RFC 8297).
    pub(super) fn encode_hint(
        &mut self,
        number: u32,
        links: &[Bytes],
        out: &mut Vec<u8>,
    ) -> Result<Encoded, SendError> {
        let Some(request) = self.current(number) else { return Err(SendError::gone(self)) };
        // Once the head has been sent it is too late for a hint, which is no error.
        if !matches!(request.answer, Answer::Owed | Answer::Started(_)) {
            return Ok(Encoded { content: None, split: 0, complete: None, left_out: None });
        }
        self.http.inform(103, links.iter().map(|link| (&b"link"[..], link.as_ref())), out)?;
        Ok(Encoded { content: None, split: out.len(), complete: None, left_out: None })
    }

    /// Encodes the head of a response that is a file, and what precedes `count` bytes of it. Returns the framing, and
    /// the status of a response that leaves the file out by mistake.
    pub(super) fn encode_file(
        &mut self,
        py: Python<'_>,
        http_server: &HttpServer,
        number: u32,
        (count, more): (usize, bool),
        out: &mut Vec<u8>,
    ) -> Result<(http::Frame, Option<u16>), SendError> {
        let Some(request) = self.current(number) else { return Err(SendError::gone(self)) };
        let is_first = matches!(request.answer, Answer::Started(_));
        match &request.answer {
            Answer::Sending(_) => {}
            Answer::Started(started) => {
                let known = !more && !started.has_trailers && started.status != 304;
                let length = if known { http::Length::Known(count as u64) } else { http::Length::Unknown };
                self.encode_head(py, http_server, length, out)?;
            }
            other => return Err(SendError::OutOfOrder(out_of_order(other))),
        }
        let framed = self.http.frame(count, out);
        if is_first && framed.is_err() {
            self.retract(number);
        }
        let frame = framed?;
        if let Some(request) = self.current(number)
            && frame.is_sent()
        {
            let has_trailers = matches!(request.answer, Answer::Sending(true));
            request.sent += count as u64;
            request.answer = Answer::File { has_trailers, is_chunk: frame == http::Frame::Chunk };
        }
        Ok((frame, self.note_left_out(number, frame)))
    }

    /// Encodes what follows a file. `sent` is false if its content was not to be sent.
    pub(super) fn encode_after_file(
        &mut self,
        number: u32,
        more: bool,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, SendError> {
        let Some(request) = self.current(number) else { return Err(SendError::gone(self)) };
        if let Answer::File { has_trailers, is_chunk } = request.answer {
            request.answer = Answer::Sending(has_trailers);
            out.extend_from_slice(if is_chunk { http::CHUNK_END } else { b"" });
        }
        let complete = self.after_content(number, 0, http::Frame::Plain, more, out)?;
        Ok(Encoded { content: None, split: out.len(), complete, left_out: None })
    }
}

/// Returns the error text for a message that is out of order in this state of the response.
#[cold]
fn out_of_order(answer: &Answer) -> &'static str {
    match answer {
        Answer::Owed => "a response begins with http.response.start",
        Answer::Started(_) | Answer::Sending(_) => {
            "trailers come after the last content of a response that has them"
        }
        Answer::Trailers(_) => "after the content of this response come its trailers",
        Answer::File { .. } => "a file of this response is being sent",
    }
}
