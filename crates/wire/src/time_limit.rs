//! The end of a wait for a peer, in ticks, whatever is waited for.
//!
//! Nothing is timed here: the limit is the tick that is too late, and the driver counts. Which steps of a peer have a limit,
//! and how long it is, each wire decides.

use crate::settings::{Tick, Ticks};

/// The end of one wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    /// The tick that is too late.
    at: Tick,
    /// The bytes that waited for the peer to read when the wait began.
    pub(crate) unsent: usize,
}

impl TimeLimit {
    pub(crate) const NONE: Self = Self { at: Tick::NEVER, unsent: 0 };

    /// Returns the limit of a wait that begins; `None` for any time.
    #[inline]
    pub(crate) fn starting(now: Tick, time: Option<Ticks>) -> Self {
        Self { at: time.map_or(Tick::NEVER, |time| now.after(time)), unsent: 0 }
    }

    /// Returns the limit for a peer that is not cut off at the first end of its time if it reads anything at all.
    #[inline]
    pub(crate) const fn sparing_readers(mut self) -> Self {
        self.unsent = usize::MAX;
        self
    }

    /// Removes the end of the wait.
    #[inline]
    pub(crate) const fn clear(&mut self) {
        self.at = Tick::NEVER;
    }

    /// Moves the end of the wait forward to a tick.
    pub(crate) fn limit(&mut self, at: Tick) {
        self.at = self.at.min(at);
    }

    #[inline]
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        self.at <= now && self.at != Tick::NEVER
    }
}
