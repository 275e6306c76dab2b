//! The system calls that the standard library has no function for. The only unsafe code of this crate is in
//! this folder.

pub(crate) mod clock;
pub(crate) mod datagrams;
pub(crate) mod epoll;
pub(crate) mod limits;
pub(crate) mod socket;

use std::io;

/// The result of a call that says `-1` and sets errno.
#[inline]
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The result of a call that says how much it did, or `-1`.
#[inline]
fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The length of a C structure as the socket calls take it. All of them are shorter than a page.
#[expect(clippy::cast_possible_truncation, reason = "no structure of these calls is longer than a page")]
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
