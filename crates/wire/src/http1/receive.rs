//! Bytes in: the events of the parser, and what follows from them.
//!
//! Pipelined requests are answered one after the other, some of them at once; then other connections have their turn
//! (RFC 9112 section 9.3.2). Nothing more is parsed while the peer does not read its responses.

use std::mem;

use super::connection::{Connection, Incoming, Phase, Request, State, Turn};
use super::end::{Refusal, Unread};
use super::upgrade::{self, Special};
use crate::action::{Action, Actions};
use crate::machine::Interface;
use crate::message::{Received, RequestId};
use crate::record::Record;
use crate::reply::Reply;
use crate::settings::Context;

/// The next thing in the input.
enum Next {
    /// More input is needed, or the response to come. `has_news` says whether some of a request has arrived.
    Wait {
        has_news: bool,
    },
    /// A request begins.
    Start,
    /// A request that no application gets.
    Reply(Reply<'static>),
    /// A request for another protocol.
    Upgrade,
    Refuse(http::RemoteProtocolError),
    /// Further input is ignored.
    Close,
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Takes bytes that have arrived.
    #[inline]
    pub(super) fn take_bytes(
        &mut self,
        data: &[u8],
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match self.state {
            State::Open(_) => {}
            State::Lingering(lingering) => {
                if self.is_writable {
                    lingering.extend(&mut self.deadline.limit, context);
                }
                return Actions::NONE;
            }
            State::Draining(_) | State::Closed { .. } => return Actions::NONE,
        }
        if self.turn != Turn::Free || !self.read_buffer.is_empty() {
            self.read_buffer.push(data);
            return self.settle(context);
        }
        let mut input = data;
        let actions = self.process(&mut input, 0, context, interface, out);
        if !input.is_empty() && matches!(self.state, State::Open(_)) {
            self.read_buffer.push(input);
        }
        self.after_processing(actions, context)
    }

    /// Goes on with the input that was kept, after some requests in a row.
    pub(super) fn take_kept(
        &mut self,
        started: u8,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let mut kept = mem::take(&mut self.read_buffer);
        let mut input = kept.rest();
        let actions = self.process(&mut input, started, context, interface, out);
        let rest = input.len();
        if rest > 0 && matches!(self.state, State::Open(_)) {
            kept.keep(rest);
            self.read_buffer = kept;
        }
        self.after_processing(actions, context)
    }

    /// Goes on once the application has taken its first step.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let Turn::Starting(started) = self.turn else { return Actions::NONE };
        self.turn = Turn::Free;
        let is_open = matches!(self.state, State::Open(_));
        if is_open && (!self.read_buffer.is_empty() || self.is_due()) {
            return self.take_kept(started, context, interface, out);
        }
        self.after_processing(Actions::NONE, context)
    }

    /// Settles what follows from processed input, unless a request is to be started first.
    #[inline]
    fn after_processing(&mut self, actions: Actions, context: Context<'_>) -> Actions {
        if matches!(self.turn, Turn::Starting(_)) {
            return actions;
        }
        let actions = actions.and(self.settle(context));
        if self.http.has_input_ended() { actions.and(self.end_with_peer(context)) } else { actions }
    }

    /// Closes after the peer has ended its side, unless a response is still owed.
    fn end_with_peer(&mut self, context: Context<'_>) -> Actions {
        let is_over = matches!(self.state, State::Open(_)) && (self.ends_with_peer || !self.is_busy());
        self.note_left();
        if is_over || matches!(self.state, State::Lingering(_)) { self.close(context) } else { Actions::NONE }
    }

    /// Takes the end of the peer's side: what was kept is still answered. Calls that wait for the end are woken.
    pub(super) fn take_eof(
        &mut self,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        self.http.end_input();
        let mut actions = Actions::NONE;
        if self.turn == Turn::Free && matches!(self.state, State::Open(_)) {
            actions = self.take_kept(0, context, interface, out);
        }
        self.note_left();
        if let State::Open(Phase::Answering(request)) = &mut self.state
            && (mem::take(&mut request.is_awaited) | request.is_watched)
        {
            actions = actions.with(Action::WakeReceive);
        }
        if matches!(self.turn, Turn::Starting(_)) {
            actions
        } else {
            actions.and(self.end_with_peer(context))
        }
    }

