//! Opens and accepts connections, and reads addresses and errors of sockets: `socket`, `connect`, `accept`,
//! `getsockname`, `getpeername`, `SO_ERROR`.
//!
//! The callers decide when to make a call, and interpret its errors.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

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

/// The state of a connection right after it was requested.
#[derive(Debug)]
pub enum Connect {
    /// The peer has accepted it. Its address is the one that the kernel reports.
    Done(Address),
    /// The socket becomes writable when the connection is made or has failed; [`pending_error`] is the result then.
    Pending,
}

/// Opens a stream socket that does not block, and requests a connection to the address.
///
/// On Linux, `connect(2)` to an address of this machine returns `EINPROGRESS` although the connection is made by then;
/// the address of the peer shows that it is.
///
/// # Errors
///
/// The kernel's, and those of [`Address::check`].
pub fn connect(address: &Address) -> io::Result<(OwnedFd, Connect)> {
    let name = SockAddr::of(address)?;
    let (family, protocol) = match address {
        Address::V4 { .. } => (libc::AF_INET, libc::IPPROTO_TCP),
        Address::V6 { .. } => (libc::AF_INET6, libc::IPPROTO_TCP),
        Address::Unix(_) => (libc::AF_UNIX, 0),
        Address::Other { family } => (*family, 0),
    };
    let socket = opened(family, protocol)?;
    // SAFETY: `name` is as long as its length says, and outlives the call.
    let requested = checked(unsafe { libc::connect(socket.as_raw_fd(), name.as_ptr(), name.length()) });
    match requested {
        Ok(_) => {}
        // After a signal the request goes on, as after `EINPROGRESS`: connect(2) of POSIX.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {}
        Err(error) => return Err(error),
    }
    let state = peer_address(socket.as_raw_fd()).map_or(Connect::Pending, Connect::Done);
    Ok((socket, state))
}

#[cfg(not(target_os = "macos"))]
fn opened(family: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes no pointer.
    let fd = checked(unsafe { libc::socket(family, kind, protocol) })?;
    // SAFETY: the kernel has just opened it, so it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(target_os = "macos")]
fn opened(family: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointer.
    let fd = checked(unsafe { libc::socket(family, libc::SOCK_STREAM, protocol) })?;
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
