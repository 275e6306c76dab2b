//! What the calls on sockets have in common: they are repeated after a signal, and they use the same structures. The
//! purpose of each is documented with it.

mod address_text;
mod batch;
mod connect;
mod datagram;
mod file;
mod options;
mod pipe;
mod sock_addr;
mod terminal;

#[cfg(test)]
mod tests;

use std::io;
use std::mem::MaybeUninit;

pub use address_text::ipv6_text;
pub use batch::DatagramBatch;
pub use connect::{Connect, connect, local_address, peer_address, pending_error};
pub use datagram::{DATAGRAMS_PER_CALL, receive_from, send_many, send_to};
pub use file::{SENDS_FILES, file_size, send_file, set_position};
pub use options::{close, lingers, set_nodelay, shutdown_write};
pub use pipe::{accept, accept_when_ready, read, read_when_ready, write, write_vectored, write_when_ready};
pub(crate) use sock_addr::SockAddr;
pub use terminal::is_open_terminal;

/// A read does not wait, whatever mode the descriptor is in: another process may have changed it.
pub(crate) const RECEIVE_FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// Nor does a write, and a write to a peer that has left is an error and not a signal that ends the process.
#[cfg(not(target_os = "macos"))]
pub(crate) const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
/// On macOS, `accept` sets the option against the signal once for each socket.
#[cfg(target_os = "macos")]
pub(crate) const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// The most slices of one vectored call: the kernel's limit (`IOV_MAX`), the same on Linux, macOS and FreeBSD. More are
/// an error.
pub(crate) const SLICES_PER_CALL: usize = 1024;

/// Calls until no signal interrupts the call. A negative result is the error in `errno`.
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

/// Does what [`retried`] does, for calls that return how many bytes they moved.
#[inline]
pub(crate) fn transferred(call: impl FnMut() -> libc::ssize_t) -> io::Result<usize> {
    retried(call).map(isize::cast_unsigned)
}

/// Returns the first `count` bytes of `room`.
///
/// # Safety
///
/// They are initialised: the kernel has just written them. So `count` is at most the length of `room`.
#[inline]
pub(crate) unsafe fn initialised(room: &mut [MaybeUninit<u8>], count: usize) -> &mut [u8] {
    debug_assert!(count <= room.len(), "the kernel was told the length");
    // SAFETY: the caller's promise; an initialised `MaybeUninit<u8>` has the layout of its byte.
    unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), count) }
}

/// Converts the error of a call that may have waited. A signal ends the wait, and its handlers have to run before the
/// next one.
fn interrupted_is_would_block(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted { io::ErrorKind::WouldBlock.into() } else { error }
}

/// Converts a count to the type that the C library of this system has for it, or returns `otherwise` if it does not
/// fit.
#[inline]
pub(crate) fn fitted<T: TryFrom<usize>>(count: usize, otherwise: T) -> T {
    T::try_from(count).unwrap_or(otherwise)
}

/// Converts flags to the type that the C library of this system has for them. None of them is the sign bit.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
pub(crate) fn flags<T: TryFrom<libc::c_int> + Default>(flags: libc::c_int) -> T {
    T::try_from(flags).unwrap_or_default()
}

/// A message without name, bytes or control data. On some systems it has padding without a name, so it can't be written
/// out.
// SAFETY: zero is a value for each field: null pointers and lengths of nothing.
pub(crate) const EMPTY_MESSAGE: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
