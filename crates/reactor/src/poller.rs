//! Waiting for descriptors: one set of registrations in the kernel, and one call that sleeps until something happens.
//!
//! The poller is the policy that all backends share; [`crate::sys`] has the system calls. The meaning of tokens is not
//! known here, and there is no list of descriptors: the caller's table is the only one, and [`Poller::rebuild`] asks
//! for it.

use std::io;
use std::os::fd::RawFd;

use crate::sys::{self, Backend};
use crate::{Event, Interest, Modified, Timeout, Token, Trigger, Waker};

/// How many successive polls find nothing before the backend is armed again. Arming costs about as much as one poll,
/// and would be in vain where events come more often than that.
const POLLS_BEFORE_ARMING: u32 = 4;

/// How many such polls come before the backend is armed for the first time, which takes as long as some hundred of them
/// and keeps a descriptor and two pages of memory: a loop that is busy for a moment does without.
const POLLS_BEFORE_FIRST_ARMING: u32 = 256;

/// The kernel's set of watched descriptors, and the buffer of the last wait's events.
///
/// ```
/// use reactor::{Interest, Poller, Slab, Timeout, Trigger};
/// use std::{io::Write, os::fd::AsRawFd, os::unix::net::UnixStream};
///
/// let (mut ours, theirs) = UnixStream::pair()?;
/// let mut slab = Slab::new();
/// let token = slab.insert("theirs");
///
/// let mut poller = Poller::new()?;
/// poller.register(theirs.as_raw_fd(), token, Interest::READABLE, Trigger::Level)?;
/// ours.write_all(b"hello")?;
/// assert_eq!(poller.wait(Timeout::Never)?, 1);
/// assert_eq!(slab.get(poller.event(0).token), Some(&"theirs"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Poller<B: Backend = sys::Default> {
    backend: B,
    /// Whether a wait after the backend was armed has found nothing. Until the backend reports news, another wait would
    /// find nothing either.
    is_silent: bool,
    /// Whether anything was registered for writing since the caller last said that nothing is.
    may_watch_a_writer: bool,
    /// How many successive polls found nothing.
    quiet_polls: u32,
    /// How many further polls in longer sequences it takes until the backend is armed for the first time.
    until_first_arming: u32,
}

impl Poller {
    /// Creates a poller on the best backend of this system.
    ///
    /// # Errors
    ///
    /// The kernel's, if there are no more descriptors (`EMFILE`, `ENFILE`) or there is no memory.
    pub fn new() -> io::Result<Self> {
        Ok(Self::with_backend(sys::Default::new()?))
    }
}

impl<B: Backend> Poller<B> {
    /// Creates a poller on the given backend.
    pub const fn with_backend(backend: B) -> Self {
        Self {
            backend,
            is_silent: false,
            may_watch_a_writer: false,
            quiet_polls: 0,
            until_first_arming: POLLS_BEFORE_FIRST_ARMING,
        }
    }

    /// Keeps the poller from asking the system for a hint; [`may_be_ready`](Self::may_be_ready) is then always true.
    pub fn refuse_hints(&mut self) {
        self.backend.refuse_hints();
    }

    /// Watches a descriptor. If it is watched already, the new token replaces the old one.
    ///
    /// # Errors
    ///
    /// The kernel's: `EBADF` for a number that is not open, `EPERM` for a file that has no readiness (a regular file).
    /// `InvalidInput` for an empty interest.
    #[inline]
    pub fn register(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        refuse_empty(interest)?;
        self.may_watch_a_writer |= interest.contains(Interest::WRITABLE);
        self.backend.register(fd, token, interest, trigger)
    }

