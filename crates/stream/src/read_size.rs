//! The size of the next read of a stream, learned from the sizes of earlier ones.
//!
//! The size limits one read and says how much room to provide. A connection with short messages should not get large
//! buffers, and one that carries a file should not be read in small pieces. So a read that used all of the room doubles
//! the size at once, and only a sequence of reads far below it halves the size: bulk transfers have short reads in
//! between, at the end of each burst, and would otherwise be slowed down again and again.

/// The smallest size: a page. Less saves no memory that the allocator would give back.
const SMALLEST: usize = 4 * 1024;

/// The first size: a TLS record, and more than nearly every request or reply that is not a body.
const FIRST: usize = 16 * 1024;

/// The largest size, and so the most that `data_received` is given: what asyncio reads at once.
const LARGEST: usize = 256 * 1024;

/// How many reads in succession have to fit into half the size before it is halved. Netty and hyper halve after two,
/// which one burst between two pauses can cause; eight keep the size through the ends of several bursts.
const PATIENCE: u8 = 8;

/// The size of a stream's next read.
///
/// ```
/// let mut size = stream::ReadSize::new();
/// let first = size.next();
/// size.note(first);
/// assert_eq!(size.next(), 2 * first);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadSize {
    size: usize,
    /// How many reads in succession have fitted into half the size.
    short_reads: u8,
}

impl ReadSize {
    /// Creates the size for a new stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: FIRST, short_reads: 0 }
    }

    /// Returns how many bytes the next read should have room for: a power of two from 4 KiB to 256 KiB.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> usize {
        self.size
    }

    /// Learns how many bytes a read returned.
    #[inline]
    pub fn note(&mut self, received: usize) {
        if received >= self.size {
            self.size = (self.size * 2).min(LARGEST);
            self.short_reads = 0;
        } else if received > self.size / 2 {
            self.short_reads = 0;
        } else {
            self.note_short();
        }
    }

    /// Counts a read that was far below the size.
    fn note_short(&mut self) {
        self.short_reads += 1;
        if self.short_reads == PATIENCE {
            self.size = (self.size / 2).max(SMALLEST);
            self.short_reads = 0;
        }
    }
}

impl Default for ReadSize {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LARGEST, PATIENCE, ReadSize, SMALLEST};

    /// Returns the size after this many reads, each of which returns `received` of the size.
    fn after(mut size: ReadSize, reads: usize, received: impl Fn(usize) -> usize) -> ReadSize {
        for _ in 0..reads {
            size.note(received(size.next()));
        }
        size
    }

    #[test]
    fn full_reads_double_the_size_up_to_the_largest() {
        assert_eq!(after(ReadSize::new(), 1, |size| size).next(), 2 * FIRST);
        assert_eq!(after(ReadSize::new(), 100, |size| size).next(), LARGEST);
    }

    #[test]
    fn short_reads_halve_the_size_slowly_down_to_the_smallest() {
        let patience = usize::from(PATIENCE);
        assert_eq!(after(ReadSize::new(), patience - 1, |_| 1).next(), FIRST);
        assert_eq!(after(ReadSize::new(), patience, |_| 1).next(), FIRST / 2);
        assert_eq!(after(ReadSize::new(), 100 * patience, |_| 0).next(), SMALLEST);
    }

    #[test]
    fn one_read_that_needs_the_room_starts_the_row_anew() {
        let nearly = after(ReadSize::new(), usize::from(PATIENCE) - 1, |_| 1);
        let reminded = after(nearly, 1, |size| size / 2 + 1);
        assert_eq!(after(reminded, usize::from(PATIENCE) - 1, |_| 1).next(), FIRST);
    }

    #[test]
    fn a_bulk_transfer_keeps_its_size_through_the_ends_of_its_bursts() {
        let mut size = after(ReadSize::new(), 10, |size| size);
        for _burst in 0..20 {
            size = after(size, 3, |size| size);
            size = after(size, 2, |_| 100);
            assert_eq!(size.next(), LARGEST);
        }
    }

    #[test]
    fn the_size_stays_a_power_of_two_within_its_limits() {
        let mut size = ReadSize::new();
        for step in 0..10_000_usize {
            size.note(step.wrapping_mul(2_654_435_761) % (LARGEST + 1));
            assert!(size.next().is_power_of_two() && (SMALLEST..=LARGEST).contains(&size.next()));
        }
    }
}
