//! What the calls on sockets have in common: they are repeated when a signal ends them, and they fill in the
//! same structures. What each call is for stands at the call.

mod batch;
mod connect;
mod datagram;
mod options;
mod pipe;
mod sock_addr;

#[cfg(test)]
mod tests;

use std::io;
use std::mem::MaybeUninit;

pub use batch::DatagramBatch;
pub use connect::{connect, local_address, peer_address, pending_error, stream_for};
pub use datagram::{DATAGRAMS_PER_CALL, receive_from, send_many, send_to};
pub use options::{close, lingers, set_nodelay, set_nonblocking, shutdown_write};
pub use pipe::{accept, accept_when_ready, read, read_when_ready, write, write_vectored, write_when_ready};
pub(crate) use sock_addr::SockAddr;

/// A read does not wait, whatever the descriptor is set to: somebody else may have set it.
pub(crate) const RECEIVE_FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// Nor does a write, and one to a peer that has left is an error and not a signal that ends the process.
#[cfg(not(target_os = "macos"))]
pub(crate) const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
/// macOS asks for that once for each socket; `accept` and `stream_for` do.
#[cfg(target_os = "macos")]
pub(crate) const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// How many slices one vectored call takes: the kernel's bound (`IOV_MAX`), the same on Linux, macOS and
/// FreeBSD. More are an error to it.
pub(crate) const SLICES_PER_CALL: usize = 1024;

/// Calls until no signal gets in between. Less than zero is the error that `errno` holds.
#[inline]
pub(crate) fn retried<T: PartialOrd + Default>(mut call: impl FnMut() -> T) -> io::Result<T> {
    loop {
        let result = call();
        if result >= T::default() {
            return Ok(result);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// As [`retried`], for calls that return how many bytes they moved.
#[inline]
pub(crate) fn transferred(call: impl FnMut() -> libc::ssize_t) -> io::Result<usize> {
    retried(call).map(isize::cast_unsigned)
}

/// The error of a call that may have waited. A signal ends the wait, and its handlers have to run before there is another.
fn interrupted_is_would_block(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted { io::ErrorKind::WouldBlock.into() } else { error }
}

/// A count in whatever type the C library of this system has for it, or something else if it can't hold it.
#[inline]
pub(crate) fn fitted<T: TryFrom<usize>>(count: usize, otherwise: T) -> T {
    T::try_from(count).unwrap_or(otherwise)
}

/// Flags in whatever type the C library of this system has for them. None of them is the sign bit.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
pub(crate) fn flags<T: TryFrom<libc::c_int> + Default>(flags: libc::c_int) -> T {
    T::try_from(flags).unwrap_or_default()
}

/// A message without name, bytes or control data. Some systems have padding in it that has no name to be
/// filled in by.
// SAFETY: zero is a value for each field: null pointers and lengths of nothing.
pub(crate) const EMPTY_MESSAGE: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
