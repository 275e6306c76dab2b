//! epoll: the backend of Linux. It keeps no table of descriptors; the kernel has one.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::ready_hint::ReadyHint;
use super::{Backend, Wake, Waker, checked};
use crate::{Event, Interest, Modified, Readiness, Timeout, Token, Trigger};

/// The most events of one wait. They take 6 KiB, which fit in the first-level cache, and more callbacks than that
/// should not run before timers and other threads have their turn. Further events are reported by the next wait, before
/// those reported now. libuv takes 1024, Go's runtime 128.
const MAX_EVENTS: usize = 512;

/// A set of watched descriptors, from `epoll_create1`.
#[derive(Debug)]
pub struct Epoll {
    set: OwnedFd,
    events: Box<[libc::epoll_event; MAX_EVENTS]>,
    /// How many of `events` the last wait has filled in.
    ready: usize,
    waker: Arc<EventFd>,
    /// Whether `epoll_pwait2` exists, as far as is known. Without it timeouts are in milliseconds.
    has_nanoseconds: bool,
    /// Reports events without a system call, once it was asked for.
    hint: Option<ReadyHint>,
    /// Whether the kernel may be asked for a hint: false once it has refused one.
    may_hint: bool,
    /// The process that made the set. Another process shares it with that one.
    process_id: u32,
}

impl Backend for Epoll {
    fn new() -> io::Result<Self> {
        let waker = Arc::new(EventFd::new()?);
        Ok(Self {
            set: new_set(&waker)?,
            events: Box::new([libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS]),
            ready: 0,
            waker,
            has_nanoseconds: true,
            hint: None,
            may_hint: true,
            process_id: process::id(),
        })
    }

    fn name(&self) -> &'static str {
        if self.has_nanoseconds { "epoll_pwait2" } else { "epoll_wait" }
    }

    fn waker(&self) -> Waker {
        Waker::new(Arc::clone(&self.waker))
    }

    #[inline]
    fn register(&mut self, fd: RawFd, token: Token, interest: Interest, trigger: Trigger) -> io::Result<()> {
        let event = Some(event_for(token, interest, trigger));
        match control(&self.set, libc::EPOLL_CTL_ADD, fd, event) {
            // The number is watched already, for an owner that did not stop watching it.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                self.reregister(fd, token, interest, trigger).map(drop)
            }
            result => result,
        }
    }

    #[inline]
    fn reregister(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Modified> {
        let event = Some(event_for(token, interest, trigger));
        match control(&self.set, libc::EPOLL_CTL_MOD, fd, event) {
            // It is watched exclusively, or is going to be: the kernel changes neither.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.replace(fd, event),
            // The number was closed elsewhere and is now another file.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                control(&self.set, libc::EPOLL_CTL_ADD, fd, event).map(|()| Modified::Renewed)
            }
            result => result.map(|()| Modified::Kept),
        }
    }

    #[inline]
    fn deregister(&mut self, fd: RawFd, _interest: Interest) -> io::Result<()> {
        match control(&self.set, libc::EPOLL_CTL_DEL, fd, None) {
            // Closed, or closed and opened again as another file or as one that can't be watched.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOENT | libc::EPERM)) => {
                Ok(())
            }
            result => result,
        }
    }

    #[inline]
    fn wait(&mut self, timeout: Timeout) -> io::Result<usize> {
        self.ready = 0;
        // Without a timeout to read, the older call takes a quarter less time (107 ns instead of 144).
        let result = if self.has_nanoseconds && timeout != Timeout::Now {
            self.wait_nanoseconds(timeout)
        } else {
            self.wait_milliseconds(timeout)
        };
        self.ready = result?;
        Ok(self.ready)
    }

    #[inline]
    fn event(&self, index: usize) -> Event {
        let libc::epoll_event { events, u64: token } = self.events[..self.ready][index];
        Event { token: Token::from_raw(token), readiness: readiness_of(events) }
    }

    #[cold]
    fn arm(&mut self) -> bool {
        if self.hint.as_mut().is_some_and(|hint| hint.rearm().is_ok()) {
            return true;
        }
        // A ring of another thread, or of the process that this one was forked from, is dropped before its successor is
        // made.
        self.hint = None;
        if self.may_hint {
            self.hint = ReadyHint::new(self.set.as_raw_fd()).ok();
            self.may_hint = self.hint.is_some();
        }
        self.may_hint
    }

    #[inline]
    fn has_news(&mut self) -> bool {
        self.hint.as_mut().is_none_or(ReadyHint::is_set)
    }

    fn refuse_hints(&mut self) {
        self.may_hint = false;
        self.hint = None;
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.hint = None;
        if self.process_id != process::id() {
            self.waker.replace()?;
        }
        self.set = new_set(&self.waker)?;
        self.process_id = process::id();
        Ok(())
    }
}

