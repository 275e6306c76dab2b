//! Flow control of the writing side: when a protocol is told to pause, and when to go on.
//!
//! Two marks, as in asyncio: above the high one the protocol is paused, at or below the low one it resumes. Between them
//! nothing changes, so a buffer that hovers around one mark does not call the protocol at every write. It knows sizes
//! only, not what is in the buffer.

use std::fmt;

/// The high mark when nobody chose one: asyncio's.
const HIGH: usize = 64 * 1024;

/// How much higher the high mark is than the low one when only one was chosen: asyncio's.
const RATIO: usize = 4;

/// The two marks, and whether the protocol is paused.
///
/// ```
/// let mut flow = stream::Flow::new();
/// assert!(flow.grown(100_000), "above the high mark: pause");
/// assert!(!flow.grown(200_000), "it is paused already");
/// assert!(!flow.shrunk(50_000), "between the marks");
/// assert!(flow.shrunk(1_000), "below the low mark: resume");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    high: usize,
    low: usize,
    paused: bool,
}

/// Marks that contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadLimits {
    /// The high mark as it would have been.
    pub high: i64,
    /// The low mark as it would have been.
    pub low: i64,
}

impl fmt::Display for BadLimits {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "high ({}) must be >= low ({}) must be >= 0", self.high, self.low)
    }
}

impl std::error::Error for BadLimits {}

impl Flow {
    /// The default marks, 64 KiB and a quarter of it.
    #[must_use]
    pub const fn new() -> Self {
        Self { high: HIGH, low: HIGH / RATIO, paused: false }
    }

    /// The marks in bytes, the low one first, as `get_write_buffer_limits()` gives them.
    #[must_use]
    pub const fn limits(&self) -> (usize, usize) {
        (self.low, self.high)
    }

    /// The high mark in bytes.
    #[inline]
    #[must_use]
    pub const fn high(&self) -> usize {
        self.high
    }

    /// Sets the marks by asyncio's rule for those that are not given.
    ///
    /// # Errors
    ///
    /// [`BadLimits`] unless high >= low >= 0. The marks stay as they were.
    pub fn set_limits(&mut self, high: Option<i64>, low: Option<i64>) -> Result<(), BadLimits> {
        const DEFAULT: i64 = 64 * 1024;
        const FACTOR: i64 = 4;
        let high = high.unwrap_or_else(|| low.map_or(DEFAULT, |low| low.saturating_mul(FACTOR)));
        let low = low.unwrap_or_else(|| high.div_euclid(FACTOR));
        let refused = BadLimits { high, low };
        let (high, low) = usize::try_from(high).ok().zip(usize::try_from(low).ok()).ok_or(refused)?;
        if high < low {
            return Err(refused);
        }
        self.high = high;
        self.low = low;
        Ok(())
    }

    /// The buffer has grown to `size` bytes: whether the protocol has to be paused now.
    #[inline]
    pub fn grown(&mut self, size: usize) -> bool {
        if self.paused || size <= self.high {
            return false;
        }
        self.paused = true;
        true
    }

    /// The buffer has shrunk to `size` bytes: whether the protocol may go on now.
    #[inline]
    pub fn shrunk(&mut self, size: usize) -> bool {
        if !self.paused || size > self.low {
            return false;
        }
        self.paused = false;
        true
    }

    /// Whether the protocol is paused.
    #[inline]
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}