    /// Changes the interest in a watched descriptor. A condition that holds is reported again, even with
    /// [`Trigger::Edge`]. A descriptor that is not watched, because it was closed elsewhere and opened again, is
    /// registered.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    #[inline]
    pub fn reregister(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Modified> {
        refuse_empty(interest)?;
        self.may_watch_a_writer |= interest.contains(Interest::WRITABLE);
        self.backend.reregister(fd, token, interest, trigger)
    }

    /// Stops watching a descriptor that was watched for `interest`. It is no error if it was closed meanwhile.
    ///
    /// # Errors
    ///
    /// The kernel's, other than those.
    #[inline]
    pub fn deregister(&mut self, fd: RawFd, interest: Interest) -> io::Result<()> {
        self.backend.deregister(fd, interest)
    }

    /// Sleeps until something happens or the timeout has passed, and returns the number of events.
    ///
    /// # Errors
    ///
    /// The kernel's. A signal ends the sleep with [`io::ErrorKind::Interrupted`], so that the caller can run its
    /// handlers and decide again how long to wait. After an error there are no events.
    #[inline]
    pub fn wait(&mut self, timeout: Timeout) -> io::Result<usize> {
        let is_poll_in_doubt = timeout == Timeout::Now && !self.is_silent;
        let is_armed = is_poll_in_doubt && self.quiet_polls >= POLLS_BEFORE_ARMING && self.arm();
        let count = self.backend.wait(timeout.within_limit());
        if !matches!(count, Ok(0)) {
            self.doubt();
        } else if is_poll_in_doubt {
            self.is_silent = is_armed;
            self.quiet_polls = if is_armed { 0 } else { self.quiet_polls.saturating_add(1) };
        }
        count
    }

    /// Returns whether a poll at this moment may find anything. It returns false only if the system has reported,
    /// without a system call, that no event has come since a poll that found nothing. That is exact for system calls of
    /// this thread, and for those of another thread that this one knows to have returned.
    #[inline]
    #[must_use]
    pub fn may_be_ready(&mut self) -> bool {
        if self.is_silent && self.backend.has_news() {
            self.is_silent = false;
        }
        !self.is_silent
    }

    /// Returns whether any descriptor may be watched for writing. The poller keeps no list, so only the caller can say
    /// that none is any more.
    #[inline]
    #[must_use]
    pub fn may_watch_a_writer(&self) -> bool {
        self.may_watch_a_writer
    }

    /// Records whether any descriptor is watched for writing at this moment.
    pub fn note_writers(&mut self, any: bool) {
        self.may_watch_a_writer = any;
    }

    /// Forgets what is known about the set, so that the next call of [`may_be_ready`](Self::may_be_ready) leads to a
    /// poll: another thread may use the poller from now on.
    #[inline]
    pub fn doubt(&mut self) {
        self.is_silent = false;
        self.quiet_polls = 0;
    }

    #[cold]
    fn arm(&mut self) -> bool {
        if self.until_first_arming > 0 {
            self.until_first_arming -= 1;
            return false;
        }
        self.backend.arm()
    }

    /// Returns one of the events of the last wait. They are valid until the next wait.
    ///
    /// # Panics
    ///
    /// The index is not below the number that the last wait returned.
    #[inline]
    #[must_use]
    pub fn event(&self, index: usize) -> Event {
        self.backend.event(index)
    }

    /// Returns the means for other threads to wake this poller. It stays valid after a [`rebuild`](Self::rebuild).
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.backend.waker()
    }

    /// Returns the system call of the next wait: `epoll_pwait2`, `epoll_wait` or `kqueue`.
    ///
    /// Only the first wait finds out whether `epoll_pwait2` is missing.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        self.backend.name()
    }

    /// Starts over with an empty set in the kernel and registers everything in `live`. Returns the registrations that
    /// failed.
    ///
    /// Two situations need it. After `fork()` the child shares the set with its parent, and each change would change
    /// both. And epoll watches the open file rather than its number: if the number is closed while a duplicate of it
    /// lives, the file is still reported and can no longer be removed. The events of the last wait stay readable.
    ///
    /// # Errors
    ///
    /// The kernel's, if there can be no new set. The call can be repeated then.
    pub fn rebuild(
        &mut self,
        live: impl Iterator<Item = (RawFd, Token, Interest, Trigger)>,
    ) -> io::Result<Vec<(RawFd, io::Error)>> {
        self.doubt();
        self.backend.start_over()?;
        let mut failures = Vec::new();
        for (fd, token, interest, trigger) in live {
            if let Err(error) = self.register(fd, token, interest, trigger) {
                failures.push((fd, error));
            }
        }
        Ok(failures)
    }
}

/// Refuses an empty interest. The kernel would accept it and then report hang-ups turn after turn.
#[inline]
fn refuse_empty(interest: Interest) -> io::Result<()> {
    if interest.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the interest is empty: use deregister() instead",
        ));
    }
    Ok(())
}