impl Epoll {
    /// Waits with `epoll_pwait2`, which came with Linux 5.11: the only call whose timeout is finer than a millisecond.
    #[inline]
    fn wait_nanoseconds(&mut self, timeout: Timeout) -> io::Result<usize> {
        let limit = match timeout {
            Timeout::Now => Some(Duration::ZERO),
            Timeout::After(wait) => Some(wait),
            Timeout::Never => None,
        }
        .map(KernelTimespec::from);
        // SAFETY: the set is open; `events` has room for `MAX_EVENTS`; the limit is null or outlives the call; with a
        // null mask the last argument is not read.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.set.as_raw_fd(),
                self.events.as_mut_ptr(),
                MAX_EVENTS,
                limit.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        usize::try_from(result).or_else(|_| {
            let error = io::Error::last_os_error();
            // The kernel is old, or a sandbox made for an old kernel refuses calls that it does not know.
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
                self.has_nanoseconds = false;
                return self.wait_milliseconds(timeout);
            }
            Err(error)
        })
    }

    /// Removes a registration and adds another: `EPOLL_CTL_MOD` refuses `EPOLLEXCLUSIVE`.
    #[cold]
    fn replace(&self, fd: RawFd, event: Option<libc::epoll_event>) -> io::Result<Modified> {
        let modified = match control(&self.set, libc::EPOLL_CTL_DEL, fd, None) {
            Ok(()) => Modified::Kept,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Modified::Renewed,
            Err(error) => return Err(error),
        };
        control(&self.set, libc::EPOLL_CTL_ADD, fd, event).map(|()| modified)
    }

    /// Waits with `epoll_wait`, where the newer call does not exist.
    fn wait_milliseconds(&mut self, timeout: Timeout) -> io::Result<usize> {
        let set = self.set.as_raw_fd();
        let limit_ms = milliseconds_of(timeout);
        let room = self.events.len().try_into().unwrap_or(libc::c_int::MAX);
        // SAFETY: the set is open and `events` has `room`.
        let result = unsafe { libc::epoll_wait(set, self.events.as_mut_ptr(), room, limit_ms) };
        usize::try_from(result).map_err(|_| io::Error::last_os_error())
    }
}

/// The timeout in the kernel's layout on every architecture: two words of 64 bits, even where `timespec` has fewer.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

impl From<Duration> for KernelTimespec {
    #[inline]
    fn from(wait: Duration) -> Self {
        Self { seconds: wait.as_secs().cast_signed(), nanoseconds: i64::from(wait.subsec_nanos()) }
    }
}

/// Returns the timeout in whole milliseconds, rounded up so as not to return early. `-1` is for ever.
fn milliseconds_of(timeout: Timeout) -> libc::c_int {
    const NS_PER_MS: u128 = 1_000_000;
    match timeout {
        Timeout::Now => 0,
        Timeout::After(wait) => {
            libc::c_int::try_from(wait.as_nanos().div_ceil(NS_PER_MS)).unwrap_or(libc::c_int::MAX)
        }
        Timeout::Never => -1,
    }
}

/// Creates a set that watches only the waker.
fn new_set(waker: &EventFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointer.
    let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the kernel has just opened it, so it has no other owner.
    let set = unsafe { OwnedFd::from_raw_fd(fd) };
    // Each write is an edge, so the counter never has to be read.
    let event = event_for(Token::WAKER, Interest::READABLE, Trigger::Edge);
    control(&set, libc::EPOLL_CTL_ADD, waker.counter.as_raw_fd(), Some(event))?;
    Ok(set)
}

/// Calls `epoll_ctl`.
#[inline]
fn control(
    set: &OwnedFd,
    operation: libc::c_int,
    fd: RawFd,
    mut event: Option<libc::epoll_event>,
) -> io::Result<()> {
    let event = event.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the set is open; the event is null, which removing allows, or outlives the call. A number that is not
    // open is an error and does no harm.
    checked(unsafe { libc::epoll_ctl(set.as_raw_fd(), operation, fd, event) })?;
    Ok(())
}

