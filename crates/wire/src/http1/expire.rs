//! A peer whose time is over.

use super::connection::{Connection, State};
use super::deadline::Phase;
use super::end::Refusal;
use crate::action::Actions;
use crate::settings::Context;

impl<B: AsRef<[u8]>> Connection<B> {
    /// Handles the end of a peer's time. `unsent` is how much waits for it to read.
    #[cold]
    pub(super) fn expire(&mut self, unsent: usize, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if !self.deadline.is_over(context.now) {
            return Actions::NONE;
        }
        match self.deadline.phase {
            Phase::None => Actions::NONE,
            Phase::KeepAlive => self.close(context),
            Phase::Linger => self.expire_lingering(unsent, context),
            Phase::Drain => self.expire_draining(unsent, context),
            // A peer that still reads is given the time for that.
            Phase::Write => self.expire_unread(unsent, context),
            Phase::Header if self.owes_nothing() => self.close(context),
            Phase::Header => {
                self.refuse(Refusal::TimedOut("the head of a request took too long"), context, out)
            }
            Phase::Body | Phase::Exchange => {
                self.refuse(Refusal::TimedOut("the content of a request took too long"), context, out)
            }
        }
    }

    /// A silent peer may wait for the end of our side, if that has not ended; any other that has read everything is cut
    /// off.
    fn expire_lingering(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let State::Lingering { end, has_shut_down } = self.state else { return Actions::NONE };
        if unsent == 0 && context.now < end && !has_shut_down {
            return self.close(context);
        }
        self.expire_unread(unsent, context)
    }

    /// Cuts off a peer that has read everything and does not end the connection, over TLS, and one that does not read. A
    /// transport can't tell the two apart: its own limit, asyncio's `ssl_shutdown_timeout`, also cuts off a slow reader.
    fn expire_draining(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let State::Draining { read_at } = &mut self.state else { return Actions::NONE };
        let before = self.deadline.unsent;
        if unsent < before {
            *read_at = context.now;
        }
        let is_stalled = context.settings.body_time.is_some_and(|time| read_at.after(time) <= context.now);
        if (unsent, before) == (0, 0) || is_stalled {
            return self.abort(context);
        }
        self.deadline.renew(context);
        self.deadline.unsent = unsent;
        Actions::NONE
    }

    /// Cuts off a peer that does not read, but not one that reads slowly.
    fn expire_unread(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let before = self.deadline.unsent;
        let has_read_all = matches!(self.state, State::Lingering { .. }) && unsent == 0;
        if has_read_all || unsent >= before {
            return self.abort(context);
        }
        self.deadline.renew(context);
        self.deadline.unsent = unsent;
        Actions::NONE
    }

    /// Returns whether there is no request to answer: none has begun to arrive, or it was answered before it was
    /// complete.
    fn owes_nothing(&self) -> bool {
        self.http.is_draining() || !self.has_input()
    }
}
