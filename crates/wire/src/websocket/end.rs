//! The end of a connection: who ends it, and how (RFC 6455 section 7).

use std::mem;

use super::connection::{
    ABNORMAL, Connection, GOING_AWAY, INTERNAL_ERROR, NO_CODE, NORMAL, SERVICE_RESTART, State, Wait,
};
use crate::action::{Action, Actions};
use crate::linger::{Draining, Lingering};
use crate::log::{LogEnd, LogKind, LogRecord};
use crate::message::{Ending, Finished, Outcome, RequestId};
use crate::read_buffer::ReadBuffer;
use crate::record::Record;
use crate::settings::Context;
use crate::time_limit::TimeLimit;
use crate::upgraded::Upgraded;

impl Connection {
    /// Creates the state of a connection whose handshake was accepted.
    pub(crate) fn accepted(upgraded: Upgraded, context: Context<'_>, out: &mut Vec<u8>) -> (Self, Actions) {
        let agreed = upgraded.handshake.agreed();
        let mut connection = Self {
            state: State::Open,
            request: upgraded.request,
            receiver: ::websocket::Receiver::new(agreed),
            sender: ::websocket::Sender::new(agreed),
            is_writable: upgraded.is_writable,
            reads_paused: upgraded.reads_paused,
            is_awaited: upgraded.is_awaited,
            has_input_ended: upgraded.has_input_ended,
            is_resumed: upgraded.is_starting,
            read_buffer: upgraded.input,
            messages: 0,
            message_bytes: 0,
            ping: None,
            bytes_since_turn: 0,
            sent: 0,
            wait: Wait::None,
            limit: TimeLimit::NONE,
            reason: Box::default(),
            record: upgraded.record,
            log: upgraded.log,
        };
        let mut actions = Actions::NONE;
        if context.is_ending {
            actions = connection.shut_down(context, out);
        }
        actions = actions.and(connection.settle(context)).and(connection.resume_if_due(context));
        (connection, actions)
    }

    /// Leaves `Open`, or an earlier step of the end: the application learns of it, and the log.
    fn leave(&mut self, state: State, reason: &str) -> Actions {
        let was_open = self.is_open();
        self.state = state;
        let mut actions = Actions::NONE;
        if was_open {
            self.reason = reason.into();
            if mem::take(&mut self.is_awaited) {
                actions = actions.with(Action::WakeReceive);
            }
        }
        if !matches!(state, State::Closing { .. })
            && let Some(noted) = mem::replace(&mut self.record, Record::None).wants()
        {
            let (request, kind, end) = (Some(self.request), LogKind::WebSocket, LogEnd::Complete);
            let (status, sent) = (state.code().unwrap_or(ABNORMAL), self.sent);
            self.log.push(LogRecord { request, kind, noted, status, sent, end });
            actions = actions.with(Action::Log);
        }
        actions
    }

    /// Ends the connection from our side: a close frame, and the wait for the peer's (RFC 6455 section 7.1.2).
    pub(super) fn begin_close(
        &mut self,
        code: u16,
        reason: &str,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Actions {
        ::websocket::close(code, reason, out);
        let actions = self.leave(State::Closing { code }, reason).with(Action::Write);
        let actions = actions.and(self.settle(context));
        actions.and(self.resume_if_due(context))
    }

    /// Takes the peer's close frame: it is answered, and the connection closes (RFC 6455 sections 5.5.1 and 7.1.1).
    pub(super) fn take_close(
        &mut self,
        code: u16,
        reason: Box<str>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Actions {
        if !self.is_open() {
            return self.close(self.state.code().unwrap_or(NO_CODE), "", context);
        }
        ::websocket::close(code, "", out);
        self.close(code, &reason, context).with(Action::Write)
    }

    /// Fails the connection for a fault of the peer: it is told why, and given some time to read that (RFC 6455 section
    /// 7.1.7). A kernel that closes with unread input would discard the close frame.
    #[cold]
    pub(super) fn fail(
        &mut self,
        code: u16,
        because: &'static str,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Actions {
        let mut actions = Actions::NONE;
        if self.is_open() {
            ::websocket::close(code, because, out);
            actions = actions.with(Action::Write);
        }
        let code = self.state.code().unwrap_or(code);
        if self.has_input_ended {
            return actions.and(self.close(code, because, context));
        }
        let lingering = Lingering::starting(context.now, context.settings.linger_time_at_most);
        self.read_buffer = ReadBuffer::new();
        let left = self.leave(State::Lingering { code, lingering }, because);
        actions.and(left).and(self.settle(context)).with(Action::ShutdownWrite)
    }

    /// Notes that a lingering peer has sent something.
    pub(super) fn extend_linger(&mut self, context: Context<'_>) {
        if let State::Lingering { lingering, .. } = self.state
            && self.is_writable
        {
            lingering.extend(&mut self.limit, context);
        }
    }

    /// Closes once everything written is sent.
    pub(super) fn close(&mut self, code: u16, reason: &str, context: Context<'_>) -> Actions {
        match self.state {
            State::Draining { .. } | State::Closed { .. } => Actions::NONE,
            _ => self.drain(code, reason, context).with(Action::Close),
        }
    }

    /// Closes at once.
    pub(super) fn abort(&mut self, reason: &str, context: Context<'_>) -> Actions {
        match self.state {
            State::Closed { .. } => Actions::NONE,
            state => self.drain(state.code().unwrap_or(ABNORMAL), reason, context).with(Action::Abort),
        }
    }

    /// Waits only for the transport from here on.
    fn drain(&mut self, code: u16, reason: &str, context: Context<'_>) -> Actions {
        self.read_buffer = ReadBuffer::new();
        let actions = self.leave(State::Draining { code, draining: Draining::starting(context.now) }, reason);
        self.settle_wait(context);
        actions
    }

    /// Ends after the peer has ended its side: without a close frame, unless ours has been sent and theirs was due.
    pub(super) fn end_with_peer(&mut self, context: Context<'_>) -> Actions {
        self.close(self.state.code().unwrap_or(ABNORMAL), "", context)
    }

    /// Notes that the transport is lost or closes by itself.
    pub(super) fn note_broken(&mut self, context: Context<'_>) -> Actions {
        match self.state {
            State::Draining { .. } | State::Closed { .. } => Actions::NONE,
            state => self.drain(state.code().unwrap_or(ABNORMAL), "", context),
        }
    }

    /// Ends everything: the connection is gone.
    pub(super) fn lose(&mut self, context: Context<'_>) -> Actions {
        self.read_buffer = ReadBuffer::new();
        let code = self.state.code().unwrap_or(ABNORMAL);
        let actions = self.leave(State::Closed { code }, "");
        self.settle_wait(context);
        actions.with(Action::WakeSend)
    }

    /// Ends because the server does: the client may come back at once if another takes its place.
    pub(super) fn shut_down(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if let State::Lingering { lingering, .. } = &mut self.state {
            lingering.shorten(self.is_writable.then_some(&mut self.limit), context);
        }
        if !self.is_open() {
            return Actions::NONE;
        }
        let code = if context.restarts { SERVICE_RESTART } else { GOING_AWAY };
        self.begin_close(code, "", context, out)
    }

    /// Takes the end of the application.
    pub(super) fn end_application(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished {
        let was_disconnected = !self.is_open();
        let actions = match outcome {
            _ if was_disconnected || request != self.request => Actions::NONE,
            Outcome::Failed => self.begin_close(INTERNAL_ERROR, "", context, out),
            _ => self.begin_close(NORMAL, "", context, out),
        };
        Finished { ending: Ending::Complete, was_disconnected, actions }
    }
}
