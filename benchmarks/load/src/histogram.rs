//! Latencies in a fixed amount of memory, each kept to within 1.6 %.
//!
//! Each value below 64 has a place of its own; above, each power of two is divided into 64 places. So a sample of any
//! length takes 30 KiB and no allocation while it is taken. The values may be anything.

/// The bits of a value that are kept: an error of at most 1/64, less than the noise of any latency.
const KEPT_BITS: u32 = 6;
const STEPS: usize = 1 << KEPT_BITS;
/// One block of steps for the values below 64, and one for every higher leading bit.
const PLACES: usize = STEPS * (1 + (u64::BITS - KEPT_BITS) as usize);

#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Box<[u64; PLACES]>,
    total: u64,
    highest: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: Box::new([0; PLACES]), total: 0, highest: 0 }
    }

    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        self.counts[place_of(value)] += 1;
        self.total += 1;
        self.highest = self.highest.max(value);
    }

    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Returns the smallest value that is at or above this many per cent of the recorded values; 0 without any.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_value_of(place).min(self.highest);
            }
        }
        self.highest
    }
}

#[inline]
fn place_of(value: u64) -> usize {
    let Some(shift) = (u64::BITS - value.leading_zeros()).checked_sub(KEPT_BITS + 1) else {
        return low_bits(value);
    };
    // The block says where the leading bit is, so only those below it are kept.
    (shift as usize + 1) * STEPS + low_bits(value >> shift)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "six bits are left of it")]
fn low_bits(value: u64) -> usize {
    (value % STEPS as u64) as usize
}

/// Returns the largest of the values that share a place.
fn last_value_of(place: usize) -> u64 {
    let Some(shift) = (place / STEPS).checked_sub(1) else {
        return place as u64;
    };
    let first = ((STEPS + place % STEPS) as u64) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram_of(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    }

    #[test]
    fn every_value_lies_in_its_place_and_places_are_in_order() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1]
        });
        let mut values: Vec<u64> = edges.chain([u64::MAX - 1, u64::MAX]).collect();
        values.sort_unstable();
        for pair in values.windows(2) {
            assert!(place_of(pair[0]) <= place_of(pair[1]));
        }
        for value in values {
            let last = last_value_of(place_of(value));
            assert!(last >= value && last - value <= value / STEPS as u64, "{value}: {last}");
        }
        assert_eq!(place_of(u64::MAX), PLACES - 1);
    }

    #[test]
    fn percentiles_are_within_the_promised_error() {
        let histogram = histogram_of(1..=100_000);
        for (percent, exact) in [(50, 50_000), (90, 90_000), (99, 99_000)] {
            let found = histogram.percentile(percent);
            assert!(found >= exact && found - exact <= exact / 64, "{percent}: {found}");
        }
        assert_eq!(histogram.percentile(100), 100_000);
    }

    #[test]
    fn one_value_is_every_percentile() {
        let histogram = histogram_of([12_345]);
        assert_eq!([1, 50, 99, 100].map(|percent| histogram.percentile(percent)), [12_345; 4]);
    }

    #[test]
    fn nothing_recorded_is_zero() {
        assert_eq!(Histogram::new().percentile(99), 0);
    }
}
