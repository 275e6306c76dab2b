//! Sends bytes of a file over a socket within the kernel.
//!
//! Reading the file may wait for a disk, so these calls are to be made with no lock held.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use crate::sys::checked;

/// Whether [`send_file`] works on this system.
pub const SENDS_FILES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The most bytes of one call: the kernel's limit (`MAX_RW_COUNT` on Linux). A larger number may be an error.
const BYTES_PER_CALL: usize = 0x7FFF_F000;

/// Sends at most `count` bytes of a file from `offset` on, and returns how many the kernel took; none at the end of the
/// file. The position of the file does not matter and does not change.
///
/// The mode of the socket decides whether the call waits, as there is no `MSG_DONTWAIT`.
///
/// # Errors
///
/// The kernel's: `EINVAL` for a file that it cannot send, such as a pipe. A signal is [`io::ErrorKind::Interrupted`].
/// [`io::ErrorKind::Unsupported`] unless [`SENDS_FILES`].
pub fn send_file(fd: RawFd, file: RawFd, offset: u64, count: u64) -> io::Result<usize> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    sent(fd, file, place(offset)?, count.min(BYTES_PER_CALL))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sent(fd: RawFd, file: RawFd, mut place: libc::off_t, count: usize) -> io::Result<usize> {
    // SAFETY: the place outlives the call.
    let sent = unsafe { libc::sendfile(fd, file, &raw mut place, count) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sent(_fd: RawFd, _file: RawFd, _place: libc::off_t, _count: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the size that the kernel gives for a file, which is 0 for one that has none.
///
/// # Errors
///
/// The kernel's.
pub fn file_size(file: RawFd) -> io::Result<u64> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes to the place that it is given.
    checked(unsafe { libc::fstat(file, status.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has filled the place.
    let status = unsafe { status.assume_init() };
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

/// Sets the position of a file.
///
/// # Errors
///
/// The kernel's: `ESPIPE` for a file that has no position.
pub fn set_position(file: RawFd, offset: u64) -> io::Result<()> {
    // SAFETY: the call takes no pointer.
    match unsafe { libc::lseek(file, place(offset)?, libc::SEEK_SET) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn place(offset: u64) -> io::Result<libc::off_t> {
    offset.try_into().map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))
}
