//! The clock of the loop: the clock that Python's `time.monotonic()` reads, in the same units.
//!
//! asyncio promises that `loop.time()` and `time.monotonic()` can be compared, so the clock and the rounding have to be
//! the same. Deadlines and the loop are not known here.

use crate::sys;

/// Nanoseconds in a second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Returns the monotonic clock in nanoseconds: `CLOCK_MONOTONIC`, on macOS `CLOCK_UPTIME_RAW`.
///
/// ```
/// let before = reactor::monotonic_ns();
/// assert!(reactor::monotonic_ns() >= before);
/// ```
#[inline]
#[must_use]
pub fn monotonic_ns() -> u64 {
    sys::clock::monotonic_ns()
}

/// Converts nanoseconds to the float of seconds that `time.monotonic()` returns for them, to the last bit.
///
/// Whole seconds are divided as integers and stay exact however large they are. All others are rounded twice, once to a
/// float and once by the division, as in CPython; a single rounding is better, but the results would not be equal.
///
/// ```
/// assert_eq!(reactor::seconds(1_500_000_000), 1.5);
/// ```
#[inline]
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "the loss is the very rounding that has to be reproduced")]
pub fn seconds(ns: u64) -> f64 {
    if ns.is_multiple_of(NS_PER_SECOND) {
        (ns / NS_PER_SECOND) as f64
    } else {
        ns as f64 / NS_PER_SECOND as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{NS_PER_SECOND, monotonic_ns, seconds};

    #[test]
    fn the_clock_never_goes_back() {
        let mut last = monotonic_ns();
        for _ in 0..10_000 {
            let now = monotonic_ns();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn whole_seconds_stay_exact_where_a_float_of_nanoseconds_would_not() {
        let years = 9_007_199_255 * NS_PER_SECOND;
        assert!((seconds(years) - 9_007_199_255.0).abs() < f64::EPSILON);
    }

    #[test]
    fn fractions_are_divided_as_floats() {
        for ns in [1, 999_999_999, 1_000_000_001, 123_456_789_987_654_321] {
            #[allow(clippy::cast_precision_loss, reason = "the same rounding as in the code under test")]
            let expected = ns as f64 / 1e9;
            assert_eq!(seconds(ns).to_bits(), expected.to_bits());
        }
    }
}
