//! Receives several datagrams with one call, where the kernel has one (`recvmmsg`), and one call each elsewhere.
//!
//! A batch has room for a number of datagrams of some size, and each call fills it anew.

use std::collections::TryReserveError;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::slice;

use super::{DATAGRAMS_PER_CALL, EMPTY_MESSAGE, SockAddr};
use crate::Address;

/// Datagrams that were received together.
///
/// The room is allocated when it is first used. The kernel provides memory only for those pages that a datagram has
/// reached, so a generous size costs address space and nothing else.
///
/// ```
/// use reactor::socket::DatagramBatch;
/// use std::os::fd::AsRawFd;
/// use std::os::unix::net::UnixDatagram;
///
/// let (here, there) = UnixDatagram::pair()?;
/// here.send(b"one")?;
/// here.send(b"another")?;
/// let mut batch = DatagramBatch::new(8, 4);
/// assert_eq!(batch.receive(there.as_raw_fd())?, 2);
/// assert_eq!(batch.datagram(0).0, b"one");
/// assert_eq!(batch.datagram(1).0, b"anot");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DatagramBatch {
    /// The number of datagrams to have room for.
    count: usize,
    /// The bytes for each.
    size: usize,
    /// The room, `size` bytes for each of `recv_slots`; both are empty until the first use.
    bytes: Box<[MaybeUninit<u8>]>,
    recv_slots: Box<[RecvSlot]>,
    /// How many of `recv_slots` the last call has filled in.
    received: usize,
    /// An error after datagrams that the last call returned, for the next call to return.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    put_off: Option<io::Error>,
}

/// What is known of a datagram besides its bytes.
#[derive(Clone, Copy)]
struct RecvSlot {
    from: SockAddr,
    length: usize,
}

impl DatagramBatch {
    /// Creates a batch for `count` datagrams of `size` bytes: at least one of one byte, at most [`DATAGRAMS_PER_CALL`].
    #[must_use]
    pub fn new(count: usize, size: usize) -> Self {
        Self {
            count: count.clamp(1, DATAGRAMS_PER_CALL),
            size: size.max(1),
            bytes: Box::default(),
            recv_slots: Box::default(),
            received: 0,
            #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
            put_off: None,
        }
    }

    /// Receives as many datagrams as there are and fit, and returns their number: at least one. Those of an earlier
    /// call are gone.
    ///
    /// # Errors
    ///
    /// The kernel's: [`io::ErrorKind::WouldBlock`] if there are none, and errors of datagrams sent before. If something
    /// was received first, the next call returns the error.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let way = Self::receive_together;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let way = Self::receive_each;
        self.receive_by(way, fd)
    }

    /// Receives in one of the two ways below.
    #[inline]
    pub(super) fn receive_by(
        &mut self,
        way: impl FnOnce(&mut Self, RawFd) -> io::Result<usize>,
        fd: RawFd,
    ) -> io::Result<usize> {
        self.received = 0;
        self.prepare().map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.received = way(self, fd)?;
        Ok(self.received)
    }

    /// Returns a datagram of the last call, and its sender.
    ///
    /// # Panics
    ///
    /// The index is not below the number that the last call returned.
    #[must_use]
    pub fn datagram(&self, index: usize) -> (&[u8], Address) {
        let RecvSlot { from, length } = &self.recv_slots[..self.received][index];
        let bytes = &self.bytes[index * self.size..][..*length];
        // SAFETY: the kernel has filled in `length` bytes from there on, and they are borrowed from the batch.
        let bytes = unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) };
        (bytes, from.address())
    }

    /// Allocates the room for datagrams; otherwise the first call that receives does it.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub fn prepare(&mut self) -> Result<(), TryReserveError> {
        if self.recv_slots.is_empty() {
            let nothing = RecvSlot { from: SockAddr::ROOM, length: 0 };
            let size = self.count.saturating_mul(self.size);
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(size)?;
            bytes.resize(size, MaybeUninit::uninit());
            self.bytes = bytes.into();
            self.recv_slots = vec![nothing; self.count].into();
        }
        Ok(())
    }

    /// Receives with `recvmmsg`, which never waits here, even if the descriptor blocks: it would wait for as many
    /// datagrams as there is room for.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn receive_together(&mut self, fd: RawFd) -> io::Result<usize> {
        let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; DATAGRAMS_PER_CALL];
        let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; DATAGRAMS_PER_CALL];
        let mut count: libc::c_uint = 0;
        for ((slot, room), (slice, message)) in self
            .recv_slots
            .iter_mut()
            .zip(self.bytes.chunks_exact_mut(self.size))
            .zip(slices.iter_mut().zip(&mut messages))
        {
            let msg_hdr = slot.header(slice.write(slice_of(room)));
            message.write(libc::mmsghdr { msg_hdr, msg_len: 0 });
            count += 1;
        }
        let (first, flags) = (messages.as_mut_ptr().cast(), super::flags(libc::MSG_DONTWAIT));
        let received = super::retried(|| {
            // SAFETY: the first `count` headers were written above; what they point to outlives the call, and is not
            // used meanwhile. There is no time limit to point to.
            unsafe { libc::recvmmsg(fd, first, count, flags, std::ptr::null_mut()) }
        })?;
        let received = usize::try_from(received).unwrap_or_default();
        for (slot, message) in self.recv_slots.iter_mut().zip(&messages).take(received) {
            // SAFETY: the first `count` were written above, and the kernel has filled in no more than that.
            let message = unsafe { message.assume_init_ref() };
            slot.record(&message.msg_hdr, message.msg_len as usize);
        }
        Ok(received)
    }

    /// Receives with `recvmsg` until there are no more datagrams or the room is full.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    pub(super) fn receive_each(&mut self, fd: RawFd) -> io::Result<usize> {
        if let Some(error) = self.put_off.take() {
            return Err(error);
        }
        let rooms = self.bytes.chunks_exact_mut(self.size);
        for (received, (slot, room)) in self.recv_slots.iter_mut().zip(rooms).enumerate() {
            let mut slice = slice_of(room);
            let mut header = slot.header(&mut slice);
            // SAFETY: the header was filled in above; what it points to outlives the call.
            let result =
                super::transferred(|| unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_DONTWAIT) });
            match result {
                Ok(length) => slot.record(&header, length),
                Err(error) if received == 0 => return Err(error),
                Err(error) => {
                    self.put_off = Some(error).filter(|error| error.kind() != io::ErrorKind::WouldBlock);
                    return Ok(received);
                }
            }
        }
        Ok(self.recv_slots.len())
    }
}

