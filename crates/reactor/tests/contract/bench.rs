//! What the tests of every rule need: a poller on the backend, tokens, and numbers of descriptors that nobody else takes.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reactor::{Backend, Event, Interest, Poller, Readiness, Timeout, Token, Trigger};

/// Who is watched in most tests.
pub(crate) const TOKEN: Token = Token::new(7, 1);
/// The other one, where there are two.
pub(crate) const OTHER: Token = Token::new(8, 1);
/// Longer than a test may hang, shorter than a person waits.
pub(crate) const LONG: Timeout = Timeout::After(Duration::from_secs(20));

/// The right to be the only test that opens and closes descriptors: some tests need to know their numbers.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A poller, and the right to be alone.
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

    /// What one wait reports for each token, its events taken together.
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

    /// What is reported without waiting, when it is about one token at most.
    pub(crate) fn readiness(&mut self) -> Readiness {
        let reported = self.reported(Timeout::Now);
        assert!(reported.iter().all(|(token, _)| *token == TOKEN), "{reported:?}");
        reported.first().map_or(Readiness::NONE, |(_, readiness)| *readiness)
    }
}

/// A number that stands for nothing, as long as nobody opens anything: the one that is given out next.
pub(crate) fn closed_number() -> RawFd {
    let file = File::open("/dev/null").unwrap();
    file.as_raw_fd()
}
