//! What a connection waits for, and a peer whose time is over. Streams have times of their own.

use super::connection::{Connection, State, Wait};
use crate::action::Actions;
use crate::message::RequestId;
use crate::settings::{Context, Tick};

impl<B: AsRef<[u8]>> Connection<B> {
    /// Starts the wait for what comes next, unless it has started.
    pub(super) fn settle_wait(&mut self, context: Context<'_>) {
        let wait = match &self.state {
            State::Closed { .. } => Wait::None,
            State::Lingering => Wait::Linger,
            State::Draining => Wait::Drain,
            State::Open(_) if !self.is_writable => Wait::Write,
            State::Open(_) if self.latest == RequestId(0) => Wait::First,
            State::Open(_) if self.has_streams() => Wait::None,
            State::Open(_) => Wait::KeepAlive,
        };
        if wait == self.wait {
            return;
        }
        self.wait = wait;
        // Whoever may read gets more time at first if it has read anything at all.
        self.unsent = if wait == Wait::Linger { usize::MAX } else { 0 };
        self.renew_wait(context);
    }

    /// Starts the same wait again.
    fn renew_wait(&mut self, context: Context<'_>) {
        let settings = context.settings;
        let time = match self.wait {
            Wait::None => None,
            Wait::First => settings.head_time,
            Wait::KeepAlive => settings.keep_alive_time,
            Wait::Write => settings.body_time,
            Wait::Linger | Wait::Drain => Some(settings.linger_time),
        };
        self.late = time.map_or(Tick::NEVER, |time| context.now.after(time));
    }

    /// Handles the end of a wait. `unsent` is how much waits for the peer: one that reads slowly is not cut off.
    pub(super) fn expire(&mut self, unsent: usize, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let given_up = if self.outbox.expire(context.now) { self.go_on(context, out) } else { Actions::NONE };
        given_up.and(self.expire_wait(unsent, context, out))
    }

    fn expire_wait(&mut self, unsent: usize, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if self.late > context.now || self.late == Tick::NEVER {
            return Actions::NONE;
        }
        match self.wait {
            Wait::None => Actions::NONE,
            Wait::First | Wait::KeepAlive => self.shut_down(context, out),
            Wait::Write | Wait::Linger | Wait::Drain if 0 < unsent && unsent < self.unsent => {
                self.unsent = unsent;
                self.renew_wait(context);
                Actions::NONE
            }
            Wait::Linger if unsent == 0 => self.close(context),
            Wait::Write | Wait::Linger | Wait::Drain => self.abort(context),
        }
    }
}
