//! The end of the request: complete, or cut short by either side.

use std::mem;

use super::send::fields_of;
use super::{Answer, Request, State, Stream};
use crate::action::{Action, Actions};
use crate::http2::head;
use crate::http2::piece::Piece;
use crate::log::{LogEnd, LogKind, LogRecord};
use crate::message::{Ending, Finished, Outcome, RequestId};
use crate::record::Record;
use crate::reply::{FAILURE, Reply};
use crate::settings::Context;

/// The answer to content beyond the limit (RFC 9110 section 15.5.14).
const TOO_LARGE: Reply<'_> = Reply { status: 413, text: "", end: "", fields: &[] };

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

    /// Answers a request whose content is too long, if nothing was answered yet.
    pub(super) fn refuse_content(&mut self, context: Context<'_>) -> Actions {
        if self.request().is_some_and(Request::is_unanswered) {
            return self.answer(TOO_LARGE, context);
        }
        self.reset(h2::Reason::CANCEL)
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
        if let (Ok(mut sender), true) = (sent, has_content) {
            let count = text.len() as u64;
            let is_sent = sender.send_data(Piece::encoded(text.into_bytes()), true).is_ok();
            if let State::Open(request) = &mut self.state
                && is_sent
            {
                request.sent = count;
            }
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
