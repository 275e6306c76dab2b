//! kqueue: the backend of macOS and FreeBSD. Each direction is a filter of its own, with its own events.
//!
//! Directions that are ready at once are reported as two events of one wait and not merged: finding the other half
//! would take a search, and callers look up each event by its token anyway. Unlike epoll, kqueue forgets a number as
//! soon as it is closed, and it watches regular files, which it reports as always ready.
//!
//! With the feature `libkqueue` the same file is compiled for Linux, on an emulation instead of the kernel.

use std::io;
use std::os::fd::RawFd;
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

#[cfg(target_os = "linux")]
use super::libkqueue as kernel;
#[cfg(not(target_os = "linux"))]
use libc as kernel;

use super::{Backend, Wake, Waker, checked};
use crate::{Event, Interest, Modified, Readiness, Timeout, Token, Trigger};
use kernel::kevent;

/// The most events of one wait: as with epoll, for the same reasons. They take 16 KiB, or 32 on FreeBSD.
const MAX_EVENTS: usize = 512;

/// A token has to fit into the pointer that is returned with each event.
const _: () = assert!(size_of::<usize>() >= size_of::<u64>(), "kqueue is supported on 64-bit systems only");

/// A set of watched descriptors, from `kqueue`.
#[derive(Debug)]
pub struct Kqueue {
    queue: Arc<Queue>,
    events: Box<[kevent; MAX_EVENTS]>,
    /// How many of `events` the last wait has filled in.
    ready: usize,
}

// SAFETY: the pointers inside `events` are tokens and are never dereferenced.
unsafe impl Send for Kqueue {}

impl Backend for Kqueue {
    fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Arc::new(Queue::new()?),
            events: Box::new([change(0, 0, 0, Token::WAKER); MAX_EVENTS]),
            ready: 0,
        })
    }

    fn name(&self) -> &'static str {
        "kqueue"
    }

    fn waker(&self) -> Waker {
        Waker::new(Arc::clone(&self.queue))
    }

    /// Removes the filters before adding them. So a condition that holds is reported again, as after a change with
    /// epoll, and a filter whose number was reused gets the new token and trigger.
    fn register(&mut self, fd: RawFd, token: Token, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.deregister(fd, Interest::BOTH)?;
        let repetition = if trigger == Trigger::Edge { kernel::EV_CLEAR } else { 0 };
        let added = for_each_filter(interest, |filter| {
            self.queue.apply(change(fd, filter, kernel::EV_ADD | repetition, token))
        });
        if added.is_err() {
            // The other direction may have been added, and the caller is about to be told that none was.
            self.deregister(fd, Interest::BOTH)?;
        }
        added
    }

    fn reregister(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Modified> {
        // kqueue drops a closed descriptor without a report, so what was there before is unknown.
        self.register(fd, token, interest, trigger).map(|()| Modified::Kept)
    }

    fn deregister(&mut self, fd: RawFd, interest: Interest) -> io::Result<()> {
        for_each_filter(interest, |filter| {
            match self.queue.apply(change(fd, filter, kernel::EV_DELETE, Token::WAKER)) {
                // It was never watched, or was closed, which is the same to the kernel.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOENT)) => Ok(()),
                result => result,
            }
        })
    }

    fn wait(&mut self, timeout: Timeout) -> io::Result<usize> {
        self.ready = 0;
        let limit = match timeout {
            Timeout::Now => Some(Duration::ZERO),
            Timeout::After(wait) => Some(wait),
            Timeout::Never => None,
        };
        self.ready = exchange(self.queue.fd(), &[], self.events.as_mut_slice(), limit)?;
        Ok(self.ready)
    }

    fn event(&self, index: usize) -> Event {
        let event = &self.events[..self.ready][index];
        Event { token: Token::from_raw(event.udata.addr() as u64), readiness: readiness_of(event) }
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.queue.start_over()
    }
}

/// Calls `each` for each filter of the interest; stops at the first error.
fn for_each_filter(interest: Interest, mut each: impl FnMut(i16) -> io::Result<()>) -> io::Result<()> {
    for (direction, filter) in
        [(Interest::READABLE, kernel::EVFILT_READ), (Interest::WRITABLE, kernel::EVFILT_WRITE)]
    {
        if interest.contains(direction) {
            each(filter)?;
        }
    }
    Ok(())
}

/// Converts an event of the kernel. The end of a stream is reported for each direction by its filter.
fn readiness_of(event: &kevent) -> Readiness {
    let ready = match event.filter {
        kernel::EVFILT_WRITE => Readiness::WRITABLE,
        _ => Readiness::READABLE,
    };
    let ended = event.flags & kernel::EV_EOF != 0;
    // With the end of the stream, `fflags` holds the error of the socket if that was the cause.
    let failed = event.flags & kernel::EV_ERROR != 0 || (ended && event.fflags != 0);
    if failed { Readiness::BOTH } else { ready }
}

/// The kernel's set. Wakers share it, because waking is an event of the set itself.
///
/// It is a number and not an `OwnedFd`, for two reasons: starting over replaces it while other threads hold their
/// wakers, and the child of a `fork()` does not inherit it, so that closing it there could close any file opened under
/// the same number.
#[derive(Debug)]
struct Queue {
    fd: AtomicI32,
    /// The process that made the set: the only one in which it exists.
    process_id: AtomicU32,
}

