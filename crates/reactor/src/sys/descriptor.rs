//! Calls on a single descriptor of any kind.

use std::fs::{self, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use super::checked;
use super::socket::SEND_FLAGS;

/// Makes reads and writes return `EAGAIN` where they would block.
pub(crate) fn set_nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    set_blocking(descriptor.as_fd().as_raw_fd(), false)
}

/// Clears or sets `O_NONBLOCK`, for every process that shares the open file.
///
/// # Errors
///
/// The kernel's, `EBADF` for a number that is not open.
pub fn set_blocking(fd: RawFd, blocks: bool) -> io::Result<()> {
    // SAFETY: the command takes no pointer, and the call refuses a number that is not open.
    let before = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let flags = if blocks { before & !libc::O_NONBLOCK } else { before | libc::O_NONBLOCK };
    // SAFETY: as above; the flags are those that the kernel returned, and one that it documents.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFL, flags) })?;
    Ok(())
}

/// Opens the FIFO or terminal behind a descriptor again, to read or to write without blocking. `O_NONBLOCK` belongs to
/// the open file, and other processes that share the first one expect it to block.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] for other files: opening a device again, such as the master of a terminal, may make
/// another one. The kernel's, for example where `/proc` is missing, or the terminal belongs to another user.
pub fn reopen(fd: RawFd, writes: bool) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{fd}");
    let status = fs::metadata(&path)?;
    if !status.file_type().is_fifo() && !is_terminal(&status) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let file = OpenOptions::new()
        .read(!writes)
        .write(writes)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(&path)?;
    Ok(file.into())
}

/// Returns whether a file is the slave of a pseudo-terminal, by its device number.
#[cfg(target_os = "linux")]
fn is_terminal(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    const SLAVES: std::ops::RangeInclusive<u32> = 136..=143;
    status.file_type().is_char_device() && SLAVES.contains(&libc::major(status.rdev()))
}

/// Other systems have other device numbers, and no `/proc/self/fd` to open one by.
#[cfg(not(target_os = "linux"))]
fn is_terminal(_status: &fs::Metadata) -> bool {
    false
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
