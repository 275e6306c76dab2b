//! Keepalive, and a peer whose time is over.

use super::connection::{ABNORMAL, Connection, INTERNAL_ERROR, State, Wait, reading_time};
use crate::action::{Action, Actions};
use crate::linger::{Expiry, expire_unread};
use crate::settings::Context;

/// The reason that an application gets for a peer which has not answered.
const NO_PONG: &str = "keepalive ping timeout";

impl Connection {
    /// Handles the end of a wait. `unsent` is how much waits for the peer to read.
    #[cold]
    pub(super) fn expire(&mut self, unsent: usize, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if !self.limit.is_over(context.now) {
            return Actions::NONE;
        }
        match self.wait {
            Wait::None => Actions::NONE,
            Wait::Ping => self.ask(context, out),
            Wait::Pong => {
                // It is told, should it be there after all.
                ::websocket::close(INTERNAL_ERROR, NO_PONG, out);
                self.close(ABNORMAL, NO_PONG, context).with(Action::Write)
            }
            Wait::Close => self.close(self.state.code().unwrap_or(ABNORMAL), "", context),
            Wait::Write | Wait::Linger | Wait::Drain => self.expire_reader(unsent, context),
        }
    }

    /// Asks whether the peer is there (RFC 6455 section 5.5.2).
    fn ask(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        ::websocket::ping(b"", out);
        self.begin_wait(Wait::Pong, context);
        Action::Write.into()
    }

    /// Decides on a peer that has something to read or to close.
    fn expire_reader(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let (before, now) = (self.limit, context.now);
        let expiry = match &mut self.state {
            State::Lingering { lingering, .. } => lingering.expire(unsent, before, now),
            State::Draining { draining, .. } => {
                draining.expire(unsent, before, reading_time(context.settings), now)
            }
            State::Open | State::Closing { .. } | State::Closed { .. } => expire_unread(unsent, before),
        };
        match expiry {
            Expiry::Abort => self.abort("", context),
            Expiry::Close => self.close(self.state.code().unwrap_or(ABNORMAL), "", context),
            Expiry::Renew => {
                self.begin_wait(self.wait, context);
                self.limit.unsent = unsent;
                Actions::NONE
            }
        }
    }
}
