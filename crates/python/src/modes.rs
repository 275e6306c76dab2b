//! The modes of a loop, in one byte that any thread may read and change.

use std::sync::atomic::{AtomicU8, Ordering};

/// Modes of the loop that the hot path reads, in one byte. Zeros are those of a closed loop: `half_made`.
pub(crate) struct Modes(AtomicU8);

impl Modes {
    pub(crate) const CLOSED: u8 = 1;
    pub(crate) const DEBUG: u8 = 2;
    pub(crate) const STOPPING: u8 = 4;
    /// `loop.time`, which deadlines follow then, or a method that `create_connection` uses was replaced on this loop.
    pub(crate) const OWN_TIME: u8 = 8;
    pub(crate) const OWN_CONNECT: u8 = 32;
    /// The loop measures the time of each callback and of each poll.
    pub(crate) const TIMED: u8 = 64;
    /// The loop was constructed.
    const MADE: u8 = 16;

    /// The modes of a new loop: asyncio's constructor opens it.
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(Self::MADE))
    }

    /// Returns whether the loop was constructed.
    pub(crate) fn is_made(&self) -> bool {
        self.any(Self::MADE)
    }

    #[inline(always)]
    pub(crate) fn any(&self, modes: u8) -> bool {
        (self.0.load(Ordering::Relaxed) ^ Self::CLOSED) & modes != 0
    }

    /// Sets or clears one mode.
    pub(crate) fn set(&self, mode: u8, on: bool) {
        if on != (mode == Self::CLOSED) {
            self.0.fetch_or(mode, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!mode, Ordering::Relaxed);
        }
    }
}
