//! A peer that has left, and the signal that this raises unless a flag prevents it.

#![cfg(any(target_os = "linux", target_os = "android"))]

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;

use super::number_of;
use crate::socket;

/// The signal is blocked, so that it would stay pending; otherwise it is lost, because the harness ignores it.
#[test]
fn a_peer_that_has_left_is_an_error_and_no_signal() {
    let signals = only(libc::SIGPIPE);
    // SAFETY: the set is initialised, and the old mask is not asked for.
    assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, ptr::null_mut()) }, 0);
    let (here, there) = super::unix_pair();
    drop(there);
    let fd = here.as_raw_fd();
    assert_eq!(number_of(socket::send(fd, b"x")), Some(libc::EPIPE));
    assert_eq!(number_of(socket::send_vectored(fd, &[IoSlice::new(b"x")])), Some(libc::EPIPE));
    assert_eq!(number_of(socket::send_to(fd, b"x", None)), Some(libc::EPIPE));
    assert!(!is_pending(libc::SIGPIPE), "a send to nobody raised a signal");

    // The other calls have no such flag, which proves that the test notices the signal.
    assert_eq!(number_of(socket::write(fd, b"x")), Some(libc::EPIPE));
    take(&signals);
    assert_eq!(number_of(socket::write_vectored(fd, &[IoSlice::new(b"x")])), Some(libc::EPIPE));
    take(&signals);
}

/// Returns a set with one signal.
fn only(signal: libc::c_int) -> libc::sigset_t {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: the set is writable, and the call initialises it.
    assert_eq!(unsafe { libc::sigemptyset(signals.as_mut_ptr()) }, 0);
    // SAFETY: the set was initialised by the call above.
    let mut signals = unsafe { signals.assume_init() };
    // SAFETY: the set is initialised.
    assert_eq!(unsafe { libc::sigaddset(&raw mut signals, signal) }, 0);
    signals
}

/// Returns whether a signal is pending for this thread.
fn is_pending(signal: libc::c_int) -> bool {
    let mut pending = only(signal);
    // SAFETY: the set is writable.
    assert_eq!(unsafe { libc::sigpending(&raw mut pending) }, 0);
    // SAFETY: the set is initialised.
    unsafe { libc::sigismember(&raw const pending, signal) == 1 }
}

/// Consumes a signal, which has to be pending: otherwise this would wait for it.
fn take(signals: &libc::sigset_t) {
    assert!(is_pending(libc::SIGPIPE));
    let mut taken = 0;
    // SAFETY: both are initialised and outlive the call.
    assert_eq!(unsafe { libc::sigwait(signals, &raw mut taken) }, 0);
}
