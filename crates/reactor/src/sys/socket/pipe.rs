//! Reads and writes a pipe, a FIFO or a terminal, and accepts from a listener, without waiting.
//!
//! `O_NONBLOCK` belongs to the open file, not to the descriptor: another process that has the file, such as a child
//! that inherited it, can clear the flag. Reads and writes of sockets have `MSG_DONTWAIT`. The kernel accepts
//! `RWF_NOWAIT` for anonymous pipes from Linux 6.4 on, and for sockets; elsewhere the flag is checked before the call.
//! If it is not set the call is [`io::ErrorKind::Unsupported`], and the caller has another call, which checks for
//! readiness first. Even that one may wait, if another process is quicker: it has to be made with no lock held.
//!
//! A signal that ends a wait is [`io::ErrorKind::WouldBlock`]: its handlers have to run, and the call is repeated when
//! the kernel reports readiness.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};

use super::{SLICES_PER_CALL, connect, fitted, initialised, interrupted_is_would_block, retried};
use crate::Address;
use crate::sys::checked;

/// The most bytes written at once to a pipe that is ready without waiting: POSIX's `PIPE_BUF` on Linux, where a ready
/// pipe has room for a page. macOS and FreeBSD have 512.
const PIPE_PIECE: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 4096 } else { 512 };

/// The most bytes written at once to a terminal, which promises room for no more.
const TERMINAL_PIECE: usize = 1;

/// Reads what is available and fits into `room` from a pipe or a terminal, and returns it. No bytes are the end, or `room`
/// is empty.
///
/// # Errors
///
/// The kernel's, which returns `EIO` for a terminal whose other side is gone. [`ErrorKind::Unsupported`] if the call
/// might wait: use [`read_when_ready`].
#[inline]
pub fn read(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    let count = match nowait::read(fd, room) {
        Err(error) if is_refusal(&error) => {
            refuse_to_wait(fd)?;
            plain_read(fd, room)?
        }
        outcome => outcome?,
    };
    // SAFETY: the kernel has written that many.
    Ok(unsafe { initialised(room, count) })
}

/// Writes as much as the kernel takes to a pipe or a terminal, and returns how much that is.
///
/// # Errors
///
/// The kernel's. A reader that has left is `EPIPE`, and a signal as well, unless the process ignores `SIGPIPE`, as
/// Python does: for pipes there is no other way to avoid it. [`ErrorKind::Unsupported`] if the call might wait: use
/// [`write_when_ready`].
#[inline]
pub fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    match nowait::write(fd, &[IoSlice::new(bytes)]) {
        Err(error) if is_refusal(&error) => {}
        outcome => return outcome,
    }
    refuse_to_wait(fd)?;
    plain_write(fd, bytes)
}

/// Writes as much of several slices in order as the kernel takes, and returns how many bytes that is. Slices beyond the
/// first 1024 are left for the next call.
///
/// # Errors
///
/// Those of [`write()`].
#[inline]
pub fn write_vectored(fd: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match nowait::write(fd, slices) {
        Err(error) if is_refusal(&error) => {}
        outcome => return outcome,
    }
    refuse_to_wait(fd)?;
    let (first, count) = (slices.as_ptr().cast(), fitted(slices.len().min(SLICES_PER_CALL), 0));
    // SAFETY: `IoSlice` has the layout of `iovec`; the slices and their bytes outlive the call, which only reads them.
    once(|| unsafe { libc::writev(fd, first, count) })
}

/// Does what [`read`] does for a descriptor that blocks. It waits only if another process takes what was there.
///
/// # Errors
///
/// Those of [`read`].
pub fn read_when_ready(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    refuse_unready(fd, libc::POLLIN)?;
    let count = plain_read(fd, room)?;
    // SAFETY: the kernel has written that many.
    Ok(unsafe { initialised(room, count) })
}

