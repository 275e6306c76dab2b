//! Accepts connections, and reads addresses and errors of sockets: `accept`, `getsockname`, `getpeername`, `SO_ERROR`.
//!
//! The callers decide when to make a call, and interpret its errors.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::options::option;
use super::{SockAddr, interrupted_is_would_block};
use crate::Address;
use crate::sys::checked;

/// Takes the next connection out of a listener's queue, and waits for one if the listener blocks; a signal ends that
/// with [`io::ErrorKind::WouldBlock`].
#[inline]
pub(super) fn accept(listener: RawFd) -> io::Result<(OwnedFd, Address)> {
    let mut name = SockAddr::ROOM;
    let connection = accepted(listener, &mut name)?;
    Ok((connection, name.address()))
}

#[cfg(not(target_os = "macos"))]
fn accepted(listener: RawFd, name: &mut SockAddr) -> io::Result<OwnedFd> {
    let (room, length) = name.as_mut_ptrs();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `room` is as long as `length` says, and both outlive the call.
    let fd = checked(unsafe { libc::accept4(listener, room, length, flags) })
        .map_err(interrupted_is_would_block)?;
    // SAFETY: the kernel has just opened it, so it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(target_os = "macos")]
fn accepted(listener: RawFd, name: &mut SockAddr) -> io::Result<OwnedFd> {
    let (room, length) = name.as_mut_ptrs();
    // SAFETY: `room` is as long as `length` says, and both outlive the call.
    let fd = checked(unsafe { libc::accept(listener, room, length) }).map_err(interrupted_is_would_block)?;
    // SAFETY: the kernel has just opened it, so it has no other owner.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    super::options::set_creation_flags(&socket)?;
    Ok(socket)
}

/// Returns the error of this socket since the last call (`SO_ERROR`), and clears it.
///
/// # Errors
///
/// The kernel's, if the descriptor is closed or not a socket.
pub fn pending_error(fd: RawFd) -> io::Result<Option<io::Error>> {
    let number = option(fd, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok((number != 0).then(|| io::Error::from_raw_os_error(number)))
}

/// Returns the address that a socket is bound to.
///
/// # Errors
///
/// The kernel's.
pub fn local_address(fd: RawFd) -> io::Result<Address> {
    asked(fd, libc::getsockname)
}

/// Returns the address that a socket is connected to.
///
/// # Errors
///
/// The kernel's, `ENOTCONN` among them.
pub fn peer_address(fd: RawFd) -> io::Result<Address> {
    asked(fd, libc::getpeername)
}

/// Either of the two calls that return an address.
type Ask = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn asked(fd: RawFd, ask: Ask) -> io::Result<Address> {
    let mut name = SockAddr::ROOM;
    let (room, length) = name.as_mut_ptrs();
    // SAFETY: `room` is as long as `length` says, and both outlive the call.
    checked(unsafe { ask(fd, room, length) })?;
    Ok(name.address())
}
