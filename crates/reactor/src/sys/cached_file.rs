//! Opens and reads files as far as the kernel need not wait for a disk.
//!
//! A thread that runs a loop can serve such a file itself; the others are for a thread that may wait. Linux knows which
//! are which: a path of which every part is in the cache of names (`RESOLVE_CACHED`, Linux 5.12), and pages that are in
//! memory (`RWF_NOWAIT`, or `cachestat`, Linux 6.5, for file systems without it, such as tmpfs). Elsewhere no file is.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

/// What a path may lead to.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// Any file.
    Anywhere,
    /// A file whose path begins in a folder, also by symbolic links that lead out of it.
    From(BorrowedFd<'a>),
    /// A file below a folder, by no symbolic link: checked by the kernel at each part of the path.
    Below(BorrowedFd<'a>),
}

/// Opens a file to read it, without waiting for the other end of a FIFO or taking over a terminal. `None` if the kernel
/// may have to wait for a disk, or cannot tell.
///
/// ```
/// use reactor::{Reach, open_cached};
/// // Whether or not the kernel can tell, this file does not exist.
/// assert!(!matches!(open_cached(c"/no such file", Reach::Anywhere), Ok(Some(_))));
/// ```
///
/// # Errors
///
/// The kernel's: the file does not exist, or must not be opened. `ELOOP` or `EXDEV` for a path that leads further than it
/// may.
pub fn open_cached(path: &CStr, reach: Reach<'_>) -> io::Result<Option<File>> {
    imp::open(path, reach)
}

/// Reads bytes of a file that are in memory, from an offset on, until `room` is full, and returns them. `None` if some
/// are not in memory, or the kernel cannot tell, or the file ends before.
///
/// # Errors
///
/// The kernel's.
pub fn read_cached<'a>(
    file: &File,
    room: &'a mut [MaybeUninit<u8>],
    offset: u64,
) -> io::Result<Option<&'a mut [u8]>> {
    imp::read(file, room, offset)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use std::ffi::CStr;
    use std::fs::File;
    use std::io;
    use std::mem::{MaybeUninit, size_of};
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use super::Reach;
    use crate::sys::socket::{initialised, transferred};

    /// The number of the system call, which is the same on all architectures that Rust's `libc` knows for Linux.
    const CACHESTAT: libc::c_long = 451;
    const FLAGS: libc::c_int = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;

    /// `struct cachestat_range` of the kernel.
    #[repr(C)]
    struct CacheRange {
        offset: u64,
        length: u64,
    }

    /// `struct cachestat` of the kernel, in pages.
    #[repr(C)]
    #[derive(Default)]
    struct CacheState {
        cached: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }

    pub(super) fn open(path: &CStr, reach: Reach<'_>) -> io::Result<Option<File>> {
        // SAFETY: the structure consists of numbers, for which the kernel asks to be zero where they are not used.
        let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
        how.flags = u64::from(FLAGS.cast_unsigned());
        let below = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
        let (folder, limits) = match reach {
            Reach::Anywhere => (libc::AT_FDCWD, 0),
            Reach::From(folder) => (folder.as_raw_fd(), 0),
            Reach::Below(folder) => (folder.as_raw_fd(), below),
        };
        how.resolve = libc::RESOLVE_CACHED | limits;
        // SAFETY: the path and the structure outlive the call, and the last argument is the size of the structure.
        let opened = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                folder,
                path.as_ptr(),
                &raw const how,
                size_of::<libc::open_how>(),
            )
        };
        match libc::c_int::try_from(opened) {
            // SAFETY: a new descriptor, of which this is the owner.
            Ok(fd) if fd >= 0 => Ok(Some(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))),
            _ => unless_unknown(io::Error::last_os_error()),
        }
    }

    pub(super) fn read<'a>(
        file: &File,
        room: &'a mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<Option<&'a mut [u8]>> {
        let place: libc::c_long =
            offset.try_into().map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        let slice = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        // By number, since glibc has the function from 2.26 on only, and musl from 1.2.5 on. The kernel takes the place in
        // two halves, of which a word holds the first one.
        let call = |flags: libc::c_int| {
            transferred(|| {
                // Whole words, as the kernel reads them.
                let (fd, count, high) = (file.as_raw_fd(), 1_usize, 0 as libc::c_long);
                // SAFETY: one slice of memory that may be written, which outlives the call.
                let result = unsafe {
                    libc::syscall(libc::SYS_preadv2, fd, &raw const slice, count, place, high, flags)
                };
                libc::ssize_t::try_from(result).unwrap_or(-1)
            })
        };
        let count = match call(libc::RWF_NOWAIT) {
            Ok(count) => count,
            Err(error) if is_unsupported(&error) && is_cached(file, offset, room.len()) => call(0)?,
            Err(error) => return unless_unknown(error),
        };
        // SAFETY: the kernel has written so many bytes.
        Ok((count == room.len()).then(|| unsafe { initialised(room, count) }))
    }

    /// Returns whether all pages of a part of a file are in memory.
    fn is_cached(file: &File, offset: u64, length: usize) -> bool {
        let range = CacheRange { offset, length: length as u64 };
        let mut state = CacheState::default();
        // SAFETY: both structures are the kernel's, and outlive the call.
        let result =
            unsafe { libc::syscall(CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut state, 0_u32) };
        // SAFETY: the call takes no pointer.
        let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let (first, end) = (offset / page, (offset + range.length).div_ceil(page));
        result == 0 && state.cached >= end - first
    }

    fn is_unsupported(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL))
    }

    /// Returns no error where the kernel has said that it would have to wait, or where it, or a filter of system calls,
    /// does not know the call.
    fn unless_unknown<T>(error: io::Error) -> io::Result<Option<T>> {
        let is_unknown =
            matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR | libc::EPERM | libc::E2BIG));
        if is_unknown || is_unsupported(&error) { Ok(None) } else { Err(error) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use std::ffi::CStr;
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;

    use super::Reach;

    pub(super) fn open(_path: &CStr, _reach: Reach<'_>) -> io::Result<Option<File>> {
        Ok(None)
    }

    pub(super) fn read<'a>(
        _file: &File,
        _room: &'a mut [MaybeUninit<u8>],
        _offset: u64,
    ) -> io::Result<Option<&'a mut [u8]>> {
        Ok(None)
    }
}
