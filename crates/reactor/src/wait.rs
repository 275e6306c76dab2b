//! The input and the output of a wait: a timeout and events, the same for the poller and for every backend.
//!
//! The waits themselves are in [`crate::sys`].

use std::time::Duration;

use crate::{Readiness, Token};

/// The longest sleep, one day: what asyncio allows, and within the range of every kernel.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// No time: only descriptors that are ready already are reported.
    Now,
    /// This long, and never less; at most [`MAX_WAIT`].
    After(Duration),
    /// Until something happens.
    Never,
}

impl Timeout {
    /// Returns whether the wait is shorter than this.
    #[inline]
    #[must_use]
    pub fn is_below(self, limit: Duration) -> bool {
        match self {
            Timeout::Now => true,
            Timeout::After(wait) => wait < limit,
            Timeout::Never => false,
        }
    }

    /// Returns the same timeout within what the backends accept.
    #[inline]
    pub(crate) fn within_limit(self) -> Self {
        match self {
            Timeout::After(wait) if wait > MAX_WAIT => Timeout::After(MAX_WAIT),
            other => other,
        }
    }
}

/// One thing that happened, and the token of its descriptor.
///
/// A descriptor that is watched in both directions may be reported by one event or by two of the same wait: epoll
/// merges the directions, kqueue does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The token that the descriptor was registered with, or [`Token::WAKER`].
    pub token: Token,
    /// What happened. It may include more than was asked for: see [`Readiness::answers`].
    pub readiness: Readiness,
}
