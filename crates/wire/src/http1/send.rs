//! Bytes out: messages of an application become heads, content and trailers.
//!
//! A head waits for the content after it, so that both are sent in one piece and a response of one message has a length
//! (RFC 9112 section 6.2) instead of chunks; if no content comes in the same turn, it is sent at the turn's end.

use std::mem;

use super::connection::{Answer, Connection, Phase, Request, Started, State};
use crate::action::{Action, Actions};
use crate::message::{COPY_AT_MOST, MESSAGE_COUNTS, Message, OutOfOrder, RequestId, SendError, Sent, Wait};
use crate::settings::{Context, Settings};

impl<B: AsRef<[u8]>> Connection<B> {
    /// Takes a message.
    #[inline]
    pub(super) fn take_message(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let before = out.len();
        if self.current(request).is_none() {
            return Err(self.gone());
        }
        let sent = match message {
            Message::Start { status, fields, has_trailers } => {
                return self.start(Started { status, fields, has_trailers });
            }
            Message::Content { content, more } => self.content(content, more, context, out),
            Message::Trailers { fields, more } => self.trailers(fields, more, context, out),
            Message::EarlyHint { links } => self.hint(&links, out),
            Message::File { count, more } => self.file(count, more, context, out),
            Message::FilePart { .. } => Err(SendError::OutOfOrder(OutOfOrder::ContentIsDue)),
            Message::FileEnd { more } => self.end_file(more, context, out),
            Message::Accept { subprotocol, fields } => {
                self.accept(subprotocol.as_ref(), &fields, context, out)
            }
            Message::Data { .. } => Err(SendError::OutOfOrder(OutOfOrder::AcceptIsDue)),
            Message::Close { .. } => self.forbid(context, out),
        };
        let mut sent = sent.inspect_err(|_| out.truncate(before))?;
        let length = sent.content.as_ref().map_or(0, |content| content.as_ref().len());
        self.bytes_since_turn += MESSAGE_COUNTS + out.len() - before + length;
        if out.len() > before || length > 0 {
            sent.actions = sent.actions.with(Action::Write);
        }
        Ok(sent)
    }

    /// Returns why there is no request with some number any more.
    #[cold]
    pub(super) fn gone(&self) -> SendError {
        if matches!(self.state, State::Open(_)) { SendError::Complete } else { SendError::Disconnected }
    }

    /// Returns what a sender waits for.
    #[inline]
    pub(super) fn wait_for(&mut self, settings: &Settings) -> Wait {
        if !self.is_writable && !matches!(self.state, State::Closed { .. }) {
            return Wait::Drain;
        }
        if self.bytes_since_turn < settings.response_bytes_per_turn || self.request().is_none() {
            return Wait::Nothing;
        }
        self.bytes_since_turn = 0;
        Wait::Turn
    }

    #[inline]
    fn start(&mut self, started: Started<B>) -> Result<Sent<B>, SendError> {
        let Some(request) = self.answering() else { return Err(SendError::Complete) };
        if !matches!(request.answer, Answer::Owed) {
            return Err(SendError::OutOfOrder(OutOfOrder::HasBegun));
        }
        request.status = started.status;
        request.answer = Answer::Started(started);
        Ok(Sent { actions: Action::NotifyTurnEnd.into(), ..Sent::NOTHING })
    }

    /// Encodes the head that waits, if there is one.
    #[inline]
    fn encode_head(
        &mut self,
        length: http::Length,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), http::LocalProtocolError> {
        let Self { http, state: State::Open(Phase::Answering(request)), .. } = self else { return Ok(()) };
        let Answer::Started(started) = &request.answer else { return Ok(()) };
        let own = started.fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let before = out.len();
        let begun = http.start(started.status, own.chain(context.fields()), length, context.defaults(), out);
        request.record.note_response(&out[before..], context.settings);
        let has_trailers = started.has_trailers;
        request.answer = if begun.is_ok() { Answer::Sending { has_trailers } } else { Answer::Owed };
        begun
    }

