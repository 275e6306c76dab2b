//! Deadlines: points of the monotonic clock, as integers.
//!
//! asyncio's deadlines are floats of seconds. Comparing floats in a heap would mean handling NaN at each step, so a
//! deadline is converted once to an integer with the same order. The clock is never read here.

use std::time::Duration;

use crate::wait::{MAX_WAIT, Timeout};

/// A point of the monotonic clock, as an integer that sorts as its seconds do.
///
/// NaN sorts before everything and is due at once; infinity sorts after everything and is never due. The two zeros are
/// equal.
///
/// ```
/// use reactor::Deadline;
/// assert!(Deadline::from_seconds(-1.0) < Deadline::from_seconds(0.5));
/// assert_eq!(Deadline::from_seconds(2.25).seconds(), 2.25);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline(i64);

/// Nanoseconds in a second.
const NS_PER_SECOND: f64 = 1e9;

impl Deadline {
    /// The integer of every NaN. Its bits, read as a float, are a NaN again.
    const AT_ONCE: Deadline = Deadline(i64::MIN);

    /// Converts seconds of the monotonic clock.
    #[inline]
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        if seconds.is_nan() {
            return Self::AT_ONCE;
        }
        // Adding zero turns the negative zero into the positive one and changes no other number.
        Self(flip_magnitude_if_negative((seconds + 0.0).to_bits().cast_signed()))
    }

    /// Returns the seconds that the deadline was made from.
    #[inline]
    #[must_use]
    pub fn seconds(self) -> f64 {
        f64::from_bits(flip_magnitude_if_negative(self.0).cast_unsigned())
    }

    /// Returns an integer that sorts as the deadlines do.
    #[inline]
    pub(crate) fn order(self) -> i64 {
        self.0
    }

    /// Returns whether the deadline has come.
    #[inline]
    #[must_use]
    pub fn is_due(self, now: Deadline) -> bool {
        self <= now
    }

    /// Returns how long to sleep from `now_seconds` on so as not to wake before the deadline: whole nanoseconds,
    /// rounded up.
    ///
    /// A sleep takes at most [`MAX_WAIT`]; the caller then checks the deadline again.
    ///
    /// ```
    /// use reactor::{Deadline, Timeout};
    /// use std::time::Duration;
    /// let deadline = Deadline::from_seconds(10.5);
    /// assert_eq!(deadline.wait_from(10.0), Timeout::After(Duration::from_millis(500)));
    /// assert_eq!(deadline.wait_from(11.0), Timeout::Now);
    /// ```
    #[inline]
    #[must_use]
    pub fn wait_from(self, now_seconds: f64) -> Timeout {
        let deadline = self.seconds();
        if deadline == f64::INFINITY {
            return Timeout::Never;
        }
        let wait = deadline - now_seconds;
        if wait.is_nan() || wait <= 0.0 {
            return Timeout::Now;
        }
        if wait >= MAX_WAIT.as_secs_f64() {
            return Timeout::After(MAX_WAIT);
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between zero and the nanoseconds of a day, and is whole after the ceiling"
        )]
        let wait_ns = (wait * NS_PER_SECOND).ceil() as u64;
        Timeout::After(Duration::from_nanos(wait_ns))
    }
}

/// Makes the integers of negative floats sort as the floats do, and back: the function is its own inverse.
///
/// The bits of positive floats already sort as integers. Those of negative ones sort by magnitude, in reverse, until
/// all bits but the sign are flipped.
#[inline]
const fn flip_magnitude_if_negative(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}