/// Does what [`write()`] does for a descriptor that blocks. It waits only if another process takes the room that was
/// there.
///
/// # Errors
///
/// Those of [`write()`].
pub fn write_when_ready(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let piece = if has_room_for_a_piece(fd)? { PIPE_PIECE } else { TERMINAL_PIECE };
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let offered = rest.get(..piece).unwrap_or(rest);
        let outcome = refuse_unready(fd, libc::POLLOUT).and_then(|()| plain_write(fd, offered));
        match outcome {
            Ok(count) => written += count,
            // The next call returns the error again.
            Err(_) if written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Takes the next connection out of a listener's queue. The descriptor does not block and closes on exec.
///
/// # Errors
///
/// The kernel's: [`ErrorKind::WouldBlock`] if the queue is empty, `ECONNABORTED` for a connection that is gone already,
/// `EMFILE` and similar errors if there is no descriptor or memory for it, which leave it in the queue.
/// [`ErrorKind::Unsupported`] if the call might wait: use [`accept_when_ready`].
#[inline]
pub fn accept(listener: RawFd) -> io::Result<(OwnedFd, Address)> {
    refuse_to_wait(listener)?;
    connect::accept(listener)
}

/// Does what [`accept`] does for a listener that blocks. It waits only if another process takes the connection that was
/// there.
///
/// # Errors
///
/// Those of [`accept`].
pub fn accept_when_ready(listener: RawFd) -> io::Result<(OwnedFd, Address)> {
    refuse_unready(listener, libc::POLLIN)?;
    connect::accept(listener)
}

/// The calls that never wait, if the kernel has them for this file.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod nowait {
    use std::io::{self, IoSlice};
    use std::mem::MaybeUninit;
    use std::os::fd::RawFd;

    use super::super::{SLICES_PER_CALL, transferred};

    /// The file's own position, as both halves of the number: pipes have no other.
    const HERE: libc::c_long = -1;

    #[inline]
    pub(super) fn read(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let slice = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        vectored(libc::SYS_preadv2, fd, &raw const slice, 1)
    }

    #[inline]
    pub(super) fn write(fd: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = slices.len().min(SLICES_PER_CALL);
        vectored(libc::SYS_pwritev2, fd, slices.as_ptr().cast(), count)
    }

    /// Makes the call by number, since older C libraries lack the functions. The slices are alive, as many as stated,
    /// and so are their bytes.
    #[inline]
    fn vectored(
        number: libc::c_long,
        fd: RawFd,
        slices: *const libc::iovec,
        count: usize,
    ) -> io::Result<usize> {
        transferred(|| {
            // SAFETY: both callers pass live slices, writable ones for reading, as the two calls require.
            let result = unsafe { libc::syscall(number, fd, slices, count, HERE, HERE, libc::RWF_NOWAIT) };
            libc::ssize_t::try_from(result).unwrap_or(-1)
        })
    }
}

/// Other systems have no such calls.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod nowait {
    use std::io::{self, IoSlice};
    use std::mem::MaybeUninit;
    use std::os::fd::RawFd;

    pub(super) fn read(_fd: RawFd, _room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    pub(super) fn write(_fd: RawFd, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }
}

/// Returns whether the kernel, or a filter of system calls, does not support such a call for this file. An error of the
/// descriptor itself is returned again by the plain call.
#[inline]
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM | libc::EINVAL))
}

/// Returns an error for a descriptor that blocks.
fn refuse_to_wait(fd: RawFd) -> io::Result<()> {
    // SAFETY: the command takes no pointer, and the call refuses a number that is not open.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 { Err(ErrorKind::Unsupported.into()) } else { Ok(()) }
}

/// Returns [`ErrorKind::WouldBlock`] unless a descriptor is ready now. An error or a hang-up is readiness too.
fn refuse_unready(fd: RawFd, events: libc::c_short) -> io::Result<()> {
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one entry, which is writable and outlives the call.
    let count = retried(|| unsafe { libc::poll(&raw mut entry, 1, 0) })?;
    if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

/// Returns whether a file is a pipe or a socket: those have room for a piece when they are ready.
fn has_room_for_a_piece(fd: RawFd) -> io::Result<bool> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to the place that it is given, and refuses a number that is not open.
    checked(unsafe { libc::fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has filled the place.
    let kind = unsafe { status.assume_init() }.st_mode & libc::S_IFMT;
    Ok(kind == libc::S_IFIFO || kind == libc::S_IFSOCK)
}

fn plain_read(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: `room` is as long as the call is told, and outlives it.
    once(|| unsafe { libc::read(fd, room.as_mut_ptr().cast(), room.len()) })
}

fn plain_write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is as long as the call is told, and outlives it.
    once(|| unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

/// Calls once. A signal can only have ended a wait, and its handlers have to run before the next.
fn once(call: impl FnOnce() -> libc::ssize_t) -> io::Result<usize> {
    match usize::try_from(call()) {
        Ok(count) => Ok(count),
        Err(_) => Err(interrupted_is_would_block(io::Error::last_os_error())),
    }
}
