//! Bytes in: messages for the interface, pings, the peer's close.
//!
//! Messages wait for the application up to a number and to some bytes; then input is kept, and reading pauses.

use std::mem;

use ::websocket::Event;

use super::connection::{Connection, State, Wait};
use crate::action::{Action, Actions};
use crate::machine::Interface;
use crate::message::{Received, RequestId};
use crate::settings::Context;

/// A message is accounted for with some bytes in addition to its content: an object holds it.
const MESSAGE_COUNTS: usize = 64;

impl Connection {
    /// Takes bytes that have arrived.
    #[inline]
    pub(super) fn take_bytes(
        &mut self,
        data: &[u8],
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        if self.is_resumed || !self.read_buffer.is_empty() {
            return self.keep(data, context);
        }
        let mut input = data;
        let actions = self.process(&mut input, context, interface, out);
        if !input.is_empty() && self.is_open() {
            self.read_buffer.push(input);
        }
        actions.and(self.settle(context))
    }

    #[cold]
    fn keep(&mut self, data: &[u8], context: Context<'_>) -> Actions {
        match self.state {
            State::Open | State::Closing { .. } => self.read_buffer.push(data),
            State::Lingering { .. } => self.extend_linger(context),
            State::Draining { .. } | State::Closed { .. } => {}
        }
        self.settle(context)
    }

    /// Goes on with the input that was kept.
    pub(super) fn take_kept(
        &mut self,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let mut kept = mem::take(&mut self.read_buffer);
        let mut input = kept.rest();
        let mut actions = self.process(&mut input, context, interface, out);
        let rest = input.len();
        if rest > 0 && self.is_open() {
            kept.keep(rest);
            self.read_buffer = kept;
        } else if self.has_input_ended {
            actions = actions.and(self.end_with_peer(context));
        }
        actions.and(self.settle(context))
    }

    /// Takes the end of the peer's side. What was kept is processed first.
    pub(super) fn take_eof(&mut self, context: Context<'_>) -> Actions {
        self.has_input_ended = true;
        if self.is_open() && (self.is_resumed || !self.read_buffer.is_empty()) {
            return Actions::NONE;
        }
        self.end_with_peer(context)
    }

    /// Processes input up to its end, to the end of the connection, or as long as there is room for messages.
    #[inline]
    fn process(
        &mut self,
        input: &mut &[u8],
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let limits = &context.settings.websocket.limits;
        let mut has_news = false;
        let last = loop {
            match self.state {
                State::Open if self.is_full(context) => {
                    // It keeps what it reported last until it is called again, which may take a while.
                    self.receiver.release(context.workspace);
                    break Actions::NONE;
                }
                State::Open | State::Closing { .. } => {}
                State::Lingering { .. } => {
                    self.extend_linger(context);
                    break Actions::NONE;
                }
                State::Draining { .. } | State::Closed { .. } => break Actions::NONE,
            }
            match self.receiver.receive(input, limits, context.workspace) {
                Ok(Event::NeedInput) => break Actions::NONE,
                Ok(Event::Message { kind, payload }) => {
                    if matches!(self.state, State::Open) {
                        self.messages += 1;
                        self.message_bytes += payload.len() + MESSAGE_COUNTS;
                        interface.message(self.request, kind, payload);
                        has_news = true;
                    }
                }
                // Nothing follows our close frame (RFC 6455 section 5.5.1).
                Ok(Event::Ping(data)) if matches!(self.state, State::Open) => {
                    if self.is_writable {
                        ::websocket::pong(data, out);
                    } else {
                        self.ping = Some(data.into());
                    }
                }
                Ok(Event::Ping(_) | Event::Pong(_)) => {}
                Ok(Event::Close { code, reason }) => {
                    let reason = Box::from(reason);
                    break self.take_close(code, reason, context, out);
                }
                Err(error) => break self.fail(error.code(), error.because(), context, out),
            }
        };
        if matches!(self.wait, Wait::Ping | Wait::Pong) {
            // The peer is there.
            self.begin_wait(Wait::Ping, context);
        }
        let mut actions = if out.is_empty() { last } else { last.with(Action::Write) };
        if has_news && mem::take(&mut self.is_awaited) {
            actions = actions.with(Action::WakeReceive);
        }
        actions
    }

    /// Returns what an application that asks for the next event gets.
    #[inline]
    pub(super) fn next_event(&mut self, request: RequestId, context: Context<'_>) -> (Received, Actions) {
        if request != self.request {
            return (Received::Disconnect { is_cut: false }, Actions::NONE);
        }
        if self.messages > 0 {
            self.messages -= 1;
            if self.messages == 0 {
                self.message_bytes = 0;
            }
            if !self.reads_paused {
                return (Received::Message, Actions::NONE);
            }
            return (Received::Message, self.make_room(context));
        }
        if let Some(code) = self.state.code() {
            return (Received::Closed { code }, Actions::NONE);
        }
        self.is_awaited = true;
        (Received::Nothing, Actions::NONE)
    }

    #[cold]
    fn make_room(&mut self, context: Context<'_>) -> Actions {
        let actions = self.settle(context);
        actions.and(self.resume_if_due(context))
    }
}
