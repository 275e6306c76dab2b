//! Whether the content of a request comes fast enough: on average, over the time in which the server waits for it.
//!
//! A limit on silence alone lets a peer hold its connection for years, with a byte now and then. It knows ticks and bytes,
//! and nothing of what becomes of a peer that is too slow.

/// What has come of one request's content, and how long that was waited for.
#[derive(Debug)]
pub(super) struct BodyRate {
    bytes: u64,
    waited: u32,
    /// The tick at which the wait began that goes on.
    since: Option<u32>,
}

impl BodyRate {
    pub(super) const fn new() -> Self {
        Self { bytes: 0, waited: 0, since: None }
    }

    /// Some content has come.
    #[inline]
    pub(super) const fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// A wait for content begins, or goes on; otherwise it is over for now.
    pub(super) fn wait(&mut self, waits: bool, now: u32) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(now.saturating_sub(since));
        }
        self.since = waits.then_some(now);
    }

    /// How many ticks may pass until more comes, if so many bytes to a tick are asked for beyond the first `ticks`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is positive, a cast saturates, and nobody counts single bytes in a number that is not exact"
    )]
    pub(super) fn left(&self, ticks: u32, bytes_a_tick: f64) -> u32 {
        let earned = (self.bytes as f64 / bytes_a_tick) as u32;
        ticks.saturating_add(earned).saturating_sub(self.waited).min(ticks)
    }
}
