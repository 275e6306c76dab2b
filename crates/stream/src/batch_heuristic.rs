//! Whether to ask the kernel for several datagrams at once, learned from how many earlier calls returned.
//!
//! A call for several saves a whole turn of the loop for each datagram but the first. If there is only one, the call
//! costs a little more than a call for one, because room for all of them has to be described. An endpoint that answers
//! one question after another should not pay that; one that is flooded should not be read one by one. So a call that
//! returned several is followed by others of its kind, and each that returned one or none doubles the number of plain
//! calls before the next.

/// The most plain calls between two that ask for several: a flood that begins is read one by one for no longer than
/// this, and a quiet endpoint pays for less than one useless attempt in thirty.
const MOST_PLAIN: u8 = 31;

/// Learns how datagrams arrive at an endpoint.
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
    /// How many plain calls there were after the last attempt in vain.
    pause: u8,
}

impl BatchHeuristic {
    /// Creates the heuristic for a new endpoint.
    #[must_use]
    pub const fn new() -> Self {
        Self { plain: 0, pause: 0 }
    }

    /// Returns whether the next call should ask for several; each `false` counts as one plain call.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        if self.plain == 0 {
            return true;
        }
        self.plain -= 1;
        false
    }

    /// Learns how many datagrams a call for several returned.
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

    /// Returns how many plain calls come before the next that asks for several.
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
