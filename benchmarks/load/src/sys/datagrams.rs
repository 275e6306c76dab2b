//! Many datagrams in one call: `recvmmsg` and `sendmmsg` over one set of buffers, so that received datagrams are sent
//! back as they are.

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

use super::{checked, length_of};

/// Datagrams per call. The row with the most sockets has 100, each with one under way; more than 64 gain nothing.
const BATCH: usize = 64;
/// The longest datagram that IPv4 carries, rounded up.
const ROOM_BYTES: usize = 1 << 16;
/// Without waiting. musl declares the flags of these calls without a sign.
#[cfg(not(target_env = "musl"))]
const NOW: libc::c_int = libc::MSG_DONTWAIT;
#[cfg(target_env = "musl")]
const NOW: libc::c_uint = libc::MSG_DONTWAIT.cast_unsigned();

/// Buffers, names and the headers that point at both. The three never move, as the headers contain their addresses.
pub(crate) struct Datagrams {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    _names: Box<[libc::sockaddr_in]>,
    _buffer: Box<[u8]>,
    /// The datagrams that were received and are not sent yet.
    held: usize,
}

impl Datagrams {
    pub(crate) fn new() -> Self {
        let mut buffer = vec![0; BATCH * ROOM_BYTES].into_boxed_slice();
        // SAFETY: an address of zeros is a valid value, and the kernel fills it in.
        let mut names = vec![unsafe { mem::zeroed::<libc::sockaddr_in>() }; BATCH].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffer
            .chunks_exact_mut(ROOM_BYTES)
            .map(|room| libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: ROOM_BYTES })
            .collect();
        let headers =
            names.iter_mut().zip(&mut vectors).map(|(name, vector)| header_for(name, vector)).collect();
        Self { headers, vectors, _names: names, _buffer: buffer, held: 0 }
    }

    /// Receives available datagrams, up to a batch. `WouldBlock` if there are none.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for (header, vector) in self.headers.iter_mut().zip(&mut self.vectors) {
            vector.iov_len = ROOM_BYTES;
            header.msg_hdr.msg_namelen = length_of::<libc::sockaddr_in>();
        }
        let room = libc::c_uint::try_from(BATCH).unwrap_or_default();
        // SAFETY: there are `room` headers; what they point at is as long as they say and lives as long as `self`.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), room, NOW, ptr::null_mut())
        };
        self.held = usize::try_from(checked(count)?).unwrap_or_default();
        for (header, vector) in self.headers.iter().zip(&mut self.vectors).take(self.held) {
            vector.iov_len = header.msg_len as usize;
        }
        Ok(self.held)
    }

    /// Sends back what was received last. Datagrams that the kernel has no room for are lost, as datagrams are.
    pub(crate) fn send_back(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let count = libc::c_uint::try_from(mem::take(&mut self.held)).unwrap_or_default();
        // SAFETY: the first `count` headers point at received datagrams: buffers of that length, and their senders.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, NOW) };
        checked(sent).map(drop)
    }
}

fn header_for(name: &mut libc::sockaddr_in, vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a header of zeros has no name, no buffer and no control data; on some systems it has padding without a
    // name, so it can't be written field by field.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = ptr::from_mut(name).cast();
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}
