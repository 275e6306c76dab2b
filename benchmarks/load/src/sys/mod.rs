//! System calls for which the standard library has no function. The only unsafe code of this crate is in this folder.

pub(crate) mod clock;
pub(crate) mod datagrams;
pub(crate) mod epoll;
pub(crate) mod limits;
pub(crate) mod socket;

use std::io;

/// Converts the result of a call that returns `-1` and sets errno.
#[inline]
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Converts the result of a call that returns a count, or `-1`.
#[inline]
fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Returns the length of a C structure as the socket calls take it. All of them are shorter than a page.
#[expect(clippy::cast_possible_truncation, reason = "no structure of these calls is longer than a page")]
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
