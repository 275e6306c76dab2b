//! Calls that set or read a property of a descriptor, or close it.

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};

use crate::sys::checked;

/// Sends small writes at once, without waiting until earlier ones are acknowledged (`TCP_NODELAY`).
///
/// # Errors
///
/// The kernel's: the socket is not TCP, or on macOS, its connection is gone.
pub fn set_nodelay(fd: RawFd) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Ends the sending direction: the peer reads what was sent, and then the end.
///
/// # Errors
///
/// The kernel's, `ENOTCONN` among them when the peer has left.
pub fn shutdown_write(fd: RawFd) -> io::Result<()> {
    // SAFETY: the call takes no pointer.
    checked(unsafe { libc::shutdown(fd, libc::SHUT_WR) })?;
    Ok(())
}

/// Returns whether closing a socket waits for its peer for a set time (`SO_LINGER`), even if the socket does not block.
/// An accepted socket inherits the option from its listener.
#[must_use]
pub fn lingers(fd: RawFd) -> bool {
    let mut linger = libc::linger { l_onoff: 0, l_linger: 0 };
    let mut length = LENGTH_OF_LINGER;
    let place = (&raw mut linger).cast();
    // SAFETY: `linger` is as long as `length` says, and both outlive the call.
    let asked =
        checked(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, place, &raw mut length) });
    asked.is_ok() && linger.l_onoff != 0 && linger.l_linger > 0
}

/// Closes a descriptor and returns the result. It is closed in any case, and once.
///
/// Dropping an [`OwnedFd`] whose number was closed elsewhere ends the process where Rust's checks are on, as in a debug
/// build. Python code can close any number; so descriptors that it can reach have to be closed by this call.
///
/// # Errors
///
/// The kernel's: `EBADF` if the number was closed before, or an error of writing back to a device.
pub fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the number was owned here and is given up.
    match checked(unsafe { libc::close(fd.into_raw_fd()) }) {
        Ok(_) => Ok(()),
        // Linux has closed it before it waits for anything, and so have other systems; a repeated call could close
        // another file.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sets what other systems set in the call that makes a socket.
#[cfg(target_os = "macos")]
pub(super) fn set_creation_flags(socket: &OwnedFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use crate::sys::descriptor;

    let fd = socket.as_raw_fd();
    // SAFETY: the command takes no pointer.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    descriptor::set_nonblocking(socket)?;
    match set_option(fd, libc::SOL_SOCKET, libc::SO_NOSIGPIPE, 1) {
        // The peer of an accepted connection has left already. The next read finds that out.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}

/// Reads an option that is a number.
pub(super) fn option(fd: RawFd, level: libc::c_int, option: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = LENGTH_OF_NUMBER;
    // SAFETY: `value` is as long as `length` says, and both outlive the call.
    checked(unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &raw mut length) })?;
    Ok(value)
}

fn set_option(fd: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: `value` is as long as the call is told, and outlives it.
    checked(unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), LENGTH_OF_NUMBER) })?;
    Ok(())
}

#[allow(clippy::cast_possible_truncation, reason = "two numbers have eight bytes")]
const LENGTH_OF_LINGER: libc::socklen_t = size_of::<libc::linger>() as libc::socklen_t;

#[allow(clippy::cast_possible_truncation, reason = "a number has four bytes")]
const LENGTH_OF_NUMBER: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
