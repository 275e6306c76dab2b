//! The name under which a registration is known to the kernel: 64 bits that come back with each of its events.
//!
//! Half of them say which slot, the other half which of the slot's successive tenants. A descriptor's number would not
//! do: numbers are used again at once, and an event that was already on its way would reach the next owner.

/// An index and a generation, packed into the 64 bits that epoll and kqueue carry for us.
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
    /// The waker's own token. [`crate::Slab`] never hands it out, since it never reaches the last index.
    pub const WAKER: Token = Token(u64::MAX);

    /// The token of the given slot's given tenant.
    #[inline]
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        Self((generation as u64) << GENERATION_SHIFT | index as u64)
    }

    /// Which slot.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
    pub const fn index(self) -> u32 {
        self.0 as u32
    }

    /// Which of the slot's tenants.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "after the shift only 32 bits are left")]
    pub const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// The bits to give to the kernel.
    #[inline]
    #[must_use]
    pub const fn to_raw(self) -> u64 {
        self.0
    }

    /// The token whose bits the kernel gave back.
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