impl Queue {
    fn new() -> io::Result<Self> {
        Ok(Self { fd: AtomicI32::new(new_set()?), process_id: AtomicU32::new(process::id()) })
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::Relaxed)
    }

    /// A thread that has read the old number may still wake with it. That wakes nothing, or another loop for no reason.
    /// No message is lost: a loop that starts over is awake, and looks for messages before it sleeps.
    fn start_over(&self) -> io::Result<()> {
        let fresh = new_set()?;
        let old = self.fd.swap(fresh, Ordering::Relaxed);
        if self.process_id.swap(process::id(), Ordering::Relaxed) == process::id() {
            close(old);
        }
        Ok(())
    }

    fn apply(&self, change: kevent) -> io::Result<()> {
        apply(self.fd(), change)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.process_id.load(Ordering::Relaxed) == process::id() {
            close(self.fd());
        }
    }
}

impl Wake for Queue {
    fn wake(&self) -> io::Result<()> {
        let mut trigger = change(WAKER_IDENT, kernel::EVFILT_USER, 0, Token::WAKER);
        trigger.fflags = kernel::NOTE_TRIGGER;
        self.apply(trigger)
    }
}

/// The identifier of the waker's filter. User filters have identifiers of their own, so it is not taken for a
/// descriptor.
const WAKER_IDENT: RawFd = 0;

/// Creates a set that watches only its own waker.
fn new_set() -> io::Result<RawFd> {
    // SAFETY: the call takes no arguments.
    let set = checked(unsafe { kernel::kqueue() })?;
    let waker = change(WAKER_IDENT, kernel::EVFILT_USER, kernel::EV_ADD | kernel::EV_CLEAR, Token::WAKER);
    // SAFETY: the set was just opened; the command takes no pointer.
    let result = checked(unsafe { libc::fcntl(set, libc::F_SETFD, libc::FD_CLOEXEC) });
    match result.and_then(|_| apply(set, waker)) {
        Ok(()) => Ok(set),
        Err(error) => {
            close(set);
            Err(error)
        }
    }
}

/// Closes a set. An error has no remedy, and the number is free in any case.
fn close(set: RawFd) {
    // SAFETY: the callers own the number and no longer use it.
    unsafe { libc::close(set) };
}

/// A change of one filter of one descriptor.
fn change(fd: RawFd, filter: i16, flags: u16, token: Token) -> kevent {
    // SAFETY: the structure is made of integers and a pointer, for all of which zero is a value. Its fields differ
    // between systems, so it can't be written out.
    let mut change: kevent = unsafe { std::mem::zeroed() };
    // A negative number is replaced by a number that can't be open, and the kernel returns EBADF.
    change.ident = usize::try_from(fd).unwrap_or(libc::c_int::MAX as usize);
    change.filter = filter;
    change.flags = flags;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the assertion above says that a pointer holds a token"
    )]
    let token = token.to_raw() as usize;
    change.udata = ptr::without_provenance_mut(token);
    change
}

/// Applies one change and returns the kernel's error.
fn apply(set: RawFd, mut change: kevent) -> io::Result<()> {
    // The receipt takes the only place, so that no event can take it instead.
    change.flags |= kernel::EV_RECEIPT;
    let mut receipts = [change];
    match exchange(set, &[change], &mut receipts, Some(Duration::ZERO)) {
        // A signal interrupts the wait after the change, not the change.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
        Ok(_) => verdict(&receipts[0]),
    }
}

/// Converts a receipt.
fn verdict(receipt: &kevent) -> io::Result<()> {
    if receipt.flags & kernel::EV_ERROR == 0 {
        return Ok(());
    }
    match libc::c_int::try_from(receipt.data).unwrap_or(libc::EINVAL) {
        // macOS reports EPIPE for a pipe whose reader has left, and watches it anyway: the event reports it.
        0 | libc::EPIPE => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Calls `kevent`.
fn exchange(
    set: RawFd,
    changes: &[kevent],
    events: &mut [kevent],
    limit: Option<Duration>,
) -> io::Result<usize> {
    let limit = limit.map(|wait| libc::timespec {
        tv_sec: libc::time_t::try_from(wait.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(wait.subsec_nanos().cast_signed()),
    });
    let change_count = libc::c_int::try_from(changes.len()).unwrap_or(libc::c_int::MAX);
    let event_count = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: both slices have the lengths that are passed, and the limit is null or outlives the call. A set that is
    // not open is an error and does no harm.
    let result = unsafe {
        kernel::kevent(
            set,
            changes.as_ptr(),
            change_count,
            events.as_mut_ptr(),
            event_count,
            limit.as_ref().map_or(ptr::null(), ptr::from_ref),
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::{Readiness, Token, change, kernel, readiness_of, verdict};

    #[test]
    fn the_end_of_a_stream_is_told_by_direction() {
        let mut event = change(3, kernel::EVFILT_READ, kernel::EV_EOF, Token::new(1, 1));
        assert_eq!(readiness_of(&event), Readiness::READABLE);
        event.filter = kernel::EVFILT_WRITE;
        assert_eq!(readiness_of(&event), Readiness::WRITABLE);
        event.fflags = libc::ECONNRESET.cast_unsigned();
        assert_eq!(readiness_of(&event), Readiness::BOTH);
    }

    #[test]
    fn a_receipt_of_zero_is_success_and_a_pipe_without_reader_is_watched() {
        let mut receipt = change(3, kernel::EVFILT_WRITE, kernel::EV_ERROR, Token::new(1, 1));
        assert!(verdict(&receipt).is_ok());
        receipt.data = libc::EPIPE as _;
        assert!(verdict(&receipt).is_ok());
        receipt.data = libc::EBADF as _;
        assert_eq!(verdict(&receipt).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
