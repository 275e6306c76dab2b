//! Whether to ask the kernel for several datagrams at once, learned from how many came before.
//!
//! A call that takes several saves a whole turn of the loop for each datagram but the first, and costs a little more than
//! the call for one where there is but one: room for all of them has to be described. An endpoint that answers one
//! question after the other should not pay that; one that is flooded should not be read datagram by datagram. So a call
//! that brought several is followed by others of its kind, and each that brought one or none doubles the number of plain
//! calls before the next.

/// The most plain calls between two that ask for several: an endpoint on which a flood sets in is read one by one for no
/// longer than this, and a quiet one pays for less than one useless attempt in thirty.
const MOST_PLAIN: u8 = 31;

/// What is known of how datagrams come.
///
/// ```
/// let mut look = stream::BatchHeuristic::new();
/// assert!(look.is_due(), "nothing is known yet");
/// look.note(1);
/// assert!(!look.is_due(), "only one came");
/// assert!(look.is_due());
/// look.note(9);
/// assert!(look.is_due(), "they come together");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeuristic {
    /// How many plain calls come before the next that asks for several.
    plain: u8,
    /// How many there were to be after the last that was in vain.
    pause: u8,
}

impl BatchHeuristic {
    /// An endpoint that nothing is known of.
    #[must_use]
    pub const fn new() -> Self {
        Self { plain: 0, pause: 0 }
    }

    /// Whether the next call should ask for several; each answer of no counts as one plain call.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        if self.plain == 0 {
            return true;
        }
        self.plain -= 1;
        false
    }

    /// Learns how many datagrams a call brought that asked for several.
    #[inline]
    pub fn note(&mut self, received: usize) {
        self.pause = if received > 1 { 0 } else { (2 * self.pause + 1).min(MOST_PLAIN) };
        self.plain = self.pause;
    }
}

impl Default for BatchHeuristic {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchHeuristic, MOST_PLAIN};

    /// How many plain calls come before the next that asks for several.
    fn plain_calls(look: &mut BatchHeuristic) -> u8 {
        (0..=u8::MAX).find(|_| look.is_due()).expect("it is due at last")
    }

    #[test]
    fn attempts_in_vain_become_rarer_up_to_a_bound() {
        let mut look = BatchHeuristic::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pauses.push(plain_calls(&mut look));
            look.note(1);
        }
        assert_eq!(pauses, [0, 1, 3, 7, 15, 31, 31, 31]);
        assert_eq!(pauses.last(), Some(&MOST_PLAIN));
    }

    #[test]
    fn one_success_ends_the_pauses() {
        let mut look = BatchHeuristic::new();
        for _ in 0..8 {
            plain_calls(&mut look);
            look.note(0);
        }
        plain_calls(&mut look);
        look.note(2);
        assert_eq!(plain_calls(&mut look), 0);
        look.note(1);
        assert_eq!(plain_calls(&mut look), 1, "it begins with short pauses again");
    }
}
