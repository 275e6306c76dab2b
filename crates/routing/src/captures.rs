//! Where the parameters of a match are in the text of its path: without allocation.
//!
//! It knows no names; the pattern has them, in the same order.

/// How many parameters a pattern may have. Patterns with more than four are rare, and eight fit a cache line.
pub const PARAMETERS_AT_MOST: usize = 8;

/// The place of one parameter in the text of a path: start and end, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// The position of its first byte.
    pub start: u32,
    /// The position behind its last byte.
    pub end: u32,
}

impl Range {
    /// Positions in a text of at most 4 GiB, which `Path` guarantees; other texts have no parameters.
    pub(crate) fn of(start: usize, end: usize) -> Self {
        let position = |at: usize| u32::try_from(at).unwrap_or(0);
        Self { start: position(start), end: position(end) }
    }

    /// The same as indices.
    #[inline]
    #[must_use]
    pub fn indices(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The places of the parameters of a match, in the order of the pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Captures {
    ranges: [Range; PARAMETERS_AT_MOST],
    length: usize,
}

impl Captures {
    /// Adds the next parameter. A pattern has no more than there is room for.
    #[inline]
    pub(crate) fn push(&mut self, range: Range) {
        if let Some(next) = self.ranges.get_mut(self.length) {
            *next = range;
            self.length += 1;
        }
    }

    /// The places as a slice.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Range] {
        self.ranges.get(..self.length).unwrap_or_default()
    }

    /// The place of one parameter.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Range> {
        self.as_slice().get(index).copied()
    }

    /// How many parameters there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
