//! Datagrams that the kernel has not taken yet, in order, with their size as asyncio counts it.
//!
//! An address is any value here.

use std::collections::{TryReserveError, VecDeque};

/// What each datagram counts for in addition to its bytes: the header of UDP (RFC 768), as in asyncio. Without it a
/// queue of empty datagrams would grow without a limit.
const HEADER: usize = 8;

/// The queue of datagrams to send.
///
/// ```
/// let mut queue = stream::DatagramQueue::new();
/// queue.push(b"hello".to_vec(), "peer")?;
/// assert_eq!(queue.size(), 13);
/// assert_eq!(queue.pop(), Some((b"hello".to_vec(), "peer")));
/// assert_eq!(queue.size(), 0);
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
pub struct DatagramQueue<B, A> {
    waiting: VecDeque<(B, A)>,
    size: usize,
}

impl<B: AsRef<[u8]>, A> DatagramQueue<B, A> {
    /// Creates an empty queue, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: VecDeque::new(), size: 0 }
    }

    /// Returns the number of bytes in the queue, each datagram counted with its header.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a datagram.
    ///
    /// # Errors
    ///
    /// There is not enough memory; the queue is unchanged.
    pub fn push(&mut self, bytes: B, address: A) -> Result<(), TryReserveError> {
        self.waiting.try_reserve(1)?;
        self.size += bytes.as_ref().len() + HEADER;
        self.waiting.push_back((bytes, address));
        Ok(())
    }

    /// Iterates over the datagrams, in order, for one call that sends several.
    pub fn iter(&self) -> impl Iterator<Item = &(B, A)> {
        self.waiting.iter()
    }

    /// Removes the first datagram, which was sent or is given up.
    pub fn pop(&mut self) -> Option<(B, A)> {
        let (bytes, address) = self.waiting.pop_front()?;
        self.size -= bytes.as_ref().len() + HEADER;
        Some((bytes, address))
    }

    /// Puts a datagram back at the front, since it could not be sent yet.
    pub fn put_back(&mut self, bytes: B, address: A) {
        self.size += bytes.as_ref().len() + HEADER;
        self.waiting.push_front((bytes, address));
    }

    /// Removes all datagrams.
    pub fn drain(&mut self) -> Vec<(B, A)> {
        self.size = 0;
        std::mem::take(&mut self.waiting).into()
    }
}

impl<B: AsRef<[u8]>, A> Default for DatagramQueue<B, A> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{DatagramQueue, HEADER};

    #[test]
    fn every_datagram_counts_with_its_header() {
        let mut queue = DatagramQueue::new();
        queue.push(b"".to_vec(), 1).expect("there is memory");
        queue.push(b"abc".to_vec(), 2).expect("there is memory");
        assert_eq!((queue.size(), queue.iter().count()), (2 * HEADER + 3, 2));
        assert_eq!(queue.drain().len(), 2);
        assert!(queue.is_empty() && queue.size() == 0);
    }

    #[test]
    fn what_is_put_back_comes_first_and_counts_again() {
        let mut queue = DatagramQueue::new();
        queue.push(b"one".to_vec(), 1).expect("there is memory");
        queue.push(b"two".to_vec(), 2).expect("there is memory");
        let (bytes, address) = queue.pop().expect("two wait");
        assert_eq!(queue.size(), HEADER + 3);
        queue.put_back(bytes, address);
        assert_eq!(queue.size(), 2 * (HEADER + 3));
        assert_eq!(queue.iter().map(|(_, address)| *address).collect::<Vec<_>>(), [1, 2]);
    }
}
