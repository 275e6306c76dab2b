//! The part of the contract whose tests need system calls: signals and `fork()`.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::thread::JoinHandleExt;
use std::ptr;
use std::thread;

use super::{Backend, checked};
use crate::{Interest, Poller, Timeout, Token, Trigger};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll {
    use crate::sys::epoll::Epoll;

    #[test]
    fn a_signal_interrupts_a_wait() {
        super::a_signal_interrupts_a_wait::<Epoll>();
    }

    #[test]
    fn a_child_starts_over_without_touching_its_parent() {
        super::a_child_starts_over_without_touching_its_parent::<Epoll>();
    }
}

#[cfg(any(target_os = "macos", target_os = "freebsd", feature = "libkqueue"))]
mod kqueue {
    use crate::sys::kqueue::Kqueue;

    #[test]
    fn a_signal_interrupts_a_wait() {
        super::a_signal_interrupts_a_wait::<Kqueue>();
    }

    #[test]
    // The emulation has a thread of its own and locks, which a child does not have.
    #[cfg(not(target_os = "linux"))]
    fn a_child_starts_over_without_touching_its_parent() {
        super::a_child_starts_over_without_touching_its_parent::<Kqueue>();
    }
}

/// A signal that does nothing without a handler, so that one sent too late does no harm.
const SIGNAL: libc::c_int = libc::SIGURG;

fn a_signal_interrupts_a_wait<B: Backend>() {
    handle_and_ignore(SIGNAL);
    let waiter = thread::spawn(|| {
        let mut poller = Poller::with_backend(B::new().unwrap());
        poller.wait(Timeout::Never).map_err(|error| error.kind())
    });
    // One signal could come before the thread waits, and the time of that is unknown; so the signals go on.
    while !waiter.is_finished() {
        // SAFETY: the thread has not been joined, so its name is valid even if it has ended.
        assert_eq!(unsafe { libc::pthread_kill(waiter.as_pthread_t(), SIGNAL) }, 0);
        thread::yield_now();
    }
    assert_eq!(waiter.join().unwrap(), Err(io::ErrorKind::Interrupted));
}

fn a_child_starts_over_without_touching_its_parent<B: Backend>() {
    const TOKEN: Token = Token::new(0, 0);
    let (mut peer, watched) = UnixStream::pair().unwrap();
    let mut poller = Poller::with_backend(B::new().unwrap());
    let waker = poller.waker();
    poller.register(watched.as_raw_fd(), TOKEN, Interest::READABLE, Trigger::Level).unwrap();
    let exit_status = in_a_child(|| {
        let failures = poller.rebuild(std::iter::empty())?;
        waker.wake()?;
        let woken = poller.wait(Timeout::Now)? == 1 && poller.event(0).token == Token::WAKER;
        poller.deregister(watched.as_raw_fd(), Interest::READABLE)?;
        Ok(failures.is_empty() && woken)
    });
    assert_eq!(exit_status, 0, "the child's own waker did not wake it");
    assert_eq!(poller.wait(Timeout::Now).unwrap(), 0, "the child woke its parent");
    peer.write_all(b"x").unwrap();
    assert_eq!(poller.wait(Timeout::Now).unwrap(), 1, "the child took the parent's registration away");
}

/// Runs `work` in a forked child and returns the child's exit status: 0 for true.
fn in_a_child(work: impl FnOnce() -> io::Result<bool>) -> libc::c_int {
    // SAFETY: the child only makes system calls and allocates, which the allocator of each system allows.
    let child = checked(unsafe { libc::fork() }).unwrap();
    if child == 0 {
        let exit_code = libc::c_int::from(!work().unwrap_or(false));
        // SAFETY: ends the child at once; nothing of the parent's is flushed or dropped a second time.
        unsafe { libc::_exit(exit_code) };
    }
    let mut status = 0;
    // SAFETY: the child is ours and `status` is writable.
    checked(unsafe { libc::waitpid(child, &raw mut status, 0) }).unwrap();
    status
}

/// Installs a handler that does nothing, so that the signal interrupts a call.
fn handle_and_ignore(signal: libc::c_int) {
    extern "C" fn ignore(_signal: libc::c_int) {}
    // SAFETY: zero is a value for each field: no flags, so no call is restarted, and an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = ignore as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler is a function of the type that these flags ask for, and may run at any time.
    checked(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) }).unwrap();
}
