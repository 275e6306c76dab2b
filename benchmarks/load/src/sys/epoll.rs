//! Readiness, level-triggered, by the reactor's poller. There is no table: a key is registered with a descriptor and
//! returned with its events.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use reactor::{Interest, Poller, Timeout, Token, Trigger};

pub(crate) struct Epoll {
    poller: Poller,
}

/// What is ready. A broken connection counts as both, so that the next call finds the error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) key: usize,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        let mut poller = Poller::new()?;
        // Each poll of a client that spins is a system call, whatever vitok's loop would do instead: figures of different
        // versions have to be comparable.
        poller.refuse_hints();
        Ok(Self { poller })
    }

    /// Watches a descriptor until it is closed.
    pub(crate) fn watch(&mut self, fd: &impl AsRawFd, key: usize, interest: Interest) -> io::Result<()> {
        self.poller.register(fd.as_raw_fd(), token(key), interest, Trigger::Level)
    }

    pub(crate) fn rewatch(&mut self, fd: &impl AsRawFd, key: usize, interest: Interest) -> io::Result<()> {
        self.poller.reregister(fd.as_raw_fd(), token(key), interest, Trigger::Level).map(drop)
    }

    /// Returns the number of events; 0 after the limit or a signal. Without a limit it waits for ever.
    #[inline]
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<usize> {
        match self.poller.wait(limit.map_or(Timeout::Never, whole_ms)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }

    /// Returns one of the events of the last wait.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the key went in as a usize")]
    pub(crate) fn event(&self, number: usize) -> Event {
        let event = self.poller.event(number);
        Event {
            key: event.token.to_raw() as usize,
            is_readable: event.readiness.readable(),
            is_writable: event.readiness.writable(),
        }
    }
}

fn token(key: usize) -> Token {
    Token::from_raw(key as u64)
}

/// Rounds down, so that a client with a date is awake before it, and polls for the last part of a millisecond.
fn whole_ms(limit: Duration) -> Timeout {
    match u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) {
        0 => Timeout::Now,
        ms => Timeout::After(Duration::from_millis(ms)),
    }
}
