//! Whether an epoll set may have events, read from memory: a multishot poll of io_uring on the set's own descriptor.
//!
//! The kernel runs the poll's wake function whenever an event is added to the set, by any system call. The ring is set
//! up so that the function only sets a bit in a page which this process has mapped (`IORING_SETUP_DEFER_TASKRUN` with
//! `IORING_SETUP_TASKRUN_FLAG`, Linux 6.1): no completion is posted, no thread is interrupted, and a sleep in
//! `epoll_wait` is not affected. The bit stays set until [`ReadyHint::rearm`], one system call, so a set that gets
//! events all the time pays for the first one only.
//!
//! A ring belongs to the thread that made it. In another thread, and in the child of a `fork()`, `rearm` fails and the
//! ring has to be replaced.

use std::io;
use std::os::fd::RawFd;

use io_uring::{IoUring, cqueue, opcode, types};

/// The entries of the ring: it needs room for one request, the poll.
const ENTRIES: u32 = 1;

pub(super) struct ReadyHint {
    ring: IoUring,
    set: RawFd,
}

impl ReadyHint {
    /// Creates a ring that watches the set from now on.
    ///
    /// # Errors
    ///
    /// The kernel's: `ENOSYS` or `EINVAL` before Linux 6.1, `EPERM` where io_uring is forbidden, as in many
    /// containers, `EMFILE` and `ENOMEM`.
    pub(super) fn new(set: RawFd) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        let mut hint = Self { ring: builder.build(ENTRIES)?, set };
        hint.submit_poll()?;
        Ok(hint)
    }

    /// Returns whether the set has got an event since the last call of `rearm`.
    #[inline]
    pub(super) fn is_set(&mut self) -> bool {
        self.ring.submission().taskrun()
    }

    /// Clears the hint: the next event sets it again.
    ///
    /// # Errors
    ///
    /// The kernel's; `EEXIST` in another thread than the one that made the ring.
    pub(super) fn rearm(&mut self) -> io::Result<()> {
        // Runs what the kernel has deferred: it checks the set, and posts a completion if there are events.
        self.ring.submit()?;
        let mut is_polling = true;
        for completion in self.ring.completion() {
            is_polling &= cqueue::more(completion.flags());
        }
        if is_polling { Ok(()) } else { self.submit_poll() }
    }

    fn submit_poll(&mut self) -> io::Result<()> {
        const READABLE: u32 = libc::POLLIN as u32;
        let poll = opcode::PollAdd::new(types::Fd(self.set), READABLE).multi(true).build();
        // SAFETY: the request refers to no memory of ours, and a descriptor that is not open is an error.
        unsafe { self.ring.submission().push(&poll) }
            .map_err(|_full| io::Error::from(io::ErrorKind::WouldBlock))?;
        if self.ring.submit()? == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

impl std::fmt::Debug for ReadyHint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReadyHint").finish_non_exhaustive()
    }
}
