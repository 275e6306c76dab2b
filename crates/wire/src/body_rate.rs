//! Checks that the content of a request arrives fast enough: on average, over the time in which the server waits for
//! it.
//!
//! With a limit on silence alone, a peer can hold its connection for years by sending a byte now and then. This module
//! counts ticks and bytes only; the caller ends the connection of a slow peer.

use crate::settings::{Tick, Ticks};

/// The content of one request that has arrived, and the time that was waited for it.
#[derive(Debug)]
pub(crate) struct BodyRate {
    bytes: u64,
    waited: u32,
    /// The tick at which the current wait began.
    since: Option<Tick>,
}

impl BodyRate {
    pub(crate) const fn new() -> Self {
        Self { bytes: 0, waited: 0, since: None }
    }

    /// Counts content that has arrived.
    #[inline]
    pub(crate) const fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// Starts or continues a wait for content, or ends it for now.
    pub(crate) fn wait(&mut self, waits: bool, now: Tick) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(now.since(since).0);
        }
        self.since = waits.then_some(now);
    }

    /// Returns how many ticks may pass until more arrives, if this many bytes per tick are required beyond the first
    /// `ticks`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is positive, a cast saturates, and nobody counts single bytes in a number that is not exact"
    )]
    pub(crate) fn left(&self, Ticks(ticks): Ticks, bytes_per_tick: f64) -> Ticks {
        let earned = (self.bytes as f64 / bytes_per_tick) as u32;
        Ticks(ticks.saturating_add(earned).saturating_sub(self.waited).min(ticks))
    }
}