    /// Encodes the head for content of some length, if that is known. Returns whether it was due.
    #[inline]
    fn head_for(
        &mut self,
        length: Option<u64>,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        let Some(request) = self.request() else { return Err(SendError::Complete) };
        match &request.answer {
            Answer::Sending { .. } => Ok(false),
            Answer::Started(started) => {
                // Content that comes with a 304 is not what has the length (RFC 9110 section 8.6).
                let is_unknown = more || started.has_trailers || started.status == 304;
                let known = length.filter(|_| !is_unknown).map_or(http::Length::Unknown, http::Length::Known);
                self.encode_head(known, context, out)?;
                Ok(true)
            }
            other => Err(SendError::OutOfOrder(out_of_order(other))),
        }
    }

    /// Encodes content, with the head if that still waits, and with the end of the response if no more comes.
    #[inline]
    fn content(
        &mut self,
        content: Option<B>,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        // An empty content says nothing about the length that GET would have (RFC 9110 section 8.6).
        let is_absent = length == 0 && self.http.head().method() == b"HEAD";
        let known = if is_absent { None } else { Some(length as u64) };
        let is_first = self.head_for(known, more, context, out)?;
        let encoded = self.encode_content(content, out).and_then(|(mut sent, frame)| {
            sent.left_out = self.note_left_out(frame);
            sent.actions = self.after_content(length, frame, more, context, out)?;
            Ok(sent)
        });
        match encoded {
            Err(_) if is_first => self.retract(),
            Err(SendError::Invalid(http::LocalProtocolError::BodyTooShort)) => self.take_back(length),
            // The response has begun: no rate is required of the request.
            Ok(_) if is_first && more => self.settle_deadline(context),
            _ => {}
        }
        encoded
    }

