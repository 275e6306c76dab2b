//! The end of the request: complete, or cut short by either side.

use std::mem;

use h2::SendStream;
use h2::server::SendResponse;

use super::{Answer, Request, State, Stream, fields_of};
use crate::action::{Action, Actions};
use crate::http2::head;
use crate::http2::piece::Piece;
use crate::log::{LogEnd, LogKind, LogRecord};
use crate::message::{Ending, Finished, Outcome, RequestId};
use crate::record::Record;
use crate::reply::{FAILURE, Reply};
use crate::settings::Context;

/// The answer to content beyond the limit (RFC 9110 section 15.5.14).
pub(super) const TOO_LARGE: Refusal = Refusal { status: 413, because: "content is longer than the limit" };

/// A request that is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) because: &'static str,
}

impl<B: AsRef<[u8]>> Stream<B> {
    /// Ends the request after its response. If its content is not read, h2 tells the peer to send no more of it (RFC 9113
    /// section 8.1).
    pub(super) fn complete(&mut self) -> Actions {
        self.end(LogEnd::Complete, false)
    }

    /// Ends the request because the client has left.
    pub(super) fn leave(&mut self, by_peer: bool) -> Actions {
        if let State::Open(request) = &mut self.state {
            request.was_left = request.is_unanswered();
        }
        self.end(LogEnd::CutShort, by_peer)
    }

    /// Ends the request because the connection is gone.
    pub(super) fn lose(&mut self, by_peer: bool) -> Actions {
        self.leave(by_peer).with(Action::WakeSend)
    }

    /// Ends the request and tells the peer (RFC 9113 section 5.4.2).
    pub(super) fn reset(&mut self, reason: h2::Reason) -> Actions {
        if let State::Open(request) = &mut self.state {
            match &mut request.answer {
                Answer::Owed(respond) | Answer::Started(respond, _) => respond.send_reset(reason),
                Answer::Sending(sender, ..) | Answer::Trailers(sender, _) => sender.reset(reason),
                Answer::Nothing => {}
            }
        }
        self.end(LogEnd::CutShort, false).with(Action::FlushConnection).with(Action::WakeSend)
    }

    /// Ends the request in the middle of its response, because the application has failed: the client gets what was sent
    /// before, and the error.
    fn cut(&mut self) -> Actions {
        if let State::Open(request) = &mut self.state
            && let Answer::Sending(sender, ..) | Answer::Trailers(sender, _) = &mut request.answer
        {
            sender.cut(h2::Reason::INTERNAL_ERROR);
            return self.end(LogEnd::CutShort, false).with(Action::FlushConnection).with(Action::WakeSend);
        }
        self.reset(h2::Reason::INTERNAL_ERROR)
    }

    /// Ends the request for the log and for all calls that wait.
    fn end(&mut self, end: LogEnd, by_peer: bool) -> Actions {
        let State::Open(mut request) = mem::replace(&mut self.state, State::Over { by_peer }) else {
            return Actions::NONE;
        };
        self.was_cut = end != LogEnd::Complete;
        self.outbox.forget(self.number);
        self.unread.subtract(mem::take(&mut request.unread));
        self.deadline.end_head();
        if self.was_cut && request.is_unanswered() {
            // A head that waits was not sent.
            request.status = 0;
        }
        self.note_end(&mut request, end).with(Action::EndStream)
    }

    /// Notes the end of a request for the log and for all calls that wait.
    pub(super) fn note_end(&mut self, request: &mut Request<B>, end: LogEnd) -> Actions {
        let mut actions = Actions::NONE;
        if request.is_awaited || request.is_watched {
            actions = actions.with(Action::WakeReceive);
        }
        if request.is_blocked {
            actions = actions.with(Action::WakeSend);
        }
        if let Some(noted) = mem::replace(&mut request.record, Record::None).wants() {
            let end = if request.was_left { LogEnd::ClientLeft } else { end };
            let (kind, status, sent) = (LogKind::Request, request.status, request.sent);
            self.log.push(LogRecord { request: Some(self.number), kind, noted, status, sent, end });
            actions = actions.with(Action::Log);
        }
        actions
    }

