//! Datagrams, one by one and several to a call: `recvfrom`, `sendto`, `sendmmsg`.
//!
//! Several are received in `batch`. A datagram goes or comes whole, so nothing here tells of parts of one.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::{RECEIVE_FLAGS, SEND_FLAGS, SockAddr, transferred};
use crate::Address;

/// How many datagrams one call takes at most, in either direction. Entering the kernel costs a tenth of what
/// it does for a datagram on loopback (90 ns of 850), so at 32 that is less than a hundredth; more would gain
/// nothing and hold up the loop for longer than 30 µs. The headers of 32 take 7 KiB of stack. libuv takes 20.
pub const DATAGRAMS_PER_CALL: usize = 32;

/// Receives one datagram, and says who sent it. What does not fit into `room` is lost.
///
/// # Errors
///
/// The kernel's: [`io::ErrorKind::WouldBlock`] when none is there, and what became of those that were sent
/// before.
#[inline]
pub fn receive_from(fd: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Address)> {
    let mut name = SockAddr::ROOM;
    let (name_room, name_length) = name.as_mut_ptrs();
    let count = transferred(|| {
        // SAFETY: both rooms are as long as the call is told, and outlive it.
        unsafe {
            libc::recvfrom(fd, room.as_mut_ptr().cast(), room.len(), RECEIVE_FLAGS, name_room, name_length)
        }
    })?;
    Ok((count, name.address()))
}

/// Sends one datagram, to the peer that the socket is connected to if no address is given.
///
/// # Errors
///
/// The kernel's: [`io::ErrorKind::WouldBlock`] when there is no room for it, `EMSGSIZE` when there never will
/// be, and what became of those that were sent before. [`io::ErrorKind::InvalidInput`] as of
/// [`Address::to_storage`].
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

/// Sends several datagrams, each to its own address, and returns how many the kernel took, counted from the
/// first: at most [`DATAGRAMS_PER_CALL`]. What stopped it before that, the next call says, which begins with
/// the datagram that was not taken; but the kernel tells only once what became of an earlier one, and then
/// this is not heard of.
///
/// # Errors
///
/// As of [`send_to`], if the first datagram was not taken.
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
    // SAFETY: the first `count` headers were written above; names, slices and bytes that they point to
    // outlive the call.
    let taken = super::retried(|| unsafe { libc::sendmmsg(fd, first, count, flags) })?;
    Ok(usize::try_from(taken).unwrap_or_default())
}

/// A header that is addressed, with the address in `name`.
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

/// Bytes, as the kernel takes them. It only reads them.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn slice_of(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Sends several datagrams one by one, and returns how many the kernel took, counted from the first: at most
/// [`DATAGRAMS_PER_CALL`]. What stopped it before that, the next call says, which begins with the datagram
/// that was not taken; but the kernel tells only once what became of an earlier one, and then this is not
/// heard of.
///
/// # Errors
///
/// As of [`send_to`], if the first datagram was not taken.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_many(fd: RawFd, datagrams: &[(&[u8], Option<&Address>)]) -> io::Result<usize> {
    send_each(fd, datagrams)
}

/// What [`send_many`] does where the kernel has no call for it.
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