    /// Encodes content, or only its framing if it is long.
    #[inline(always)]
    pub(super) fn encode_content(
        &mut self,
        content: Option<B>,
        out: &mut Vec<u8>,
    ) -> Result<(Sent<B>, http::Frame), SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        let frame = self.http.frame(length, out)?;
        let mut sent = Sent { is_sent: frame.is_sent(), ..Sent::NOTHING };
        if frame.is_sent() {
            match content {
                Some(content) if length > COPY_AT_MOST => sent.content = Some(content),
                Some(content) => out.extend_from_slice(content.as_ref()),
                None => {}
            }
        }
        sent.split = out.len();
        if frame == http::Frame::Chunk {
            out.extend_from_slice(http::CHUNK_END);
        }
        Ok((sent, frame))
    }

    /// Counts content, and ends the response or begins its trailers if no more comes.
    #[inline]
    pub(super) fn after_content(
        &mut self,
        length: usize,
        frame: http::Frame,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, SendError> {
        let Some(request) = self.answering() else { return Err(SendError::Complete) };
        if frame.is_sent() {
            request.sent += length as u64;
        }
        if more {
            return Ok(Actions::NONE);
        }
        if matches!(request.answer, Answer::Sending { has_trailers: true }) {
            request.answer = Answer::Trailers(Vec::new());
            return Ok(Actions::NONE);
        }
        let after = self.http.finish(out)?;
        Ok(self.complete(after, context))
    }

    /// Returns the status of a response that leaves content out by mistake, the first time.
    #[inline]
    pub(super) fn note_left_out(&mut self, frame: http::Frame) -> Option<u16> {
        if frame != http::Frame::NotAllowed {
            return None;
        }
        let request = self.answering()?;
        let is_first = !mem::replace(&mut request.has_left_out, true);
        is_first.then_some(request.status)
    }

    /// Withdraws a head that can't be sent with its content: an error response is still possible.
    #[cold]
    pub(super) fn retract(&mut self) {
        self.http.retract();
        if let Some(request) = self.answering() {
            (request.answer, request.sent) = (Answer::Owed, 0);
        }
    }

    /// Takes back content after which the response can't end, because more was announced: none of it is sent.
    #[cold]
    fn take_back(&mut self, length: usize) {
        self.http.take_back(length);
        if let Some(request) = self.answering() {
            request.sent -= length as u64;
        }
    }

    /// Encodes trailers, once the last of them has come (ASGI, "HTTP Trailers").
    fn trailers(
        &mut self,
        fields: Vec<(B, B)>,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let Self { http, state: State::Open(Phase::Answering(request)), .. } = self else {
            return Err(SendError::Complete);
        };
        let Answer::Trailers(gathered) = &mut request.answer else {
            return Err(SendError::OutOfOrder(out_of_order(&request.answer)));
        };
        gathered.extend(fields);
        if more {
            return Ok(Sent::NOTHING);
        }
        let gathered = mem::take(gathered);
        let fields = gathered.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        // A client that does not announce that it accepts trailers might misread them (RFC 9110 section 6.5.1).
        let after =
            if http.head().takes_trailers() { http.finish_with(fields, out)? } else { http.finish(out)? };
        Ok(Sent { actions: self.complete(after, context), split: out.len(), ..Sent::NOTHING })
    }

    /// Encodes an early hint (RFC 8297). Once the head has been sent it is too late for one, which is no error.
    fn hint(&mut self, links: &[B], out: &mut Vec<u8>) -> Result<Sent<B>, SendError> {
        let Some(request) = self.request() else { return Err(SendError::Complete) };
        if !request.is_unanswered() {
            return Ok(Sent::NOTHING);
        }
        // The head that waits was not written with it.
        let holds_head = matches!(request.answer, Answer::Started(_));
        let actions = if holds_head { Action::NotifyTurnEnd.into() } else { Actions::NONE };
        self.http.inform(103, links.iter().map(|link| (&b"link"[..], link.as_ref())), out)?;
        Ok(Sent { actions, split: out.len(), ..Sent::NOTHING })
    }

    /// Encodes the head of a response that is a file, and what precedes `count` bytes of it.
    fn file(
        &mut self,
        count: usize,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let is_first = self.head_for(Some(count as u64), more, context, out)?;
        let frame = match self.http.frame(count, out) {
            Ok(frame) => frame,
            Err(error) => {
                if is_first {
                    self.retract();
                }
                return Err(error.into());
            }
        };
        if let Some(request) = self.answering()
            && frame.is_sent()
        {
            let has_trailers = matches!(request.answer, Answer::Sending { has_trailers: true });
            request.sent += count as u64;
            request.answer = Answer::File { has_trailers, is_chunk: frame == http::Frame::Chunk };
        }
        self.settle_deadline(context);
        let left_out = self.note_left_out(frame);
        Ok(Sent { split: out.len(), is_sent: frame.is_sent(), left_out, ..Sent::NOTHING })
    }

    /// Encodes what follows a file.
    fn end_file(
        &mut self,
        more: bool,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let Some(request) = self.answering() else { return Err(SendError::Complete) };
        if let Answer::File { has_trailers, is_chunk } = request.answer {
            request.answer = Answer::Sending { has_trailers };
            out.extend_from_slice(if is_chunk { http::CHUNK_END } else { b"" });
        }
        let actions = self.after_content(0, http::Frame::Plain, more, context, out)?;
        self.settle_deadline(context);
        Ok(Sent { actions, split: out.len(), ..Sent::NOTHING })
    }

    /// Sends a head that waits for content without it.
    pub(super) fn send_head(
        &mut self,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        let before = out.len();
        self.encode_head(http::Length::Unknown, context, out)?;
        if out.len() == before {
            return Ok(Actions::NONE);
        }
        self.settle_deadline(context);
        Ok(Action::Write.into())
    }

    /// Returns the request that is being answered.
    #[inline]
    pub(super) fn answering(&mut self) -> Option<&mut Request<B>> {
        match &mut self.state {
            State::Open(Phase::Answering(request)) => Some(request),
            _ => None,
        }
    }
}

/// Returns what this state of a response expects.
#[cold]
pub(super) const fn out_of_order<B>(answer: &Answer<B>) -> OutOfOrder {
    match answer {
        Answer::Owed => OutOfOrder::HeadIsDue,
        Answer::Started(_) | Answer::Sending { .. } => OutOfOrder::ContentIsDue,
        Answer::Trailers(_) => OutOfOrder::TrailersAreDue,
        Answer::File { .. } => OutOfOrder::FileIsDue,
    }
}
