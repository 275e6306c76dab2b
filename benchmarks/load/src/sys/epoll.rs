//! epoll, level-triggered. There is no table: a key is registered with a descriptor and returned with its events.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::checked;

/// More than the 500 connections of the largest row, so that one wait returns all that are ready.
const MAX_EVENTS: usize = 512;

pub(crate) struct Epoll {
    set: OwnedFd,
    events: Box<[libc::epoll_event; MAX_EVENTS]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Readable,
    Writable,
    Both,
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
        // SAFETY: the call takes no pointer.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just opened it, so it has no other owner.
        let set = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { set, events: Box::new([libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS]) })
    }

    /// Watches a descriptor until it is closed.
    pub(crate) fn watch(&self, fd: &impl AsRawFd, key: usize, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), key, interest)
    }

    pub(crate) fn rewatch(&self, fd: &impl AsRawFd, key: usize, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), key, interest)
    }

    /// Returns the number of events; 0 after the limit or a signal. Without a limit it waits for ever.
    #[inline]
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<usize> {
        let limit_ms =
            limit.map_or(-1, |limit| libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX));
        let room = libc::c_int::try_from(MAX_EVENTS).unwrap_or(libc::c_int::MAX);
        // SAFETY: the set is open and `events` has `room`.
        let count =
            unsafe { libc::epoll_wait(self.set.as_raw_fd(), self.events.as_mut_ptr(), room, limit_ms) };
        match usize::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            },
        }
    }

    /// Returns one of the events of the last wait.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the key went in as a usize")]
    pub(crate) fn event(&self, number: usize) -> Event {
        let libc::epoll_event { events, u64: key } = self.events[number];
        let has = |flags: libc::c_int| events & flags.cast_unsigned() != 0;
        let is_broken = has(libc::EPOLLERR | libc::EPOLLHUP);
        Event {
            key: key as usize,
            is_readable: is_broken || has(libc::EPOLLIN),
            is_writable: is_broken || has(libc::EPOLLOUT),
        }
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, key: usize, interest: Interest) -> io::Result<()> {
        let events = match interest {
            Interest::Readable => libc::EPOLLIN,
            Interest::Writable => libc::EPOLLOUT,
            Interest::Both => libc::EPOLLIN | libc::EPOLLOUT,
        };
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: key as u64 };
        // SAFETY: the set is open and the event outlives the call. A number that is not open is an error and does no
        // harm.
        checked(unsafe { libc::epoll_ctl(self.set.as_raw_fd(), operation, fd, &raw mut event) })?;
        Ok(())
    }
}
