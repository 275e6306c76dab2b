//! The identifier of a registration in the kernel: 64 bits that are returned with each of its events.
//!
//! Half of them are the index of a slot, the other half its generation. The number of a descriptor would not do:
//! numbers are reused at once, and an event that was already under way would reach the next owner.

/// An index and a generation, packed into the 64 bits that epoll and kqueue carry.
///
/// ```
/// let token = reactor::Token::new(3, 7);
/// assert_eq!((token.index(), token.generation()), (3, 7));
/// assert_eq!(reactor::Token::from_raw(token.to_raw()), token);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u64);

/// How far the generation is shifted: it takes the upper half.
const GENERATION_SHIFT: u32 = 32;

impl Token {
    /// The token of the waker. [`crate::Slab`] never hands it out, since it never uses the last index.
    pub const WAKER: Token = Token(u64::MAX);

    /// Creates the token of this generation of a slot.
    #[inline]
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        Self((generation as u64) << GENERATION_SHIFT | index as u64)
    }

    /// Returns the index of the slot.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
    pub const fn index(self) -> u32 {
        self.0 as u32
    }

    /// Returns the generation of the slot.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "after the shift only 32 bits are left")]
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// Returns the bits to give to the kernel.
    #[inline]
    #[must_use]
    pub const fn to_raw(self) -> u64 {
        self.0
    }

    /// Returns the token whose bits the kernel returned.
    #[inline]
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn halves_do_not_mix() {
        for (index, generation) in [(0, 0), (u32::MAX, 0), (0, u32::MAX), (1, 2)] {
            let token = Token::from_raw(Token::new(index, generation).to_raw());
            assert_eq!((token.index(), token.generation()), (index, generation));
        }
    }

    #[test]
    fn the_waker_is_the_last_of_all_tokens() {
        assert_eq!(Token::new(u32::MAX, u32::MAX), Token::WAKER);
    }
}
