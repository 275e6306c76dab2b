//! The two states between an open connection and a closed one, whatever is spoken: the peer still reads.
//!
//! | State       | Input is                        | Output is                        | Ends                             |
//! |-------------|---------------------------------|----------------------------------|----------------------------------|
//! | `Lingering` | read and dropped, for some time | being sent; our side has ended   | when the peer closes, or is late |
//! | `Draining`  | ignored                         | being sent, before the close     | when everything is sent          |
//!
//! Here are times and counts of bytes. What is encoded, logged and reported to an application is the wire's.

use crate::settings::{Context, Settings, Tick, Ticks};
use crate::time_limit::TimeLimit;

/// What follows for a peer whose time is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiry {
    /// It reads: the same wait starts again, with the bytes that are unsent now.
    Renew,
    /// It may only wait for the end of our side.
    Close,
    /// It is cut off.
    Abort,
}

/// A peer has some time to read the last response and to close. Without that a response could be lost: a kernel that closes
/// with unread input resets the connection (RFC 9112 section 9.6), and so does TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lingering {
    /// The tick that ends it, whatever the peer sends.
    end: Tick,
    /// Whether the peer sees the end of our side.
    has_shut_down: bool,
}

/// The transport closes once it has sent everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Draining {
    /// When the peer was last seen to have read something.
    read_at: Tick,
}

impl Lingering {
    /// Returns the state from now on, for at most this time.
    pub(crate) const fn starting(now: Tick, time: Ticks) -> Self {
        Self { end: now.after(time), has_shut_down: false }
    }

    /// Ends the wait with the state itself.
    pub(crate) fn limit_to_end(self, limit: &mut TimeLimit) {
        limit.limit(self.end);
    }

    /// Notes that the peer sees the end of our side.
    pub(crate) const fn note_shut_down(&mut self) {
        self.has_shut_down = true;
    }

    /// Gives a peer that has sent something more time, up to the end of all lingering. From there on only a peer that reads
    /// gets any.
    #[cold]
    pub(crate) fn extend(self, limit: &mut TimeLimit, context: Context<'_>) {
        if context.now < self.end {
            *limit = TimeLimit::starting(context.now, Some(context.settings.linger_time)).sparing_readers();
            limit.limit(self.end);
        }
    }

    /// Leaves little more time to a peer that still sends, because the server ends. A peer that has something to read
    /// has `None` as the limit of its silence.
    pub(crate) fn shorten(&mut self, limit: Option<&mut TimeLimit>, context: Context<'_>) {
        let soon = context.now.after(context.settings.linger_time);
        self.end = soon.min(self.end);
        if let Some(limit) = limit {
            limit.limit(soon);
        }
    }

    /// Decides on a peer whose time is over. A silent one may wait for the end of our side, if that has not ended; any other
    /// that has read everything is cut off.
    pub(crate) fn expire(self, unsent: usize, before: TimeLimit, now: Tick) -> Expiry {
        match unsent {
            0 if now < self.end && !self.has_shut_down => Expiry::Close,
            0 => Expiry::Abort,
            _ => expire_unread(unsent, before),
        }
    }
}

impl Draining {
    pub(crate) const fn starting(now: Tick) -> Self {
        Self { read_at: now }
    }

    /// Returns the time of a peer that has read everything. One that does not read has `reading_time`, which is counted in
    /// steps of this length.
    pub(crate) fn step(reading_time: Option<Ticks>, settings: &Settings) -> Ticks {
        reading_time.map_or(settings.linger_time, |time| time.min(settings.linger_time))
    }

    /// Decides on a peer whose step is over. It is cut off if it has read everything and does not end the connection, over
    /// TLS, and if it does not read. A transport can't tell the two apart: its own limit, asyncio's `ssl_shutdown_timeout`,
    /// also cuts off a slow reader.
    pub(crate) fn expire(
        &mut self,
        unsent: usize,
        before: TimeLimit,
        reading_time: Option<Ticks>,
        now: Tick,
    ) -> Expiry {
        if unsent < before.unsent {
            self.read_at = now;
        }
        let is_stalled = reading_time.is_some_and(|time| self.read_at.after(time) <= now);
        if (unsent, before.unsent) == (0, 0) || is_stalled { Expiry::Abort } else { Expiry::Renew }
    }
}

/// Decides on a peer that had something to read, and whose time is over: one that reads slowly is not cut off.
pub(crate) fn expire_unread(unsent: usize, before: TimeLimit) -> Expiry {
    if unsent >= before.unsent { Expiry::Abort } else { Expiry::Renew }
}