    /// Refuses a request whose content can't be accepted: by an answer, if nothing was answered yet.
    #[cold]
    pub(super) fn refuse(&mut self, refusal: Refusal, context: Context<'_>) -> Actions {
        let State::Open(request) = &mut self.state else { return Actions::NONE };
        let logs = context.settings.logs_refusals;
        if logs && request.record == Record::None {
            request.record = Record::of_refused(&self.head, context.settings);
        }
        match mem::replace(&mut request.answer, Answer::Nothing) {
            Answer::Owed(respond) | Answer::Started(respond, _) => {
                request.status = refusal.status;
                self.send_refusal(respond, refusal.status, context);
            }
            Answer::Sending(mut sender, ..) | Answer::Trailers(mut sender, _) => {
                sender.reset(h2::Reason::CANCEL);
            }
            Answer::Nothing => {}
        }
        let end = if logs { LogEnd::Refused(refusal.because) } else { LogEnd::CutShort };
        self.end(end, false).with(Action::FlushConnection).with(Action::WakeSend)
    }

    /// Sends the server's text for a client whose request is refused.
    fn send_refusal(&mut self, mut respond: SendResponse<Piece<B>>, status: u16, context: Context<'_>) {
        let Ok(head) = head::refusal(status, context.fields(), context.defaults()) else {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            return;
        };
        let text = &context.settings.refusal;
        let has_content = self.head.method() != b"HEAD" && !text.is_empty();
        if let (Ok(sender), true) = (respond.send_response(head, !has_content), has_content) {
            self.send_text(sender, text.clone());
        }
    }

    /// Sends text of the server's own, and completes the response. An error is that of a client that has left.
    fn send_text(&mut self, sender: SendStream<Piece<B>>, text: Vec<u8>) -> bool {
        let mut sender = self.outbox.begin(self.number, sender, self.waker.get().clone());
        sender.push_made(text).is_ok() && sender.complete().is_ok()
    }

    /// Answers a request instead of an application.
    #[cold]
    pub(super) fn answer(&mut self, reply: Reply<'_>, context: Context<'_>) -> Actions {
        let Reply { status, text, end, fields: needed } = reply;
        let State::Open(request) = &mut self.state else { return Actions::NONE };
        let respond = match mem::replace(&mut request.answer, Answer::Nothing) {
            Answer::Owed(respond) | Answer::Started(respond, _) => respond,
            other => {
                request.answer = other;
                return Actions::NONE;
            }
        };
        request.status = status;
        let kind = (&b"content-type"[..], &b"text/plain; charset=utf-8"[..]);
        let fields = std::iter::once(kind).chain(needed.iter().copied()).chain(context.fields());
        let text = [text, end].concat();
        let length = http::Length::Known(text.len() as u64);
        let made = head::response(&self.head, status, fields, length, context.defaults());
        let Ok((head, mut rules)) = made else { return self.leave(false) };
        request.record.note_fields(|| fields_of(&head), context.settings);
        let mut respond = respond;
        let has_content = !text.is_empty() && rules.frame(text.len()).is_ok_and(http::Frame::is_sent);
        let sent = respond.send_response(head, !has_content);
        let count = text.len() as u64;
        if let (Ok(sender), true) = (sent, has_content)
            && self.send_text(sender, text.into_bytes())
            && let State::Open(request) = &mut self.state
        {
            request.sent = count;
        }
        self.complete().with(Action::FlushConnection)
    }

    /// Takes the end of an application, or an answer instead of one.
    pub(super) fn end_application(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
    ) -> Finished {
        let was_disconnected = !matches!(self.state, State::Open(_));
        let Some(current) = self.current(request) else {
            return Finished { ending: Ending::Complete, was_disconnected, actions: Actions::NONE };
        };
        let is_unanswered = current.is_unanswered();
        let (ending, actions) = match outcome {
            Outcome::Answer { status, text, .. } if is_unanswered => {
                (Ending::Unanswered, self.answer(Reply { status, text, end: "", fields: &[] }, context))
            }
            Outcome::Ended | Outcome::Failed | Outcome::NotTakenOver if is_unanswered => {
                (Ending::Unanswered, self.answer(FAILURE, context))
            }
            // Nothing else can be said: the head was sent.
            Outcome::Answer { .. } | Outcome::NotTakenOver | Outcome::Ended | Outcome::Failed => {
                (Ending::CutShort, self.cut())
            }
        };
        Finished { ending, was_disconnected, actions }
    }
}
