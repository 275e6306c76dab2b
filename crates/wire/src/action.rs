//! What a machine asks of its driver.

use std::fmt;

/// One thing to do. A driver performs the actions of one answer in the order in which they stand here.
///
/// An action whose result the machine has to know is followed by an [`Input`](crate::Input): `Start` by `Started`,
/// `YieldTurn` by `Resume`, `NotifyTurnEnd` by [`turn_ends`](crate::Wire::turn_ends), `ShutdownWrite` by
/// `WriteShutdown`, `Close`, `Abort` and `Reset` by `Lost`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// Write what was encoded.
    Write,
    /// Log the [records](crate::Wire::take_log).
    Log,
    /// Wake the calls that wait for an event of the request.
    WakeReceive,
    /// Wake the calls that wait until the peer reads.
    WakeSend,
    /// Read no more from the peer.
    PauseReading,
    /// Read again.
    ResumeReading,
    /// Give the [latest](crate::Wire::latest) request to the application, with its [head](crate::Wire::head).
    Start,
    /// Give each [stream](crate::Connection::next_stream) of HTTP/2 its input, then [`Flush`](crate::Input::Flush) the connection.
    Streams,
    /// Give the connection to another protocol, with [`upgrade`](crate::Wire::upgrade).
    Upgrade,
    /// Call [`turn_ends`](crate::Wire::turn_ends) when this turn of the loop ends.
    NotifyTurnEnd,
    /// Let other connections have their turn, then resume.
    YieldTurn,
    /// End our side of the transport, and leave the peer's open.
    ShutdownWrite,
    /// Close the transport once everything written is sent.
    Close,
    /// Close the transport at once.
    Abort,
    /// Close the transport at once so that the peer sees that it did not get everything: by a reset, where there is one.
    Reset,
    /// Of a stream of HTTP/2: when this turn of the loop ends, call [`turn_ends`](crate::Wire::turn_ends) if it [holds a
    /// head](crate::Wire::holds_head), then [`Flush`](crate::Input::Flush) the connection.
    FlushConnection,
    /// Of a stream of HTTP/2: it is over, and the connection gives it no more input.
    EndStream,
    /// Speak HTTP/2 on this connection of HTTP/1.1. [`Connection`](crate::Connection) does that, and no driver gets it.
    SpeakHttp2,
}

const EVERY: [Action; 18] = [
    Action::Write,
    Action::Log,
    Action::WakeReceive,
    Action::WakeSend,
    Action::PauseReading,
    Action::ResumeReading,
    Action::Start,
    Action::Streams,
    Action::Upgrade,
    Action::NotifyTurnEnd,
    Action::YieldTurn,
    Action::ShutdownWrite,
    Action::Close,
    Action::Abort,
    Action::Reset,
    Action::FlushConnection,
    Action::EndStream,
    Action::SpeakHttp2,
];

/// A set of actions. Iteration yields them in the order of performing.
///
/// ```
/// use wire::{Action, Actions};
/// let actions = Actions::NONE.with(Action::Close).with(Action::Write);
/// assert_eq!(actions.collect::<Vec<_>>(), [Action::Write, Action::Close]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Actions(u32);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);

    /// Returns the set with one more action.
    #[inline]
    pub const fn with(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u8)
    }

    /// Returns the set without an action.
    #[inline]
    pub const fn without(self, action: Action) -> Self {
        Self(self.0 & !(1 << action as u8))
    }

    /// Returns the actions of both sets.
    #[inline]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Returns whether the set has an action.
    #[inline]
    #[must_use]
    pub const fn has(self, action: Action) -> bool {
        self.0 & 1 << action as u8 != 0
    }

    /// Returns whether there is nothing to do.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Action> for Actions {
    #[inline]
    fn from(action: Action) -> Self {
        Self::NONE.with(action)
    }
}

impl Iterator for Actions {
    type Item = Action;

    #[inline]
    fn next(&mut self) -> Option<Action> {
        let action = *EVERY.get(self.0.trailing_zeros() as usize)?;
        *self = self.without(action);
        Some(action)
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(*self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Actions, EVERY};

    #[test]
    fn every_action_stands_at_its_own_place() {
        let every = EVERY.into_iter().fold(Actions::NONE, Actions::with);
        assert_eq!(every.collect::<Vec<_>>(), EVERY);
        assert_eq!(EVERY.map(|action| action as usize), std::array::from_fn(|place| place));
        assert!(Actions::NONE.is_empty() && Actions::NONE.count() == 0);
    }
}
