//! A peer whose time is over.

use super::connection::{Connection, State};
use super::end::Refusal;
use crate::action::Actions;
use crate::deadline::Phase;
use crate::linger::{Expiry, expire_unread};
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
            Phase::Write | Phase::Linger | Phase::Drain => self.expire_reader(unsent, context),
            Phase::Header if self.owes_nothing() => self.close(context),
            Phase::Header => {
                self.refuse(Refusal::TimedOut("the head of a request took too long"), context, out)
            }
            Phase::Body | Phase::Exchange => {
                self.refuse(Refusal::TimedOut("the content of a request took too long"), context, out)
            }
        }
    }

    /// Decides on a peer that has something to read or to close.
    fn expire_reader(&mut self, unsent: usize, context: Context<'_>) -> Actions {
        let (before, now) = (self.deadline.limit, context.now);
        let expiry = match &mut self.state {
            State::Lingering(lingering) => lingering.expire(unsent, before, now),
            State::Draining(draining) => draining.expire(unsent, before, context.settings.body_time, now),
            State::Open(_) | State::Closed { .. } => expire_unread(unsent, before),
        };
        match expiry {
            Expiry::Abort => self.abort(context),
            Expiry::Close => self.close(context),
            Expiry::Renew => {
                self.deadline.renew(context);
                self.deadline.limit.unsent = unsent;
                Actions::NONE
            }
        }
    }

    /// Returns whether there is no request to answer: none has begun to arrive, or it was answered before it was
    /// complete.
    fn owes_nothing(&self) -> bool {
        self.http.is_draining() || !self.has_input()
    }
}
