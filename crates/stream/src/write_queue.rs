//! The bytes that are still to be sent: pieces in order, sent from the front, several in one vectored call.
//!
//! A piece is kept as it is (shared) or copied behind others (gathered): a sequence of small writes becomes one piece,
//! a large one is not copied at all. The first piece has a place of its own, so that a stream which writes one piece
//! per turn allocates nothing. A piece is anything that has bytes.

use std::collections::{TryReserveError, VecDeque};
use std::io::IoSlice;

/// A shared piece of at least this length is queued behind others without being copied. Copying 1 KiB costs about as
/// much as the kernel spends on an entry of a vectored call.
const LONG: usize = 1024;

/// The most bytes gathered in one piece: what a loopback socket accepts at once, and a limit on the size of one
/// allocation.
const GATHERED_AT_MOST: usize = 64 * 1024;

/// The initial capacity of a gathered piece: a page holds the small writes of nearly every turn.
const GATHERED_AT_FIRST: usize = 4 * 1024;

enum Piece<B> {
    Shared(B),
    Gathered(Vec<u8>),
}

impl<B: AsRef<[u8]>> Piece<B> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes.as_ref(),
            Self::Gathered(bytes) => bytes,
        }
    }
}

/// The queue of bytes to send.
///
/// ```
/// use std::io::IoSlice;
/// let mut queue = stream::WriteQueue::<&[u8]>::new();
/// queue.push_shared(b"head")?;
/// queue.push_copied(b"body")?;
/// queue.advance(6);
/// let mut slices = [IoSlice::new(&[]); 4];
/// let count = queue.slices(&mut slices);
/// assert_eq!((count, &*slices[0], queue.len()), (1, &b"dy"[..], 2));
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
pub struct WriteQueue<B> {
    front: Option<Piece<B>>,
    /// The pieces after `front`; empty while `front` is.
    rest: VecDeque<Piece<B>>,
    /// How many bytes of the front piece are sent.
    sent: usize,
    length: usize,
}

impl<B: AsRef<[u8]>> WriteQueue<B> {
    /// Creates an empty queue, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { front: None, rest: VecDeque::new(), sent: 0, length: 0 }
    }

    /// Returns the number of bytes in the queue.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Returns whether everything is sent.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a piece that nobody changes any more. A short one behind others is copied, and dropped here.
    #[inline]
    ///
    /// # Errors
    ///
    /// There is no memory for it: nothing has changed.
    pub fn push_shared(&mut self, bytes: B) -> Result<(), TryReserveError> {
        let length = bytes.as_ref().len();
        if length == 0 {
            return Ok(());
        }
        if self.front.is_none() {
            self.length = length;
            self.front = Some(Piece::Shared(bytes));
        } else if length >= LONG {
            self.rest.try_reserve(1)?;
            self.length += length;
            self.rest.push_back(Piece::Shared(bytes));
        } else {
            self.push_copied(bytes.as_ref())?;
        }
        Ok(())
    }

    /// Adds a copy of the bytes.
    ///
    /// # Errors
    ///
    /// There is not enough memory; the queue is unchanged.
    pub fn push_copied(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(Piece::Gathered(last)) = self.rest.back_mut().or(self.front.as_mut())
            && last.len() + bytes.len() <= GATHERED_AT_MOST
        {
            last.try_reserve(bytes.len())?;
            last.extend_from_slice(bytes);
            self.length += bytes.len();
            return Ok(());
        }
        // A long piece is usually alone, and needs no room for others.
        let capacity = if bytes.len() >= LONG { bytes.len() } else { GATHERED_AT_FIRST };
        let mut piece = Vec::new();
        piece.try_reserve_exact(capacity)?;
        piece.extend_from_slice(bytes);
        let piece = Piece::Gathered(piece);
        match self.front {
            None => self.front = Some(piece),
            Some(_) => {
                self.rest.try_reserve(1)?;
                self.rest.push_back(piece);
            }
        }
        self.length += bytes.len();
        Ok(())
    }

    /// Returns the front piece if it is the only one.
    #[inline]
    #[must_use]
    pub fn only(&self) -> Option<&[u8]> {
        if !self.rest.is_empty() {
            return None;
        }
        self.front.as_ref().map(|piece| &piece.bytes()[self.sent..])
    }

    /// Returns what is left of the front piece; nothing if the queue is empty.
    #[inline]
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.front.as_ref().map_or(&[], |piece| &piece.bytes()[self.sent..])
    }

    /// Adds what another queue has left.
    ///
    /// # Errors
    ///
    /// There is not enough memory: the rest is lost.
    pub fn append(&mut self, mut other: Self) -> Result<(), TryReserveError> {
        while !other.is_empty() {
            let first = other.first();
            let length = first.len();
            self.push_copied(first)?;
            other.advance(length);
        }
        Ok(())
    }

    /// Fills `room` with slices from the front, and returns how many there are.
    pub fn slices<'a>(&'a self, room: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.front.iter().chain(self.rest.iter());
        let mut count = 0;
        let mut skip = self.sent;
        for (place, piece) in room.iter_mut().zip(pieces) {
            *place = IoSlice::new(&piece.bytes()[skip..]);
            skip = 0;
            count += 1;
        }
        count
    }

    /// Removes the first `count` bytes, which were sent.
    ///
    /// # Panics
    ///
    /// There are fewer than `count` bytes in the queue.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.length, "more was sent than there was");
        self.length -= count;
        if self.length == 0 {
            self.front = None;
            self.rest.clear();
            self.sent = 0;
            return;
        }
        self.sent += count;
        while let Some(front) = &self.front
            && self.sent >= front.bytes().len()
        {
            self.sent -= front.bytes().len();
            self.front = self.rest.pop_front();
        }
    }

    /// Removes everything, and frees what was allocated.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<B: AsRef<[u8]>> Default for WriteQueue<B> {
    fn default() -> Self {
        Self::new()
    }
}