    /// Processes input up to the next request that is to be started, or to its end. Meanwhile it is nobody else's turn.
    fn process(
        &mut self,
        input: &mut &[u8],
        mut started: u8,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let mut actions = Actions::NONE;
        // The rest of a request is processed in any case: only the next one waits for its turn.
        while started < context.settings.requests_per_turn || self.request().is_some() {
            started = started.saturating_add(1);
            self.turn = Turn::Starting(started);
            let last = match self.advance(input, context, interface) {
                Next::Start => return actions.with(Action::Start),
                Next::Upgrade => return actions.and(self.offer()),
                Next::Reply(reply) => {
                    actions = actions.and(self.answer(reply, context, out));
                    continue;
                }
                Next::Wait { has_news: false } => Actions::NONE,
                Next::Wait { has_news: true } => self.note_progress(context),
                Next::Refuse(_) if self.is_preface(input, context) => {
                    *input = &[];
                    Action::SpeakHttp2.into()
                }
                Next::Refuse(error) => self.refuse(Refusal::Malformed(error), context, out),
                Next::Close if self.is_between() => self.linger(Unread::Upload, context),
                Next::Close => {
                    *input = &[];
                    Actions::NONE
                }
            };
            self.turn = Turn::Free;
            return actions.and(last);
        }
        let has_more = self.is_between() && self.is_writable && !input.is_empty();
        if has_more || self.is_due() {
            self.turn = Turn::Yielded;
            return actions.with(Action::YieldTurn);
        }
        self.turn = Turn::Free;
        actions
    }

    /// Offers the connection to another protocol, which reads.
    fn offer(&mut self) -> Actions {
        let actions = Actions::from(Action::Upgrade);
        if mem::take(&mut self.reads_paused) { actions.with(Action::ResumeReading) } else { actions }
    }

    /// Renews the wait for content, and wakes the call that waits for it.
    fn note_progress(&mut self, context: Context<'_>) -> Actions {
        self.deadline.renew_for_content(context);
        match &mut self.state {
            State::Open(Phase::Answering(request)) if request.is_awaited => {
                request.is_awaited = false;
                Action::WakeReceive.into()
            }
            _ => Actions::NONE,
        }
    }

    /// Decides what comes next in the input.
    fn advance(&mut self, input: &mut &[u8], context: Context<'_>, interface: &mut impl Interface) -> Next {
        // A client that does not read its responses gets no further ones, and neither does a connection that ends.
        match self.state {
            State::Open(Phase::Answering(_)) => {}
            State::Open(Phase::Between) if self.is_writable => {}
            _ => return Next::Wait { has_news: false },
        }
        let mut next = Next::Wait { has_news: false };
        loop {
            let Self { http, state, latest, deadline, .. } = self;
            let State::Open(phase) = state else { return next };
            match http.receive(input) {
                Ok(http::Event::Request(head)) => {
                    deadline.end_head();
                    *latest = latest.next();
                    let mut request = Request::new();
                    request.record = Record::of(head, context.settings);
                    next = Next::Start;
                    match upgrade::special(head, context) {
                        None => {}
                        Some(Special::Handshake(handshake)) => request.handshake = Some(handshake),
                        Some(Special::Reply(reply)) => next = Next::Reply(reply),
                        Some(Special::TakenOver) => next = Next::Upgrade,
                    }
                    *phase = Phase::Answering(request);
                    (self.was_cut, self.bytes_since_turn) = (false, 0);
                    if !matches!(next, Next::Start) {
                        return next;
                    }
                }
                Ok(http::Event::Body(part)) => {
                    deadline.body_rate.add(part.len());
                    if let Phase::Answering(request) = phase {
                        request.unread += part.len();
                        interface.content(*latest, part);
                        next.note_news();
                    }
                }
                Ok(http::Event::End { .. }) => {
                    if let Phase::Answering(request) = phase {
                        request.incoming = Incoming::Arrived;
                        next.note_news();
                    }
                }
                // A tunnel is impossible: no request is answered by one.
                Ok(http::Event::NeedInput | http::Event::Paused | http::Event::Tunnel(_)) => return next,
                // After the request that is started first, the parser says so again.
                Ok(http::Event::Closed) if matches!(next, Next::Start) => return next,
                Ok(http::Event::Closed) => return Next::Close,
                Err(error) => return Next::Refuse(error),
            }
        }
    }

    /// Returns what an application that asks for the next event of its request gets.
    #[inline]
    pub(super) fn next_event(
        &mut self,
        request: RequestId,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        let is_cut = self.was_cut && self.latest == request;
        let has_left = self.is_gone();
        let Some(current) = self.current(request) else {
            return (Received::Disconnect { is_cut }, Actions::NONE);
        };
        if current.unread > 0 || current.incoming == Incoming::Arrived {
            let more = current.incoming == Incoming::Arriving;
            current.unread = 0;
            if !more {
                current.incoming = Incoming::Told;
            }
            return (Received::Content { more }, self.settle(context));
        }
        if has_left {
            return (Received::Disconnect { is_cut: true }, Actions::NONE);
        }
        current.is_awaited = true;
        if current.incoming != Incoming::Arriving {
            return (Received::Nothing, Actions::NONE);
        }
        let is_told = current.is_unanswered() && self.http.send_continue(out);
        self.settle_deadline(context);
        (Received::Nothing, if is_told { Action::Write.into() } else { Actions::NONE })
    }
}

impl Next {
    fn note_news(&mut self) {
        if let Self::Wait { has_news } = self {
            *has_news = true;
        }
    }
}
