//! The end of a request and of a connection.

use std::mem;

use super::connection::{Answer, Connection, Incoming, Phase, Request, State, Turn};
use super::upgrade::NO_WEBSOCKET;
use crate::action::{Action, Actions};
use crate::linger::{Draining, Lingering};
use crate::log::{LogEnd, LogKind, LogRecord};
use crate::message::{Ending, Finished, Outcome, RequestId};
use crate::noted::Noted;
use crate::read_buffer::ReadBuffer;
use crate::record::Record;
use crate::reply::{FAILURE, Reply};
use crate::settings::{Context, Ticks};

/// The time for a peer that has nothing unanswered to close, once the server has: a whole tick.
const SHORT_LINGER: Ticks = Ticks(2);

/// Bytes that a peer may still send and that are not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// The content of a request that is answered.
    Upload,
    /// Bytes that are not a request, or one that is not answered.
    Anything,
    /// Nothing, unless a request crosses the end of the connection on its way.
    Nothing,
}

/// A request that is refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// It breaks a rule.
    Malformed(http::RemoteProtocolError),
    /// It took too long to arrive (RFC 9110 section 15.5.9).
    TimedOut(&'static str),
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Completes a response, and decides on the connection.
    #[inline]
    pub(super) fn complete(&mut self, after: http::Persistence, context: Context<'_>) -> Actions {
        let State::Open(phase) = &mut self.state else { return Actions::NONE };
        let Phase::Answering(request) = mem::replace(phase, Phase::Between) else { return Actions::NONE };
        let was_read = request.incoming != Incoming::Arriving;
        let actions = self.end_request(request, LogEnd::Complete);
        if after == http::Persistence::Close {
            return actions.and(self.end_after_last(was_read, context));
        }
        // The driver goes on with the input.
        if self.turn != Turn::Free {
            return actions;
        }
        let actions = actions.and(self.settle(context));
        actions.and(self.yield_if_due())
    }

    /// Ends the connection after its last response. What else has arrived is not answered, and more of it may wait in the
    /// kernel, which would discard the response.
    fn end_after_last(&mut self, was_read: bool, context: Context<'_>) -> Actions {
        let has_more = self.reads_paused || !self.read_buffer.is_empty() || self.http.has_kept_input();
        match (was_read, has_more) {
            (false, _) => self.linger(Unread::Upload, context),
            (true, true) => self.linger(Unread::Anything, context),
            // Only the server's end is a surprise: the next request may be on its way.
            (true, false) if context.is_ending => self.linger(Unread::Nothing, context),
            (true, false) => self.close(context),
        }
    }

    /// Asks for another turn if input can be processed and nobody does that.
    pub(super) fn yield_if_due(&mut self) -> Actions {
        if self.turn != Turn::Free || !self.is_due() {
            return Actions::NONE;
        }
        self.turn = Turn::Yielded;
        Action::YieldTurn.into()
    }

    /// Ends a request for the log and for all calls that wait.
    #[inline]
    pub(super) fn end_request(&mut self, request: Request<B>, end: LogEnd) -> Actions {
        self.was_cut = end != LogEnd::Complete;
        let was_left = request.was_left;
        let mut actions = Actions::NONE;
        if request.is_awaited || request.is_watched {
            actions = actions.with(Action::WakeReceive);
        }
        if let Some(noted) = request.record.wants() {
            let (request, kind, status, sent) =
                (Some(self.latest), LogKind::Request, request.status, request.sent);
            let end = if was_left { LogEnd::ClientLeft } else { end };
            // One at a time is the rule, and the room for it stays.
            if self.log.capacity() == 0 {
                self.log.reserve_exact(1);
            }
            self.log.push(LogRecord { request, kind, noted, status, sent, end });
            actions = actions.with(Action::Log);
        }
        actions
    }

    /// Notes that the client has left, or has ended its side: a request that is not answered yet is over for it.
    #[cold]
    pub(super) fn note_left(&mut self) {
        if let State::Open(Phase::Answering(request)) = &mut self.state
            && request.is_unanswered()
        {
            request.was_left = true;
        }
    }

    /// Enters another state than `Open`, and ends the request that is being answered.
    fn leave(&mut self, state: State<B>) -> Actions {
        self.read_buffer = ReadBuffer::new();
        match mem::replace(&mut self.state, state) {
            State::Open(Phase::Answering(mut request)) => {
                // A head that waits was not sent.
                request.status = if request.is_unanswered() { 0 } else { request.status };
                self.end_request(request, LogEnd::CutShort)
            }
            _ => Actions::NONE,
        }
    }

    /// Closes once everything written is sent. Bytes that the peer sends from here on are ignored.
    pub(super) fn close(&mut self, context: Context<'_>) -> Actions {
        if matches!(self.state, State::Draining(_) | State::Closed { .. }) {
            return Actions::NONE;
        }
        self.drain(context).with(Action::Close)
    }

    /// Closes at once.
    pub(super) fn abort(&mut self, context: Context<'_>) -> Actions {
        if matches!(self.state, State::Closed { .. }) {
            return Actions::NONE;
        }
        self.drain(context).with(Action::Abort)
    }

    /// Waits only for the transport from here on.
    fn drain(&mut self, context: Context<'_>) -> Actions {
        let actions = self.leave(State::Draining(Draining::starting(context.now)));
        self.settle_deadline(context);
        actions
    }

    /// Notes that the transport is lost or closes by itself.
    pub(super) fn note_broken(&mut self, context: Context<'_>) -> Actions {
        if !matches!(self.state, State::Open(_) | State::Lingering(_)) {
            return Actions::NONE;
        }
        self.note_left();
        self.drain(context)
    }

    /// Ends our side, and gives the peer some time to read the response and to close. A transport that can't end one side
    /// stays open as a whole, and bytes from the peer are dropped meanwhile.
    pub(super) fn linger(&mut self, unread: Unread, context: Context<'_>) -> Actions {
        if !matches!(self.state, State::Open(_)) {
            return Actions::NONE;
        }
        if self.http.has_input_ended() {
            return self.close(context);
        }
        let settings = context.settings;
        let time = match unread {
            Unread::Upload if !context.is_ending => settings.linger_time_at_most,
            Unread::Upload | Unread::Anything => settings.linger_time,
            Unread::Nothing => settings.linger_time.min(SHORT_LINGER),
        };
        let lingering = Lingering::starting(context.now, time);
        let actions = self.leave(State::Lingering(lingering)).and(self.settle(context));
        if unread == Unread::Nothing && self.is_writable {
            lingering.limit_to_end(&mut self.deadline.limit);
        }
        actions.with(Action::ShutdownWrite)
    }

    /// Makes the response in progress the last one because the server ends, or the next one if there is none.
    pub(super) fn announce_end(&mut self, context: Context<'_>) -> Actions {
        if let State::Lingering(lingering) = &mut self.state {
            lingering.shorten(self.is_writable.then_some(&mut self.deadline.limit), context);
        }
        self.http.end_after_next_response();
        Actions::NONE
    }

    /// Ends an idle connection because the server does, and any other after its response.
    pub(super) fn shut_down(&mut self, context: Context<'_>) -> Actions {
        let is_idle = self.is_between() && !self.has_input();
        let actions = self.announce_end(context);
        match (is_idle, context.is_ending) {
            (false, _) => actions,
            (true, true) => actions.and(self.linger(Unread::Nothing, context)),
            // Not the server as a whole: uvicorn, and a connection too many.
            (true, false) => actions.and(self.close(context)),
        }
    }

    /// Refuses a request: an error that the parser writes if no response has begun, and the end of the connection.
    #[cold]
    pub(super) fn refuse(&mut self, refusal: Refusal, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let (status, because) = match refusal {
            Refusal::Malformed(error) => (error.status(), error.because()),
            Refusal::TimedOut(because) => (408, because),
        };
        let mut actions = Actions::NONE;
        if context.settings.logs_refusals {
            self.log_refusal(status, because, context);
            actions = actions.with(Action::Log);
        }
        if self.http.ends_with_connection() {
            return actions.and(self.cut(context));
        }
        let written = out.len();
        self.http.end_with(status, context.fields(), context.defaults(), out);
        if out.len() > written {
            actions = actions.with(Action::Write);
        }
        if let State::Open(phase) = &mut self.state
            && let Phase::Answering(mut request) = mem::replace(phase, Phase::Between)
        {
            if out.len() > written {
                request.status = status;
            }
            actions = actions.and(self.end_request(request, LogEnd::CutShort));
        }
        actions.and(self.linger(if status == 413 { Unread::Upload } else { Unread::Anything }, context))
    }

    /// Records a refusal: the only record of its request.
    fn log_refusal(&mut self, status: u16, because: &'static str, context: Context<'_>) {
        let (kind, end) = (LogKind::Request, LogEnd::Refused(because));
        if let State::Open(Phase::Answering(request)) = &mut self.state
            && let Some(noted) = mem::replace(&mut request.record, Record::None).wants()
        {
            let status = if request.is_unanswered() { status } else { request.status };
            let (request, sent) = (Some(self.latest), request.sent);
            self.log.push(LogRecord { request, kind, noted, status, sent, end });
            return;
        }
        let noted = context.settings.noted.as_ref();
        let noted = noted.map(|parts| Box::new(Noted::of_line(self.http.request_line(), parts)));
        self.log.push(LogRecord { request: None, kind, noted, status, sent: 0, end });
    }

    /// Answers a request instead of an application.
    #[cold]
    pub(super) fn answer(&mut self, reply: Reply<'_>, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let Reply { status, text, end, fields: needed } = reply;
        let content = text.len() + end.len();
        let Self { http, state: State::Open(Phase::Answering(request)), .. } = self else {
            return Actions::NONE;
        };
        (request.status, request.answer) = (status, Answer::Owed);
        let kind = (&b"content-type"[..], &b"text/plain; charset=utf-8"[..]);
        let fields = std::iter::once(kind).chain(needed.iter().copied()).chain(context.fields());
        let length = http::Length::Known(content as u64);
        let before = out.len();
        let started = http.start(status, fields, length, context.defaults(), out);
        request.record.note_response(&out[before..], context.settings);
        let framed = started.and_then(|()| http.frame(content, out));
        // Not to HEAD.
        if framed.is_ok_and(http::Frame::is_sent) {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(end.as_bytes());
            request.sent = content as u64;
        }
        let after = framed.and_then(|_| http.finish(out)).unwrap_or(http::Persistence::Close);
        self.complete(after, context).with(Action::Write)
    }

    /// Takes the end of an application, or an answer instead of one.
    pub(super) fn end_application(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished {
        let was_disconnected = self.is_gone();
        let Some(current) = self.current(request) else {
            return Finished { ending: Ending::Complete, was_disconnected, actions: Actions::NONE };
        };
        let is_unanswered = current.is_unanswered();
        let (ending, actions) = match outcome {
            Outcome::Answer { status, text, closes } if is_unanswered => {
                if closes {
                    self.http.end_after_response();
                }
                (Ending::Unanswered, self.answer(Reply { status, text, end: "", fields: &[] }, context, out))
            }
            Outcome::Ended | Outcome::Failed if is_unanswered => {
                (Ending::Unanswered, self.answer_failure(context, out))
            }
            Outcome::NotTakenOver if is_unanswered => {
                (Ending::Unanswered, self.answer(NO_WEBSOCKET, context, out))
            }
            // Nothing can be written: the head was sent.
            Outcome::Answer { .. } | Outcome::NotTakenOver | Outcome::Ended | Outcome::Failed => {
                (Ending::CutShort, self.cut(context))
            }
        };
        Finished { ending, was_disconnected, actions }
    }

    /// Ends the connection in the middle of a response. The client can see from the framing that it is not complete; if
    /// it has none, a reset tells that (RFC 9112 section 8).
    #[cold]
    fn cut(&mut self, context: Context<'_>) -> Actions {
        if self.http.ends_with_connection() {
            return self.drain(context).with(Action::Reset);
        }
        self.close(context)
    }

    /// Answers for an application that has failed to, and ends the connection.
    #[cold]
    pub(super) fn answer_failure(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        self.http.end_after_response();
        self.answer(FAILURE, context, out)
    }

    /// Ends everything: the connection is gone, or belongs to another protocol.
    pub(super) fn lose(&mut self, by_peer: bool, context: Context<'_>) -> Actions {
        self.note_left();
        let actions = self.leave(State::Closed { by_peer });
        self.settle_deadline(context);
        actions.with(Action::WakeSend)
    }

    /// Returns whether the peer is gone, or has ended its side, or soon is gone.
    pub(super) fn is_gone(&self) -> bool {
        !matches!(self.state, State::Open(_)) || self.http.has_input_ended()
    }
}
