//! The calls on sockets and pipes, each a safe function: where bytes enter and leave the loop.
//!
//! This file moves the bytes of streams. Calls for connections and datagrams are in `sys/socket/` and are exported from
//! here, so that a caller finds everything under one name. How much to read, when to try again and what an error means
//! to a protocol is up to the caller.
//!
//! All calls follow these rules:
//!
//! - A signal is not an error: the call is repeated, unless the signal has ended a wait.
//! - No call waits, whatever mode the descriptor is in; [`io::ErrorKind::WouldBlock`] says that there is nothing to do.
//!   Where waiting cannot be ruled out, the call returns [`io::ErrorKind::Unsupported`], and there is a call
//!   `..._when_ready`.
//! - Nothing is allocated, except for the path of a Unix address.
//! - Errors are the kernel's, with their `errno`.
//! - A number that is not open is an error (`EBADF`) and does no harm. The caller has to know whose number it is.
//!
//! | To                       | Use                                                                        |
//! |--------------------------|----------------------------------------------------------------------------|
//! | move bytes of a stream   | [`receive`], [`send`], [`send_vectored`]                                   |
//! | move bytes of a pipe     | [`read`], [`write()`], [`write_vectored`]; [`read_when_ready`], [`write_when_ready`] |
//! | send a file              | [`send_file`], [`file_size`], [`set_position`]                             |
//! | move datagrams           | [`receive_from`], [`send_to`], [`DatagramBatch`], [`send_many`]            |
//! | open a connection        | [`connect`]                                                                |
//! | accept a connection      | [`accept`], [`accept_when_ready`]                                          |
//! | ask a socket             | [`local_address`], [`peer_address`], [`pending_error`], [`lingers`]        |
//! | ask a terminal           | [`is_open_terminal`]                                                       |
//! | write an address         | [`ipv6_text`]                                                               |
//! | configure or close one   | [`set_nodelay`], [`shutdown_write`], [`close`]                             |

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use crate::sys::socket::{
    EMPTY_MESSAGE, RECEIVE_FLAGS, SEND_FLAGS, SLICES_PER_CALL, fitted, initialised, transferred,
};

pub use crate::sys::socket::{
    Connect, DATAGRAMS_PER_CALL, DatagramBatch, SENDS_FILES, accept, accept_when_ready, close, connect,
    file_size, ipv6_text, is_open_terminal, lingers, local_address, peer_address, pending_error, read,
    read_when_ready, receive_from, send_file, send_many, send_to, set_nodelay, set_position, shutdown_write,
    write, write_vectored, write_when_ready,
};

/// Receives bytes into `room`, and returns them. No bytes are the end of the stream, or `room` is empty.
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
/// assert_eq!(socket::receive(here.as_raw_fd(), &mut room)?, b"vitok");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The kernel's.
#[inline]
pub fn receive(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    // SAFETY: `room` is as long as the call is told, and outlives it.
    let count =
        transferred(|| unsafe { libc::recv(fd, room.as_mut_ptr().cast(), room.len(), RECEIVE_FLAGS) })?;
    // SAFETY: the kernel has written that many.
    Ok(unsafe { initialised(room, count) })
}

/// Sends as much as the kernel takes, and returns how much that is.
///
/// # Errors
///
/// The kernel's. A peer that has left is `EPIPE`, without a signal.
#[inline]
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `bytes` is as long as the call is told, and outlives it.
    transferred(|| unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), SEND_FLAGS) })
}

/// Sends as much of several slices in order as the kernel takes, and returns how many bytes that is. Slices beyond the
/// first 1024 are left for the next call.
///
/// # Errors
///
/// Those of [`send`].
#[inline]
pub fn send_vectored(fd: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = EMPTY_MESSAGE;
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = fitted(slices.len().min(SLICES_PER_CALL), 0);
    // SAFETY: `IoSlice` has the layout of `iovec`; the slices and their bytes outlive the call, which only reads them.
    transferred(|| unsafe { libc::sendmsg(fd, &raw const message, SEND_FLAGS) })
}
