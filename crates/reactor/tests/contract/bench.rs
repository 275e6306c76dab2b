//! Common parts of the tests: a poller on the backend, tokens, and descriptor numbers that no other test takes.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reactor::{Backend, Event, Interest, Poller, Readiness, Timeout, Token, Trigger};

/// The token of most tests.
pub(crate) const TOKEN: Token = Token::new(7, 1);
/// The second token, where there are two.
pub(crate) const OTHER: Token = Token::new(8, 1);
/// Longer than any test takes, shorter than a person waits.
pub(crate) const LONG: Timeout = Timeout::After(Duration::from_secs(20));

/// Makes this test the only one that opens and closes descriptors: some tests need to know their numbers.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A poller, and the lock that `alone` returns.
pub(crate) struct Bench<B: Backend> {
    pub(crate) poller: Poller<B>,
    _alone: MutexGuard<'static, ()>,
}

impl<B: Backend> Bench<B> {
    pub(crate) fn new() -> Self {
        let alone = alone();
        Self { poller: Poller::with_backend(B::new().unwrap()), _alone: alone }
    }

    pub(crate) fn register(&mut self, watched: &impl AsRawFd, interest: Interest, trigger: Trigger) {
        self.poller.register(watched.as_raw_fd(), TOKEN, interest, trigger).unwrap();
    }

    /// Returns what one wait reports for each token, with its events merged.
    pub(crate) fn reported(&mut self, timeout: Timeout) -> Vec<(Token, Readiness)> {
        let mut reported: Vec<(Token, Readiness)> = Vec::new();
        for index in 0..self.poller.wait(timeout).unwrap() {
            let Event { token, readiness } = self.poller.event(index);
            match reported.iter_mut().find(|(other, _)| *other == token) {
                Some((_, known)) => *known = known.with(readiness),
                None => reported.push((token, readiness)),
            }
        }
        reported
    }

    /// Returns what is reported without waiting, for one token at most.
    pub(crate) fn readiness(&mut self) -> Readiness {
        let reported = self.reported(Timeout::Now);
        assert!(reported.iter().all(|(token, _)| *token == TOKEN), "{reported:?}");
        reported.first().map_or(Readiness::NONE, |(_, readiness)| *readiness)
    }
}

/// Returns a number that is not open, as long as no test opens anything: the next one that is given out.
pub(crate) fn closed_number() -> RawFd {
    let file = File::open("/dev/null").unwrap();
    file.as_raw_fd()
}
