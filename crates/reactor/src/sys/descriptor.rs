//! What is asked of a single descriptor, whatever stands behind it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

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
