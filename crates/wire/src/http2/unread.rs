//! How much content the streams of a connection have received and no application has asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A window of the connection that is as good as closed: a client may wait until it has room for a frame.
const FRAME: usize = 16 * 1024;

/// The bytes of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<AtomicUsize>);

impl Unread {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Returns whether they close the window of the connection, so that no client can be blamed for silence.
    pub(super) fn is_full(&self, window: u32) -> bool {
        let window = usize::try_from(window).unwrap_or(usize::MAX);
        self.0.load(Ordering::Relaxed).saturating_add(FRAME) > window
    }
}
