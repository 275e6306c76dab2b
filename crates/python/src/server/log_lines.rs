//! Lines of the access log that wait for the hooks. What they say, and who passes them on, are not known here.

use std::time::Instant;

use super::log_clock::LogClock;

/// So many bytes of lines wait for nothing.
pub(super) const BLOCK: usize = 64 * 1024;

/// Lines that wait to be passed on.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) due: Due,
    /// When lines were last passed on.
    pub(super) passed: Option<Instant>,
    pub(super) clock: LogClock,
}

/// When the lines are passed on.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Due {
    #[default]
    Never,
    NextTurn,
    Later,
}
