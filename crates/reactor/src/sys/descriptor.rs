//! What is asked of a single descriptor, whatever stands behind it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use super::checked;

/// Makes reads and writes return `EAGAIN` where they would block.
pub(crate) fn set_nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    let fd = descriptor.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed, hence open; the command takes no pointer.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    // SAFETY: as above; the flags are the ones that the kernel gave, and one that it documents.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// The device and inode of the file that a descriptor stands for, `None` where it is not open: a number alone may have
/// been used again.
#[must_use]
pub fn file_behind(fd: RawFd) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to the place that it is given, and refuses a number that is not open.
    checked(unsafe { libc::fstat(fd, status.as_mut_ptr()) }).ok()?;
    // SAFETY: the call succeeded, so it has filled the place.
    let status = unsafe { status.assume_init() };
    #[expect(clippy::unnecessary_cast, reason = "both have other types on other systems")]
    Some((status.st_dev as u64, status.st_ino as u64))
}