/// The bytes are left out, of which there may be megabytes.
impl fmt::Debug for DatagramBatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, size, received, .. } = self;
        write!(formatter, "DatagramBatch({received} received, room for {count} of {size} bytes)")
    }
}

impl RecvSlot {
    /// Returns a header for a call that receives a datagram into this room, with its sender.
    #[inline]
    fn header(&mut self, room: &mut libc::iovec) -> libc::msghdr {
        let (name, _) = self.from.as_mut_ptrs();
        let mut header = EMPTY_MESSAGE;
        header.msg_name = name.cast();
        header.msg_namelen = SockAddr::ROOM.length();
        header.msg_iov = room;
        header.msg_iovlen = 1;
        header
    }

    /// Stores what the kernel wrote into the header.
    #[inline]
    fn record(&mut self, header: &libc::msghdr, length: usize) {
        self.from.set_length(header.msg_namelen);
        self.length = length;
    }
}

/// Returns the room in the kernel's layout.
#[inline]
fn slice_of(room: &mut [MaybeUninit<u8>]) -> libc::iovec {
    libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn nothing_is_allocated_before_the_first_use() {
        let mut batch = DatagramBatch::new(4, 1 << 16);
        assert!(batch.bytes.is_empty() && batch.recv_slots.is_empty());
        let (here, _there) = UnixDatagram::pair().unwrap();
        assert_eq!(batch.receive(here.as_raw_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!((batch.bytes.len(), batch.recv_slots.len()), (4 << 16, 4));
    }

    #[test]
    fn there_is_always_room_for_something_and_never_for_more_than_one_call_takes() {
        assert_eq!(DatagramBatch::new(0, 0).count, 1);
        assert_eq!(DatagramBatch::new(0, 0).size, 1);
        assert_eq!(DatagramBatch::new(usize::MAX, 1).count, DATAGRAMS_PER_CALL);
    }

    #[test]
    fn an_error_that_was_put_off_is_told_once() {
        let (here, there) = UnixDatagram::pair().unwrap();
        there.send(b"x").unwrap();
        let mut batch = DatagramBatch::new(4, 16);
        batch.put_off = Some(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        let error = batch.receive_by(DatagramBatch::receive_each, here.as_raw_fd()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        assert_eq!(batch.receive_by(DatagramBatch::receive_each, here.as_raw_fd()).unwrap(), 1);
    }
}
