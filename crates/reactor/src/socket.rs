//! The calls on sockets and pipes, each a safe function: where bytes enter the loop and where they leave it.
//!
//! This file moves bytes. What makes connections, and what goes whole, stands in `sys/socket/` and is handed
//! on from here, so that a caller finds everything under one name. It knows nothing of policy: how much to
//! read, when to try again and what an error means to a protocol is the caller's affair.
//!
//! All of it keeps to these rules:
//!
//! - A signal in between is not an error: the call is made again, unless it has ended a wait.
//! - Nothing waits, whatever the descriptor is set to; [`io::ErrorKind::WouldBlock`] says that there is nothing to do. Where
//!   that can't be promised, [`io::ErrorKind::Unsupported`] says so, and there is a call `..._when_ready`.
//! - Nothing is allocated, but for the path of a Unix address.
//! - Errors are the kernel's, with their `errno`.
//! - A number that is not open is an error (`EBADF`) and no harm. Whose number it is, the caller has to know.
//!
//! | To                       | Use                                                                        |
//! |--------------------------|----------------------------------------------------------------------------|
//! | move bytes of a stream   | [`receive`], [`send`], [`send_vectored`], [`send_file`]                    |
//! | move bytes of a pipe     | [`read`], [`write()`], [`write_vectored`]; [`read_when_ready`], [`write_when_ready`] |
//! | move datagrams           | [`receive_from`], [`send_to`], [`DatagramBatch`], [`send_many`]            |
//! | make a connection        | [`accept`], [`accept_when_ready`], [`stream_for`], [`connect`], [`pending_error`] |
//! | ask where a socket is    | [`local_address`], [`peer_address`]                                        |
//! | settle or end one        | [`set_nonblocking`], [`set_nodelay`], [`shutdown_write`], [`close`], [`lingers`]        |

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use crate::sys::socket::{EMPTY_MESSAGE, RECEIVE_FLAGS, SEND_FLAGS, SLICES_PER_CALL, fitted, transferred};

pub use crate::sys::socket::{
    DATAGRAMS_PER_CALL, DatagramBatch, accept, accept_when_ready, close, connect, lingers, local_address,
    peer_address, pending_error, read, read_when_ready, receive_from, send_many, send_to, set_nodelay,
    set_nonblocking, shutdown_write, stream_for, write, write_vectored, write_when_ready,
};

/// How many bytes of a file one call sends at most. That is Linux's own bound; it takes greater counts as
/// this one, but for those that would be negative as a signed number, which are an error to it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FILE_BYTES_PER_CALL: usize = 0x7fff_f000;

/// Receives what is there, as far as there is room, and returns how many bytes of `room` are filled in. 0 is
/// the end of the stream, or there is no room.
///
/// ```
/// use reactor::socket;
/// use std::mem::MaybeUninit;
/// use std::os::fd::AsRawFd;
/// use std::os::unix::net::UnixStream;
///
/// let (here, there) = UnixStream::pair()?;
/// assert_eq!(socket::send(there.as_raw_fd(), b"vitok")?, 5);
/// let mut room = [MaybeUninit::uninit(); 64];
/// assert_eq!(socket::receive(here.as_raw_fd(), &mut room)?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The kernel's.
#[inline]
pub fn receive(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: `room` is as long as the call is told, and outlives it.
    transferred(|| unsafe { libc::recv(fd, room.as_mut_ptr().cast(), room.len(), RECEIVE_FLAGS) })
}

/// Sends as much as the kernel takes, and returns how much that is.
///
/// # Errors
///
/// The kernel's. That the peer has left is `EPIPE`, and no signal.
#[inline]
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is as long as the call is told, and outlives it.
    transferred(|| unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), SEND_FLAGS) })
}

/// Sends as much of several slices, one after the other, as the kernel takes, and returns how many bytes that
/// is. What comes behind the first 1024 slices is left for the next call.
///
/// # Errors
///
/// As of [`send`].
#[inline]
pub fn send_vectored(fd: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = EMPTY_MESSAGE;
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = fitted(slices.len().min(SLICES_PER_CALL), 0);
    // SAFETY: a slice is laid out as the kernel's own; they and their bytes outlive the call, which only
    // reads them.
    transferred(|| unsafe { libc::sendmsg(fd, &raw const message, SEND_FLAGS) })
}

/// Sends from a file, beginning at `offset`, at most `count` bytes, without their passing through this
/// process, and returns how many there were. 0 is the end of the file. The file's own position is neither
/// used nor moved.
///
/// # Errors
///
/// The kernel's: `EINVAL` where the file is not one that it can send from; a peer that has left is `EPIPE`
/// and, as of [`write()`], a signal. [`io::ErrorKind::Unsupported`] on systems where this is not written yet:
/// the caller has to read and send by itself.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn send_file(socket: RawFd, file: RawFd, offset: u64, count: usize) -> io::Result<usize> {
    let mut position = libc::off64_t::try_from(offset)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "an offset beyond the end of any file"))?;
    let count = count.min(FILE_BYTES_PER_CALL);
    // SAFETY: `position` is writable and outlives the call.
    transferred(|| unsafe { libc::sendfile64(socket, file, &raw mut position, count) })
}

/// Sends from a file on Linux. Here it is not written yet: the call has another shape on each system.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`]: the caller has to read and send by itself.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_file(_socket: RawFd, _file: RawFd, _offset: u64, _count: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
