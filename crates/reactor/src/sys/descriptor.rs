//! Calls on a single descriptor of any kind.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use super::checked;
use super::socket::SEND_FLAGS;

/// Makes reads and writes return `EAGAIN` where they would block.
pub(crate) fn set_nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    let fd = descriptor.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed, hence open; the command takes no pointer.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    // SAFETY: as above; the flags are those that the kernel returned, and one that it documents.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// Returns the device and inode of the open file, or `None` if the descriptor is not open. The number alone may have
/// been reused.
#[must_use]
pub fn file_behind(fd: RawFd) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to the place that it is given, and refuses a number that is not open.
    checked(unsafe { libc::fstat(fd, status.as_mut_ptr()) }).ok()?;
    // SAFETY: the call succeeded, so it has filled the place.
    let status = unsafe { status.assume_init() };
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        reason = "the types differ from system to system; only equality counts"
    )]
    Some((status.st_dev as u64, status.st_ino as u64))
}

/// Writes a few bytes to a descriptor, as far as that needs no waiting, even if the descriptor blocks. A reader that
/// has left, a full buffer and a number that is not open are ignored.
pub fn offer(fd: RawFd, bytes: &[u8]) {
    for byte in bytes {
        if !offer_one(fd, *byte) {
            return;
        }
    }
}

fn offer_one(fd: RawFd, byte: u8) -> bool {
    let place = (&raw const byte).cast();
    // SAFETY: one byte that outlives the call, which does not wait.
    let sent = checked(unsafe { libc::send(fd, place, 1, SEND_FLAGS) }.try_into().unwrap_or(-1));
    match sent {
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {}
        sent => return sent.is_ok(),
    }
    let mut place_to_look = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry that outlives the call, which does not wait.
    let ready = checked(unsafe { libc::poll(&raw mut place_to_look, 1, 0) });
    if !matches!(ready, Ok(1)) || place_to_look.revents != libc::POLLOUT {
        return false;
    }
    // SAFETY: as above; there is room, so the call does not wait either.
    let written = unsafe { libc::write(fd, place, 1) };
    written == 1
}
