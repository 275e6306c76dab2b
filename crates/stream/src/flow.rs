//! Flow control of writing: when a protocol is told to pause, and when to resume.
//!
//! There are two marks, as in asyncio: above the high one the protocol is paused, at or below the low one it resumes.
//! Between them nothing changes, so a buffer whose size stays near one mark does not call the protocol at every write.
//! Only the size of the buffer is known here, not its contents.

use std::fmt;

/// The default high mark: asyncio's.
const HIGH: usize = 64 * 1024;

/// The ratio of the high mark to the low one when only one is given: asyncio's.
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
    /// The high mark that was asked for.
    pub high: i64,
    /// The low mark that was asked for.
    pub low: i64,
}

impl fmt::Display for BadLimits {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "high ({}) must be >= low ({}) must be >= 0", self.high, self.low)
    }
}

impl std::error::Error for BadLimits {}

/// Returns the high and the low mark by asyncio's rule for those that are not given.
pub(crate) fn marks(high: Option<i64>, low: Option<i64>, default: i64) -> Result<(usize, usize), BadLimits> {
    const FACTOR: i64 = 4;
    let high = high.unwrap_or_else(|| low.map_or(default, |low| low.saturating_mul(FACTOR)));
    let low = low.unwrap_or_else(|| high.div_euclid(FACTOR));
    let refused = BadLimits { high, low };
    let (high, low) = usize::try_from(high).ok().zip(usize::try_from(low).ok()).ok_or(refused)?;
    if high < low { Err(refused) } else { Ok((high, low)) }
}

impl Flow {
    /// Creates the default marks, 64 KiB and a quarter of it.
    #[must_use]
    pub const fn new() -> Self {
        Self { high: HIGH, low: HIGH / RATIO, paused: false }
    }

    /// Returns the marks in bytes, the low one first, as `get_write_buffer_limits()` does.
    #[must_use]
    pub const fn limits(&self) -> (usize, usize) {
        (self.low, self.high)
    }

    /// Returns the high mark in bytes.
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
        let (high, low) = marks(high, low, DEFAULT)?;
        self.high = high;
        self.low = low;
        Ok(())
    }

    /// Records that the buffer has grown to `size` bytes, and returns whether the protocol has to be paused now.
    #[inline]
    pub fn grown(&mut self, size: usize) -> bool {
        if self.paused || size <= self.high {
            return false;
        }
        self.paused = true;
        true
    }

    /// Records that the buffer has shrunk to `size` bytes, and returns whether the protocol is resumed now.
    #[inline]
    pub fn shrunk(&mut self, size: usize) -> bool {
        if !self.paused || size > self.low {
            return false;
        }
        self.paused = false;
        true
    }

    /// Returns whether the protocol is paused.
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
