//! How often a loop that always has something to call looks at its descriptors.
//!
//! A poll costs as much as two callbacks, so a busy loop does not poll at every turn. The bound: at most
//! [`LONGEST_STRIDE`] turns, or four times as many callbacks, go by between two polls; after a sleep, which is a poll
//! itself, [`STRIDE_AFTER_SLEEP`] of them; and as soon as the time between two polls exceeds [`SLOW`], the loop polls at
//! every turn, as asyncio does, until its turns are short again.

use std::time::Duration;

/// Turns between two polls of a loop whose turns are short. At 100 ns for the shortest turn, a poll of 110 ns and a look
/// at the clock of 25 ns add less than 10 % to each.
const LONGEST_STRIDE: i32 = 16;

/// Turns that may follow a sleep without a poll: what a request usually takes from its event to its answer, by callback,
/// future and task. How long they take is not known, for nobody asks for the time when a sleep ends, so they are few.
const STRIDE_AFTER_SLEEP: i32 = 4;

/// The time between two polls above which each turn polls: a fifth of the 1 ms that an event may wait.
const SLOW: Duration = Duration::from_micros(200);

/// Other threads get the GIL at least this often from a loop whose callbacks are all C functions: the interpreter's own
/// switch interval.
const GIL_SHARE: Duration = Duration::from_millis(5);

/// When a busy loop polls next. See the top of this file.
#[derive(Debug)]
pub struct Pace {
    budget: i32,
    stride: i32,
    /// `None` after a sleep: nobody asked for the time.
    polled_at: Option<u64>,
    shared_at: u64,
}

/// What a busy loop does before its callbacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollStep {
    /// Poll with the GIL held: nothing can block.
    Poll,
    /// Poll, and let other threads have the GIL.
    PollAndShare,
}

impl Pace {
    /// The pace of a loop that has not polled yet: its first turn does.
    #[must_use]
    pub const fn new() -> Self {
        Self { budget: 0, stride: 1, polled_at: None, shared_at: 0 }
    }

    /// Notes a turn and how many callbacks it ran.
    #[inline]
    pub fn note_turn(&mut self, callbacks: usize) {
        let weight = i32::try_from(callbacks / 4).unwrap_or(i32::MAX / 2);
        self.budget = self.budget.saturating_sub(1 + weight);
    }

    /// Whether the next busy turn polls.
    #[inline]
    #[must_use]
    pub fn is_poll_due(&self) -> bool {
        self.budget <= 0
    }

    /// A non-blocking poll comes next: how, and when the one after it is due.
    pub fn poll(&mut self, now_ns: u64) -> PollStep {
        self.stride = match self.polled_at {
            None => STRIDE_AFTER_SLEEP,
            Some(last) if Duration::from_nanos(now_ns.saturating_sub(last)) > SLOW => 1,
            Some(_) => (self.stride * 2).min(LONGEST_STRIDE),
        };
        self.budget = self.stride;
        self.polled_at = Some(now_ns);
        if Duration::from_nanos(now_ns.saturating_sub(self.shared_at)) < GIL_SHARE {
            return PollStep::Poll;
        }
        self.shared_at = now_ns;
        PollStep::PollAndShare
    }

    /// The loop slept, so it has polled and shared the GIL just now.
    #[inline]
    pub fn slept(&mut self) {
        self.stride = STRIDE_AFTER_SLEEP;
        self.budget = STRIDE_AFTER_SLEEP;
        self.polled_at = None;
    }

    /// Makes the next turn poll, whatever it has to call.
    pub fn poll_next(&mut self) {
        self.budget = 0;
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: u64 = 1_000;

    /// Turns of one callback each until a poll is due.
    fn turns_until_poll(pace: &mut Pace) -> i32 {
        let mut turns = 0;
        while !pace.is_poll_due() {
            pace.note_turn(1);
            turns += 1;
        }
        turns
    }

    #[test]
    fn the_first_turn_polls() {
        assert!(Pace::new().is_poll_due());
    }

    #[test]
    fn short_turns_poll_ever_less_but_never_less_than_the_longest_stride() {
        let mut pace = Pace::new();
        let mut now = 1_000_000 * MICROSECOND;
        let mut strides = Vec::new();
        for _ in 0..7 {
            now += MICROSECOND;
            pace.poll(now);
            strides.push(turns_until_poll(&mut pace));
        }
        assert_eq!(strides, [4, 8, 16, LONGEST_STRIDE, LONGEST_STRIDE, LONGEST_STRIDE, LONGEST_STRIDE]);
    }

    #[test]
    fn a_slow_stretch_makes_every_turn_poll() {
        let mut pace = Pace::new();
        for now in 0..10 {
            pace.poll(now * MICROSECOND);
        }
        pace.poll(10 * MICROSECOND + 201 * MICROSECOND);
        assert_eq!(turns_until_poll(&mut pace), 1);
    }

    #[test]
    fn a_sleep_is_a_poll_and_what_follows_it_is_short() {
        let mut pace = Pace::new();
        for now in 0..10 {
            pace.poll(now * MICROSECOND);
        }
        pace.slept();
        assert_eq!(turns_until_poll(&mut pace), STRIDE_AFTER_SLEEP);
        // How long the sleep and those turns took says nothing of the loop's pace.
        pace.poll(1_000_000 * MICROSECOND);
        assert_eq!(turns_until_poll(&mut pace), STRIDE_AFTER_SLEEP);
    }

    #[test]
    fn a_turn_of_many_callbacks_counts_for_many_turns() {
        let mut pace = Pace::new();
        for now in 0..10 {
            pace.poll(now * MICROSECOND);
        }
        pace.note_turn(64);
        assert!(pace.is_poll_due());
    }

    #[test]
    fn the_gil_is_shared_every_five_milliseconds() {
        let mut pace = Pace::new();
        let start = 1_000_000 * MICROSECOND;
        assert_eq!(pace.poll(start), PollStep::PollAndShare);
        assert_eq!(pace.poll(start + 4_900 * MICROSECOND), PollStep::Poll);
        assert_eq!(pace.poll(start + 5_000 * MICROSECOND), PollStep::PollAndShare);
    }

    #[test]
    fn any_number_of_callbacks_leaves_the_count_in_range() {
        let mut pace = Pace::new();
        for _ in 0..4 {
            pace.note_turn(usize::MAX);
        }
        assert!(pace.is_poll_due());
    }
}