/// Returns the kernel's description of what to watch.
#[inline]
fn event_for(token: Token, interest: Interest, trigger: Trigger) -> libc::epoll_event {
    // The half-close is watched only along with reading: it lasts, and only reading gets past it.
    let (half_close, mut events) = match trigger {
        Trigger::Level => (libc::EPOLLRDHUP, 0),
        Trigger::Edge => (libc::EPOLLRDHUP, libc::EPOLLET),
        Trigger::Exclusive => (0, libc::EPOLLEXCLUSIVE),
    };
    if interest.contains(Interest::READABLE) {
        events |= libc::EPOLLIN | half_close;
    }
    if interest.contains(Interest::WRITABLE) {
        events |= libc::EPOLLOUT;
    }
    libc::epoll_event { events: events.cast_unsigned(), u64: token.to_raw() }
}

/// Converts the events that the kernel reported.
#[inline]
fn readiness_of(events: u32) -> Readiness {
    const MEANINGS: [(libc::c_int, Readiness); 5] = [
        (libc::EPOLLIN, Readiness::READABLE),
        (libc::EPOLLOUT, Readiness::WRITABLE),
        (libc::EPOLLERR, Readiness::BOTH),
        (libc::EPOLLHUP, Readiness::BOTH),
        // The peer sends nothing more. There may still be bytes to read.
        (libc::EPOLLRDHUP, Readiness::READABLE),
    ];
    let mut readiness = Readiness::NONE;
    for (bit, meaning) in MEANINGS {
        if events & bit.cast_unsigned() != 0 {
            readiness = readiness.with(meaning);
        }
    }
    readiness
}

/// A counter in the kernel that the set watches and other threads write to.
#[derive(Debug)]
struct EventFd {
    counter: File,
}

impl EventFd {
    fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer.
        let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just opened it, so it has no other owner.
        let counter = unsafe { File::from_raw_fd(fd) };
        Ok(Self { counter })
    }

    /// Puts a new counter under the same number, and so under every waker that was handed out.
    ///
    /// The child of a `fork()` needs that: it shares the old counter with its parent, and each would wake the other.
    fn replace(&self) -> io::Result<()> {
        let fresh = Self::new()?;
        // SAFETY: both numbers are open and ours; the kernel closes the second's file and changes nothing else.
        checked(unsafe { libc::dup3(fresh.counter.as_raw_fd(), self.counter.as_raw_fd(), libc::O_CLOEXEC) })?;
        Ok(())
    }
}

impl Wake for EventFd {
    fn wake(&self) -> io::Result<()> {
        // The counter holds 64 bits, so adding one never has to wait for room.
        (&self.counter).write_all(&1_u64.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use std::time::Duration;

    use super::{
        Backend, Epoll, Interest, Readiness, Timeout, Token, Trigger, event_for, milliseconds_of,
        readiness_of,
    };
    use crate::clock::monotonic_ns;

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(milliseconds_of(Timeout::Now), 0);
        assert_eq!(milliseconds_of(Timeout::Never), -1);
        for (ns, ms) in [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)] {
            assert_eq!(milliseconds_of(Timeout::After(Duration::from_nanos(ns))), ms);
        }
    }

    #[test]
    fn without_nanoseconds_a_wait_is_longer_and_never_shorter() {
        let mut epoll = Epoll::new().unwrap();
        assert_eq!(epoll.name(), "epoll_pwait2");
        epoll.has_nanoseconds = false;
        assert_eq!(epoll.name(), "epoll_wait");
        let start = monotonic_ns();
        assert_eq!(epoll.wait(Timeout::After(Duration::from_micros(200))).unwrap(), 0);
        assert!(monotonic_ns() - start >= 1_000_000);
    }

    #[test]
    fn asking_to_write_asks_for_no_half_close() {
        let event = event_for(Token::new(0, 0), Interest::WRITABLE, Trigger::Level);
        assert_eq!({ event.events }, libc::EPOLLOUT.cast_unsigned());
    }

    #[test]
    fn an_error_and_a_hangup_are_readable_and_writable() {
        for event in [libc::EPOLLERR, libc::EPOLLHUP] {
            assert_eq!(readiness_of(event.cast_unsigned()), Readiness::BOTH);
        }
        assert_eq!(readiness_of(libc::EPOLLRDHUP.cast_unsigned()), Readiness::READABLE);
    }

    #[test]
    fn the_set_closes_on_exec() {
        let epoll = Epoll::new().unwrap();
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", epoll.set.as_raw_fd())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = libc::c_int::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC);
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn an_event_that_was_not_reported_cannot_be_looked_at() {
        let epoll = Epoll::new().unwrap();
        assert_eq!(epoll.event(0).token, Token::WAKER);
    }
}
