//! Receives and sends datagrams, one or several per call: `recvfrom`, `sendto`, `sendmmsg`.
//!
//! `batch` receives several. A datagram is sent or received whole, so no call reports a part of one.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::{RECEIVE_FLAGS, SEND_FLAGS, SockAddr, initialised, transferred};
use crate::Address;

/// The most datagrams of one call, in either direction. Entering the kernel takes a tenth of the time of a datagram on
/// loopback (90 ns of 850), so with 32 that is less than a hundredth; more would gain nothing and keep the loop for
/// longer than 30 µs. The headers of 32 take 7 KiB of stack. libuv takes 20.
pub const DATAGRAMS_PER_CALL: usize = 32;

/// Receives one datagram, and returns it and its sender. Bytes that do not fit into `room` are lost.
///
/// # Errors
///
/// The kernel's: [`io::ErrorKind::WouldBlock`] if there is none, and errors of datagrams sent before.
#[inline]
pub fn receive_from(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<(&mut [u8], Address)> {
    let mut name = SockAddr::ROOM;
    let (name_room, name_length) = name.as_mut_ptrs();
    let count = transferred(|| {
        // SAFETY: both rooms are as long as the call is told, and outlive it.
        unsafe {
            libc::recvfrom(fd, room.as_mut_ptr().cast(), room.len(), RECEIVE_FLAGS, name_room, name_length)
        }
    })?;
    // SAFETY: the kernel has written that many.
    Ok((unsafe { initialised(room, count) }, name.address()))
}

/// Sends one datagram, to the peer that the socket is connected to if no address is given.
///
/// # Errors
///
/// The kernel's: [`io::ErrorKind::WouldBlock`] if there is no room for it, `EMSGSIZE` if there never will be, and
/// errors of datagrams sent before. [`io::ErrorKind::InvalidInput`] as in [`Address::check`].
#[inline]
pub fn send_to(fd: RawFd, bytes: &[u8], to: Option<&Address>) -> io::Result<usize> {
    let Some(to) = to else { return crate::socket::send(fd, bytes) };
    let name = SockAddr::of(to)?;
    transferred(|| {
        let (start, length) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: bytes and name are as long as the call is told, and outlive it.
        unsafe { libc::sendto(fd, start, length, SEND_FLAGS, name.as_ptr(), name.length()) }
    })
}

/// Sends several datagrams, each to its own address, and returns how many of the first ones the kernel took: at most
/// [`DATAGRAMS_PER_CALL`]. The next call, which begins with the datagram that was not taken, returns the error that
/// stopped this one; but the kernel reports an error of an earlier datagram only once, and that error is lost here.
///
/// # Errors
///
/// Those of [`send_to`], if the first datagram was not taken.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn send_many(fd: RawFd, datagrams: &[(&[u8], Option<&Address>)]) -> io::Result<usize> {
    let mut names = [const { MaybeUninit::<SockAddr>::uninit() }; DATAGRAMS_PER_CALL];
    let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; DATAGRAMS_PER_CALL];
    let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; DATAGRAMS_PER_CALL];
    let mut count: libc::c_uint = 0;
    for (&(bytes, to), ((name, slice), message)) in
        datagrams.iter().zip(names.iter_mut().zip(&mut slices).zip(&mut messages))
    {
        let mut msg_hdr = match addressed(to, name) {
            Ok(header) => header,
            // An address that can't be used ends the batch; it is reported when it is the first.
            Err(error) if count == 0 => return Err(error),
            Err(_) => break,
        };
        msg_hdr.msg_iov = slice.write(slice_of(bytes));
        msg_hdr.msg_iovlen = 1;
        message.write(libc::mmsghdr { msg_hdr, msg_len: 0 });
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    let first = messages.as_mut_ptr().cast();
    let flags = super::flags(SEND_FLAGS);
    // SAFETY: the first `count` headers were written above; names, slices and bytes that they point to outlive the
    // call.
    let taken = super::retried(|| unsafe { libc::sendmmsg(fd, first, count, flags) })?;
    Ok(usize::try_from(taken).unwrap_or_default())
}

/// Returns a header with its address, which is stored in `name`.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn addressed(to: Option<&Address>, name: &mut MaybeUninit<SockAddr>) -> io::Result<libc::msghdr> {
    let mut header = super::EMPTY_MESSAGE;
    if let Some(to) = to {
        let name = name.write(SockAddr::of(to)?);
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.length();
    }
    Ok(header)
}

/// Returns bytes in the kernel's layout. The kernel only reads them.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn slice_of(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Sends several datagrams one by one, and returns how many of the first ones the kernel took: at most
/// [`DATAGRAMS_PER_CALL`]. The next call, which begins with the datagram that was not taken, returns the error that
/// stopped this one; but the kernel reports an error of an earlier datagram only once, and that error is lost here.
///
/// # Errors
///
/// Those of [`send_to`], if the first datagram was not taken.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_many(fd: RawFd, datagrams: &[(&[u8], Option<&Address>)]) -> io::Result<usize> {
    send_each(fd, datagrams)
}

/// Implements [`send_many`] where the kernel has no call for it.
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
pub(super) fn send_each(fd: RawFd, datagrams: &[(&[u8], Option<&Address>)]) -> io::Result<usize> {
    for (taken, (bytes, to)) in datagrams.iter().take(DATAGRAMS_PER_CALL).enumerate() {
        match send_to(fd, bytes, *to) {
            Ok(_) => {}
            Err(error) if taken == 0 => return Err(error),
            Err(_) => return Ok(taken),
        }
    }
    Ok(datagrams.len().min(DATAGRAMS_PER_CALL))
}
