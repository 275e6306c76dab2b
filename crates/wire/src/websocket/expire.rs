//! Keepalive, and a peer whose time is over.

use super::connection::{ABNORMAL, Connection, INTERNAL_ERROR, State, Wait, reading_time};
use crate::action::{Action, Actions};
use crate::settings::Context;

/// The reason that an application gets for a peer which has not answered.
const NO_PONG: &str = "keepalive ping timeout";

impl Connection {
    /// Handles the end of a wait. `unsent` is how much waits for the peer to read.
    #[cold]
    pub(super) fn expire(&mut self, unsent: usize, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if !self.is_over(context.now) {
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
            Wait::Linger => self.expire_lingering(unsent, context),
            Wait::Drain => self.expire_draining(unsent, context),
            Wait::Write => self.expire_unread(unsent, context),
        }
    }

    /// Asks whether the peer is there (RFC 6455 section 5.5.2).
    fn ask(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        ::websocket::ping(b"", out);
        self.begin_wait(Wait::Pong, context);
        Action::Write.into()
    }

    fn expire_lingering(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let State::Lingering { code, end, has_shut_down } = self.state else { return Actions::NONE };
        if unsent == 0 && context.now < end && !has_shut_down {
            return self.close(code, "", context);
        }
        self.expire_unread(unsent, context)
    }

    /// Cuts off a peer that has read everything and does not end the connection, over TLS, and one that does not read.
    fn expire_draining(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let State::Draining { read_at, .. } = &mut self.state else { return Actions::NONE };
        let before = self.unsent;
        if unsent < before {
            *read_at = context.now;
        }
        let is_stalled =
            reading_time(context.settings).is_some_and(|time| read_at.after(time) <= context.now);
        if (unsent, before) == (0, 0) || is_stalled {
            return self.abort("", context);
        }
        self.begin_wait(Wait::Drain, context);
        self.unsent = unsent;
        Actions::NONE
    }

    /// Cuts off a peer that does not read, but not one that reads slowly.
    fn expire_unread(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let before = self.unsent;
        let has_read_all = matches!(self.state, State::Lingering { .. }) && unsent == 0;
        if has_read_all || unsent >= before {
            return self.abort("", context);
        }
        self.begin_wait(self.wait, context);
        self.unsent = unsent;
        Actions::NONE
    }
}
