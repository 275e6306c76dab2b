//! Calls for the process as a whole: a write to a descriptor that it shares with others, and its end.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::checked;

/// Writes some of the bytes, waiting for room if the descriptor blocks.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads no more than `len` bytes of a slice that is alive.
    let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Returns whether a descriptor is that of a regular file.
pub(crate) fn is_regular(fd: RawFd) -> bool {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to the place that it is given, and refuses a number that is not open.
    if checked(unsafe { libc::fstat(fd, status.as_mut_ptr()) }).is_err() {
        return false;
    }
    // SAFETY: the call succeeded, so it has filled the place.
    let status = unsafe { status.assume_init() };
    status.st_mode & libc::S_IFMT == libc::S_IFREG
}

/// Ends the process with this code, without running anything more of it.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: the call has no conditions, and does not return.
    unsafe { libc::_exit(code) }
}

/// Ends the process as this signal does without a handler.
///
/// # Errors
///
/// EINVAL for a number that is not a signal a process can die of. A signal that is ignored by default does nothing.
pub(crate) fn die_of(signal: i32) -> io::Result<()> {
    // SAFETY: the default action is a valid disposition; that of another thread's handler is replaced at once.
    let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if before == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has no conditions.
    let process = unsafe { libc::getpid() };
    // SAFETY: the call has no conditions; the process is our own.
    checked(unsafe { libc::kill(process, signal) }).map(drop)
}

/// Blocks all signals in this thread: their handlers should run in threads of the program, whose calls they interrupt.
pub(crate) fn block_signals() {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the pointer is to a whole set of ours, which this call fills.
    let filled = unsafe { libc::sigfillset(all.as_mut_ptr()) };
    debug_assert_eq!(filled, 0, "no valid pointer makes it fail");
    // SAFETY: the set was filled, and the old mask is not requested.
    let blocked = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut()) };
    debug_assert_eq!(blocked, 0, "only an unknown operation makes it fail");
}
