//! Bytes out: messages of an application become heads, content and trailers in h2's queues.
//!
//! As in HTTP/1.1 a head waits for the content after it, so that a response of one message has a length; if no content
//! comes in the same turn, it is sent at the turn's end.

use std::mem;

use h2::SendStream;
use h2::server::SendResponse;

use super::{Answer, HasTrailers, Started, State, Stream, fields_of};
use crate::action::{Action, Actions};
use crate::http2::content::Content;
use crate::http2::head;
use crate::http2::outbox::Sender;
use crate::http2::piece::Piece;
use crate::message::{MESSAGE_COUNTS, OutOfOrder, RequestId, Response, SendError, Sent, Wait};
use crate::settings::{Context, Settings};

/// A whole response of at most this length is given to h2 at once, if its window is open.
const AT_ONCE: usize = 16 * 1024;

impl<B: AsRef<[u8]>> Stream<B> {
    /// Takes a whole response.
    pub(super) fn take_response<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
    ) -> Result<Sent<B>, SendError> {
        let Response { status, fields, content } = response;
        let Some(current) = self.current(request) else { return Err(self.gone()) };
        let Answer::Owed(_) = current.answer else {
            return Err(SendError::OutOfOrder(OutOfOrder::HasBegun));
        };
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        // What an empty content says about the length that GET would have, and content that comes with a 304: nothing
        // (RFC 9110 section 8.6).
        let is_unknown = status == 304 || (length == 0 && self.head.method() == b"HEAD");
        let known = if is_unknown { http::Length::Unknown } else { http::Length::Known(length as u64) };
        let fields = fields.chain(context.fields());
        let (head, rules) = head::response(&self.head, status, fields, known, context.defaults())?;
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let Answer::Owed(respond) = mem::replace(&mut request.answer, Answer::Nothing) else {
            return Err(SendError::Complete);
        };
        request.status = status;
        request.record.note_fields(|| fields_of(&head), context.settings);
        self.write(head, rules, respond, content, false, false)
    }

    /// Returns why there is no request with some number any more.
    #[cold]
    pub(super) const fn gone(&self) -> SendError {
        if self.was_cut { SendError::Disconnected } else { SendError::Complete }
    }

    /// Returns what a sender waits for.
    pub(super) fn wait_for(&mut self, settings: &Settings) -> Wait {
        let Some(request) = self.request() else { return Wait::Nothing };
        if request.is_blocked {
            return Wait::Drain;
        }
        if self.bytes_since_turn < settings.response_bytes_per_turn {
            return Wait::Nothing;
        }
        self.bytes_since_turn = 0;
        Wait::Turn
    }

    pub(super) fn start(&mut self, started: Started<B>) -> Result<Sent<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        match mem::replace(&mut request.answer, Answer::Nothing) {
            Answer::Owed(respond) => {
                request.status = started.status;
                request.answer = Answer::Started(respond, started);
                Ok(Sent { actions: Action::FlushConnection.into(), ..Sent::NOTHING })
            }
            other => {
                request.answer = other;
                Err(SendError::OutOfOrder(OutOfOrder::HasBegun))
            }
        }
    }

    /// Makes the head that waits, for content of some length if that is known. On an error it waits no more: an error
    /// response is still possible.
    pub(super) fn take_head(
        &mut self,
        length: http::Length,
        context: Context<'_>,
    ) -> Result<Begun<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let (respond, started) = match mem::replace(&mut request.answer, Answer::Nothing) {
            Answer::Started(respond, started) => (respond, started),
            other => {
                let error = out_of_order(&other);
                request.answer = other;
                return Err(SendError::OutOfOrder(error));
            }
        };
        let own = started.fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let fields = own.chain(context.fields());
        match head::response(&self.head, started.status, fields, length, context.defaults()) {
            Ok((head, rules)) => {
                request.record.note_fields(|| fields_of(&head), context.settings);
                Ok(Begun { head, rules, respond, started })
            }
            Err(error) => {
                request.answer = Answer::Owed(respond);
                Err(error.into())
            }
        }
    }

    /// Sends content, with the head if that still waits, and with the end of the response if no more comes.
    pub(super) fn content(
        &mut self,
        content: Option<B>,
        more: bool,
        context: Context<'_>,
    ) -> Result<Sent<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        match mem::replace(&mut request.answer, Answer::Nothing) {
            Answer::Sending(sender, rules, has_trailers) => {
                let mut after = rules;
                match count(&mut after, length, more) {
                    Ok(frame) => self.write_content(sender, after, frame, content, more, has_trailers),
                    Err(error) => {
                        request.answer = Answer::Sending(sender, rules, has_trailers);
                        Err(error.into())
                    }
                }
            }
            other => {
                let has_own_length = matches!(&other, Answer::Started(_, started)
                    if !more && !started.has_trailers && started.status != 304);
                request.answer = other;
                // An empty content says nothing about the length that GET would have (RFC 9110 section 8.6).
                let is_absent = length == 0 && self.head.method() == b"HEAD";
                let known = match has_own_length && !is_absent {
                    true => http::Length::Known(length as u64),
                    false => http::Length::Unknown,
                };
                let Begun { head, rules, respond, started } = self.take_head(known, context)?;
                self.write(head, rules, respond, content, more, started.has_trailers)
            }
        }
    }

    /// Sends a head and its first content.
    fn write(
        &mut self,
        head: http_types::Response<()>,
        mut rules: Content,
        mut respond: SendResponse<Piece<B>>,
        content: Option<B>,
        more: bool,
        has_trailers: HasTrailers,
    ) -> Result<Sent<B>, SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        let frame = match count(&mut rules, length, more) {
            Ok(frame) => frame,
            Err(error) => {
                if let State::Open(request) = &mut self.state {
                    request.answer = Answer::Owed(respond);
                }
                return Err(error.into());
            }
        };
        let content = content.filter(|_| frame.is_sent() && length > 0);
        let is_last = !more && !has_trailers;
        let Ok(mut sender) = respond.send_response(head, is_last && content.is_none()) else {
            return self.fail();
        };
        let content = if is_last { self.send_at_once(&mut sender, content) } else { content };
        if is_last && content.is_none() {
            let left_out = self.note_left_out(frame);
            let actions = self.complete().with(Action::FlushConnection);
            return Ok(Sent { actions, is_sent: frame.is_sent(), left_out, ..Sent::NOTHING });
        }
        let sender = self.outbox.begin(self.number, sender, self.waker.get().clone());
        self.write_content(sender, rules, frame, content, more, has_trailers)
    }

    /// Sends the only content of a response, unless it is long or has to wait: then it is returned.
    fn send_at_once(&mut self, sender: &mut SendStream<Piece<B>>, content: Option<B>) -> Option<B> {
        let content = content?;
        let length = content.as_ref().len();
        if length > AT_ONCE {
            return Some(content);
        }
        sender.reserve_capacity(length);
        if sender.capacity() < length {
            return Some(content);
        }
        // An error is that of a client that has left, which is news.
        if sender.send_data(Piece::own(content), true).is_ok()
            && let State::Open(request) = &mut self.state
        {
            request.sent = length as u64;
        }
        None
    }

    /// Sends content, which the rules allow.
    fn write_content(
        &mut self,
        mut sender: Sender<B>,
        rules: Content,
        frame: http::Frame,
        content: Option<B>,
        more: bool,
        has_trailers: HasTrailers,
    ) -> Result<Sent<B>, SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        let is_sent = frame.is_sent();
        let is_last = !more && !has_trailers;
        let left_out = self.note_left_out(frame);
        let pushed =
            content.filter(|_| is_sent && length > 0).map_or(Ok(false), |content| sender.push(content));
        let Ok(is_full) = pushed else { return self.fail() };
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        request.sent += if is_sent { length as u64 } else { 0 };
        self.bytes_since_turn += MESSAGE_COUNTS + length;
        let mut actions = Actions::from(Action::FlushConnection);
        if is_last {
            if sender.complete().is_err() {
                return self.fail();
            }
            actions = actions.and(self.complete());
        } else if more {
            request.is_blocked = is_full;
            request.answer = Answer::Sending(sender, rules, has_trailers);
        } else {
            request.is_blocked = is_full;
            request.answer = Answer::Trailers(sender, Vec::new());
        }
        Ok(Sent { actions, is_sent, left_out, ..Sent::NOTHING })
    }

    /// Looks whether more content may be sent. Otherwise that will be news.
    pub(super) fn note_window(&mut self) -> Actions {
        let State::Open(request) = &mut self.state else { return Actions::NONE };
        let (Answer::Sending(sender, ..) | Answer::Trailers(sender, _)) = &request.answer else {
            return Actions::NONE;
        };
        if !request.is_blocked || sender.is_full() {
            return Actions::NONE;
        }
        request.is_blocked = false;
        Action::WakeSend.into()
    }

    /// Sends trailers, once the last of them has come (ASGI, "HTTP Trailers").
    pub(super) fn trailers(&mut self, fields: Vec<(B, B)>, more: bool) -> Result<Sent<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let Answer::Trailers(_, gathered) = &mut request.answer else {
            return Err(SendError::OutOfOrder(out_of_order(&request.answer)));
        };
        gathered.extend(fields);
        if more {
            return Ok(Sent::NOTHING);
        }
        let fields = gathered.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let trailers = head::trailers(fields)?;
        if let Answer::Trailers(sender, _) = mem::replace(&mut request.answer, Answer::Nothing)
            && sender.complete_with(trailers).is_err()
        {
            return self.fail();
        }
        Ok(Sent { actions: self.complete().with(Action::FlushConnection), ..Sent::NOTHING })
    }

    /// Sends an early hint (RFC 8297). Once the head has been sent it is too late for one, which is no error.
    pub(super) fn hint(&mut self, links: &[B]) -> Result<Sent<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let actions = match &mut request.answer {
            Answer::Owed(respond) | Answer::Started(respond, _) => {
                let hint = head::early_hint(links.iter().map(AsRef::as_ref))?;
                if respond.send_informational(hint).is_err() {
                    return self.fail();
                }
                Action::FlushConnection.into()
            }
            _ => Actions::NONE,
        };
        Ok(Sent { actions, ..Sent::NOTHING })
    }

    /// Permits the client to send its content, if it waits for that. Returns whether it did.
    pub(super) fn send_continue(&mut self) -> bool {
        let State::Open(request) = &mut self.state else { return false };
        let (Answer::Owed(respond) | Answer::Started(respond, _)) = &mut request.answer else { return false };
        let mut permission = http_types::Response::new(());
        *permission.status_mut() = http_types::StatusCode::CONTINUE;
        mem::take(&mut request.awaits_continue) && respond.send_informational(permission).is_ok()
    }

    /// Sends a head that waits for content without it.
    pub(super) fn send_head(&mut self, context: Context<'_>) -> Result<Actions, http::LocalProtocolError> {
        if !self.request().is_some_and(|request| matches!(request.answer, Answer::Started(..))) {
            return Ok(Actions::NONE);
        }
        let Begun { head, rules, mut respond, started } = match self.take_head(http::Length::Unknown, context)
        {
            Ok(begun) => begun,
            Err(SendError::Invalid(error)) => return Err(error),
            Err(_) => return Ok(Actions::NONE),
        };
        let Ok(sender) = respond.send_response(head, false) else { return Ok(self.leave(true)) };
        if let State::Open(request) = &mut self.state {
            let sender = self.outbox.begin(self.number, sender, self.waker.get().clone());
            request.answer = Answer::Sending(sender, rules, started.has_trailers);
        }
        Ok(Action::FlushConnection.into())
    }

    /// Ends a request whose client turns out to have left.
    pub(super) fn fail(&mut self) -> Result<Sent<B>, SendError> {
        Err(self.gone_now())
    }

    pub(super) fn gone_now(&mut self) -> SendError {
        // The driver performs nothing after an error, so this is found as news.
        self.waker.get().wake_by_ref();
        SendError::Disconnected
    }

    /// Returns the status of a response that leaves content out by mistake, the first time.
    pub(super) fn note_left_out(&mut self, frame: http::Frame) -> Option<u16> {
        if frame != http::Frame::NotAllowed {
            return None;
        }
        let State::Open(request) = &mut self.state else { return None };
        let is_first = !mem::replace(&mut request.has_left_out, true);
        is_first.then_some(request.status)
    }
}

/// Counts content. Returns whether it is sent.
fn count(rules: &mut Content, length: usize, more: bool) -> Result<http::Frame, http::LocalProtocolError> {
    let frame = rules.frame(length)?;
    if !more {
        rules.finish()?;
    }
    Ok(frame)
}

/// A response that begins.
pub(super) struct Begun<B: AsRef<[u8]>> {
    pub(super) head: http_types::Response<()>,
    pub(super) rules: Content,
    pub(super) respond: SendResponse<Piece<B>>,
    pub(super) started: Started<B>,
}

/// Returns what this state of a response expects.
#[cold]
pub(super) const fn out_of_order<B: AsRef<[u8]>>(answer: &Answer<B>) -> OutOfOrder {
    match answer {
        Answer::Owed(_) => OutOfOrder::HeadIsDue,
        Answer::Started(..) | Answer::Sending(..) | Answer::Nothing => OutOfOrder::ContentIsDue,
        Answer::Trailers(..) => OutOfOrder::TrailersAreDue,
    }
}
