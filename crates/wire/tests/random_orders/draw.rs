//! Where the choices of an order come from: a seed, so that each order can be repeated, or the bytes of a fuzzer.

/// A source of choices.
#[allow(dead_code, reason = "the fuzz target has no seeds")]
pub(crate) enum Draw<'a> {
    Seed(u64),
    Bytes(&'a [u8]),
}

impl Draw<'_> {
    /// Returns a number below another. Without bytes it is 0, so 0 is always the choice that leads to an end.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        match self {
            // SplitMix64: each state is used once, and neighbouring seeds have nothing in common.
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let high = (mixed ^ (mixed >> 31)) >> 32;
                usize::try_from((high * count as u64) >> 32).unwrap_or(0)
            }
            Self::Bytes(bytes) => {
                let Some((first, rest)) = bytes.split_first() else { return 0 };
                *bytes = rest;
                usize::from(*first) % count.max(1)
            }
        }
    }

    /// Returns whether something happens that happens so often in a hundred times.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// Returns one of some values.
    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Returns whether there are no more choices.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }
}
