//! What a wait is given, and what it brings: a timeout and events, the same for the poller and for every backend.
//!
//! Nothing here waits.

use std::time::Duration;

use crate::{Readiness, Token};

/// The longest sleep, one day: what asyncio allows, and short enough for every kernel's way of counting.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Not at all: only what is ready already is reported.
    Now,
    /// This long, and never less; at most [`MAX_WAIT`].
    After(Duration),
    /// Until something happens.
    Never,
}

impl Timeout {
    /// The same timeout within what the backends accept.
    #[inline]
    pub(crate) fn within_limit(self) -> Self {
        match self {
            Timeout::After(wait) if wait > MAX_WAIT => Timeout::After(MAX_WAIT),
            other => other,
        }
    }
}

/// One thing that happened, and to whom.
///
/// A descriptor that is watched in both directions may come in one event or in two of the same wait: epoll merges the
/// directions, kqueue does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The token that the descriptor was registered under, or [`Token::WAKER`].
    pub token: Token,
    /// What happened. It may say more than was asked for: see [`Readiness::answers`].
    pub readiness: Readiness,
}
