//! The end of a connection that this side decides on: `GOAWAY` says why.

use std::pin::Pin;
use std::task::{self, Poll, Waker};

use super::connection::{Connection, H2, State};
use crate::action::{Action, Actions};
use crate::settings::Context;

impl<B: AsRef<[u8]>> Connection<B> {
    /// Sends the settings to a peer whose preface has arrived with what ends the connection: they come before `GOAWAY`.
    #[cold]
    pub(super) fn greet(&mut self, data: &[u8], out: &mut Vec<u8>) -> Actions {
        let State::Open(h2) = &mut self.state else { return Actions::NONE };
        let H2::Handshake(handshake) = &mut **h2 else { return Actions::NONE };
        let waker = &mut task::Context::from_waker(Waker::noop());
        // Not more than the preface, which has 24 bytes: the rest is not processed.
        self.memory.pipe().push(&data[..data.len().min(24)]);
        self.memory.pipe().lend(out, true);
        if let Poll::Ready(Ok(connection)) = Pin::new(handshake).poll(waker) {
            **h2 = H2::Open(connection);
        }
        self.memory.pipe().take_back(out);
        if out.is_empty() { Actions::NONE } else { Action::Write.into() }
    }

    /// Ends the connection and tells the peer why (RFC 9113 section 5.4.1), whatever waits for it.
    #[cold]
    pub(super) fn fail(&mut self, reason: h2::Reason, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let before = out.len();
        if let Some(connection) = self.h2() {
            connection.abrupt_shutdown(reason);
            self.memory.pipe().lend(out, true);
            self.call_h2(context);
            self.memory.pipe().take_back(out);
        }
        let actions = if out.len() > before { Action::Write.into() } else { Actions::NONE };
        actions.and(self.linger(context))
    }

    /// Announces the end: streams that are open go on, and others are not opened (RFC 9113 section 6.8).
    pub(super) fn announce_end(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if let Some(connection) = self.h2() {
            connection.graceful_shutdown();
        }
        self.is_ending = true;
        self.go_on(context, out)
    }

    /// Ends a connection without streams, and any other after its streams.
    pub(super) fn shut_down(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if self.has_streams() {
            return self.announce_end(context, out);
        }
        match self.h2() {
            Some(connection) => {
                connection.abrupt_shutdown(h2::Reason::NO_ERROR);
                self.go_on(context, out)
            }
            None => self.close(context),
        }
    }
}
