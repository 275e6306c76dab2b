//! A WebSocket over a stream (RFC 8441): what it encodes becomes content of the stream, and content becomes its input.
//!
//! The machine of WebSocket is that of every wire. This one stands where a transport does: it has the queue of what is not
//! sent, says when that is full, and performs what the machine asks of a transport.
//!
//! | Of a transport                        | Of a stream                                                 | Sections      |
//! |---------------------------------------|-------------------------------------------------------------|---------------|
//! | bytes                                 | DATA, within the windows of both sides                      | 8441: 5       |
//! | reading pauses                        | what was received is not given back to the window           | 9113: 5.2     |
//! | the end of a side                     | END_STREAM                                                  | 8441: 5       |
//! | a close once everything is sent       | END_STREAM, and the wait for the peer's                     | 8441: 5       |
//! | a close at once, a reset              | RST_STREAM                                                  | 8441: 5       |

mod machine;
mod transport;

use std::mem;
use std::task::Waker;

use h2::{RecvStream, SendStream};

use self::transport::{Arrived, Transport};
use super::piece::Piece;
use crate::action::{Action, Actions};
use crate::input::{HalfClose, Input};
use crate::machine::{Interface, Wire};
use crate::message::RequestId;
use crate::settings::Context;
use crate::upgraded::Upgraded;
use crate::websocket;

/// A WebSocket may send again once this part of what may wait is left.
const LOW_PART: usize = 4;

/// The state of a WebSocket and of its stream.
pub struct Tunnel<B: AsRef<[u8]>> {
    websocket: websocket::Connection,
    transport: Transport<B>,
    /// Whether the WebSocket was told to send no more.
    is_full: bool,
    /// Whether the WebSocket has no room for input.
    reads_paused: bool,
    /// Whether it waits only for the end of the stream.
    is_closing: bool,
    /// Whether it is to be told that the peer sees the end of our side.
    has_shut_down: bool,
    /// Whether it is to be told what is unsent.
    has_unsent_news: bool,
}

/// Takes nothing: of an input without content.
struct NoInterface;

impl Interface for NoInterface {
    fn content(&mut self, _request: RequestId, _part: &[u8]) {}
}

impl<B: AsRef<[u8]>> Tunnel<B> {
    /// Creates the state of a stream whose handshake was accepted.
    pub(super) fn accepted(
        upgraded: Upgraded,
        receiver: RecvStream,
        sender: SendStream<Piece<B>>,
        waker: Waker,
        context: Context<'_>,
    ) -> (Self, Actions) {
        let mut encoded = Vec::new();
        let (unreleased, has_ended) = (upgraded.input.rest().len(), upgraded.has_input_ended);
        let (websocket, actions) = websocket::Connection::accepted(upgraded, context, &mut encoded);
        let mut tunnel = Self {
            websocket,
            transport: Transport::new(receiver, sender, waker, unreleased, has_ended),
            is_full: false,
            reads_paused: false,
            is_closing: false,
            has_shut_down: false,
            has_unsent_news: false,
        };
        // Content may have arrived that nobody has looked at.
        tunnel.transport.look_again();
        let actions = tunnel.note_reading(actions);
        let actions = tunnel.perform(actions, encoded, None, context);
        (tunnel, actions)
    }

    /// Gives the WebSocket an input without content.
    fn tell(&mut self, input: Input<'_>, context: Context<'_>, encoded: &mut Vec<u8>) -> Actions {
        let actions = Wire::<B>::on(&mut self.websocket, input, context, &mut NoInterface, encoded);
        self.note_reading(actions)
    }

    /// Takes what has arrived, and looks whether the stream has ended.
    fn take_news(
        &mut self,
        context: Context<'_>,
        interface: &mut impl Interface,
        encoded: &mut Vec<u8>,
    ) -> Actions {
        let mut actions = Actions::NONE;
        while !self.is_closing && !self.reads_paused {
            let more = match self.transport.receive() {
                None => break,
                Some(Arrived::End) => self.tell(Input::Eof, context, encoded),
                Some(Arrived::Content(data)) => {
                    let input = Input::Bytes(&data);
                    let actions = Wire::<B>::on(&mut self.websocket, input, context, interface, encoded);
                    self.note_reading(actions)
                }
            };
            actions = actions.and(more);
            // What follows is not read any more.
            self.is_closing = actions.has(Action::Close) || actions.has(Action::Abort);
        }
        self.transport.note_reset();
        actions
    }

    /// Notes whether the WebSocket has room for input. If it has, the peer may send as much again.
    fn note_reading(&mut self, actions: Actions) -> Actions {
        if actions.has(Action::PauseReading) {
            self.reads_paused = true;
        }
        if actions.has(Action::ResumeReading) {
            self.reads_paused = false;
            self.transport.look_again();
        }
        if !self.reads_paused {
            self.transport.release();
        }
        actions
    }

    /// Performs what the WebSocket asks of its transport, and tells it what comes of that. Returns what is left for the
    /// driver.
    fn perform(
        &mut self,
        actions: Actions,
        encoded: Vec<u8>,
        content: Option<B>,
        context: Context<'_>,
    ) -> Actions {
        let mut left = self.act(actions, encoded, content);
        while let Some(input) = self.next_input(context) {
            let mut encoded = Vec::new();
            let actions = self.tell(input, context, &mut encoded);
            left = left.and(self.act(actions, encoded, None));
            if matches!(input, Input::Lost { .. }) {
                left = left.with(Action::EndStream);
            }
        }
        if mem::take(&mut self.transport.needs_flush) { left.with(Action::FlushConnection) } else { left }
    }

    /// Performs what the WebSocket asks of its transport.
    fn act(&mut self, actions: Actions, encoded: Vec<u8>, content: Option<B>) -> Actions {
        let closes = actions.has(Action::Close);
        if closes || actions.has(Action::ShutdownWrite) {
            self.transport.end_writing();
        }
        self.has_shut_down |= actions.has(Action::ShutdownWrite);
        self.has_unsent_news |= closes;
        self.is_closing |= closes;
        self.transport.write(encoded, content);
        if self.is_closing {
            self.transport.drop_input();
        }
        if actions.has(Action::Abort) {
            self.transport.abort();
        }
        let passed = [Action::Log, Action::WakeReceive, Action::WakeSend, Action::YieldTurn];
        let passed = passed.into_iter().filter(|action| actions.has(*action));
        passed.fold(Actions::NONE, Actions::with)
    }

    /// Returns what the WebSocket has to know of its transport next.
    fn next_input(&mut self, context: Context<'_>) -> Option<Input<'static>> {
        if self.is_closing && self.transport.is_complete() {
            self.transport.note_lost(false);
        }
        if let Some(by_error) = self.transport.take_end() {
            return Some(Input::Lost { by_error });
        }
        if mem::take(&mut self.has_shut_down) {
            return Some(Input::WriteShutdown(HalfClose::Done));
        }
        let (unsent, room) = (self.transport.unsent(), context.settings.http2.unsent_bytes);
        if mem::take(&mut self.has_unsent_news) {
            return Some(Input::Unsent(unsent));
        }
        let is_full = if self.is_full { unsent > room / LOW_PART } else { unsent > room };
        if is_full == self.is_full {
            return None;
        }
        self.is_full = is_full;
        self.has_unsent_news = is_full;
        Some(if is_full { Input::Full } else { Input::Writable })
    }
}
