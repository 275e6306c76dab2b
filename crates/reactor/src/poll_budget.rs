//! How often a loop that always has callbacks to run lets signal handlers run and other threads take the GIL. No
//! descriptor reports either.
//!
//! Such a look costs as much as a callback, so it is not taken at every turn. At most [`LONGEST_STRIDE`] turns, or four
//! times as many callbacks, pass between two; after a sleep, which is a look itself, [`STRIDE_AFTER_SLEEP`] turns. Once
//! the time between two exceeds [`SLOW`], every turn takes one, until the turns are short again. Descriptors are not
//! concerned: `Poller::may_be_ready` says when they are polled.

use std::time::Duration;

/// The number of turns between two looks while turns are short. The shortest turn takes 100 ns, and reading the clock
/// for a look takes 25 ns, so this adds less than 2 % to each.
const LONGEST_STRIDE: i32 = 16;

/// The number of turns after a sleep: what a request usually takes from its event to its answer, by callback, future
/// and task. Their time is not measured, since the clock is not read when a sleep ends, so they are few.
const STRIDE_AFTER_SLEEP: i32 = 4;

/// The time between two looks above which each turn takes one: a fifth of the 1 ms that a signal may wait.
const SLOW: Duration = Duration::from_micros(200);

/// How often other threads get the GIL, at least, from a loop whose callbacks are all C functions: the switch interval
/// of the interpreter.
const GIL_SHARE: Duration = Duration::from_millis(5);

/// When a busy loop takes its next look. The top of this file has the rules.
#[derive(Debug)]
pub struct PollBudget {
    turns_left: i32,
    stride: i32,
    /// The time of the last look; `None` after a sleep, when the clock is not read.
    looked_at: Option<u64>,
    shared_at: u64,
}

/// What a busy loop does before its callbacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollStep {
    /// Poll with the GIL held, if anything may be ready: the poll cannot block.
    Poll,
    /// Poll, and let other threads take the GIL.
    PollAndShare,
}

impl PollBudget {
    /// Creates the budget of a new loop, whose first turn takes a look.
    #[must_use]
    pub const fn new() -> Self {
        Self { turns_left: 0, stride: 1, looked_at: None, shared_at: 0 }
    }

    /// Counts a turn and the callbacks that it ran.
    #[inline]
    pub fn note_turn(&mut self, callbacks: usize) {
        let weight = i32::try_from(callbacks / 4).unwrap_or(i32::MAX / 2);
        self.turns_left = self.turns_left.saturating_sub(1 + weight);
    }

    /// Returns whether the next busy turn takes a look.
    #[inline]
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.turns_left <= 0
    }

    /// Starts a look: returns what to do, and sets when the next one is due.
    pub fn renew(&mut self, now_ns: u64) -> PollStep {
        self.stride = match self.looked_at {
            None => STRIDE_AFTER_SLEEP,
            Some(last) if Duration::from_nanos(now_ns.saturating_sub(last)) > SLOW => 1,
            Some(_) => (self.stride * 2).min(LONGEST_STRIDE),
        };
        self.turns_left = self.stride;
        self.looked_at = Some(now_ns);
        if Duration::from_nanos(now_ns.saturating_sub(self.shared_at)) < GIL_SHARE {
            return PollStep::Poll;
        }
        self.shared_at = now_ns;
        PollStep::PollAndShare
    }

    /// Records that the loop slept, and so has released the GIL just now.
    #[inline]
    pub fn slept(&mut self) {
        self.stride = STRIDE_AFTER_SLEEP;
        self.turns_left = STRIDE_AFTER_SLEEP;
        self.looked_at = None;
    }

    /// Makes the next turn take a look, whatever it has to call.
    pub fn spend(&mut self) {
        self.turns_left = 0;
    }
}

impl Default for PollBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: u64 = 1_000;

    /// Returns how many turns of one callback each pass until a look is due.
    fn turns_until_look(budget: &mut PollBudget) -> i32 {
        let mut turns = 0;
        while !budget.is_spent() {
            budget.note_turn(1);
            turns += 1;
        }
        turns
    }

    #[test]
    fn the_first_turn_takes_a_look() {
        assert!(PollBudget::new().is_spent());
    }

    #[test]
    fn short_turns_look_ever_less_but_never_less_than_the_longest_stride() {
        let mut budget = PollBudget::new();
        let mut now = 1_000_000 * MICROSECOND;
        let mut strides = Vec::new();
        for _ in 0..7 {
            now += MICROSECOND;
            budget.renew(now);
            strides.push(turns_until_look(&mut budget));
        }
        assert_eq!(strides, [4, 8, 16, LONGEST_STRIDE, LONGEST_STRIDE, LONGEST_STRIDE, LONGEST_STRIDE]);
    }

    #[test]
    fn a_slow_stretch_makes_every_turn_look() {
        let mut budget = PollBudget::new();
        for now in 0..10 {
            budget.renew(now * MICROSECOND);
        }
        budget.renew(10 * MICROSECOND + 201 * MICROSECOND);
        assert_eq!(turns_until_look(&mut budget), 1);
    }

    #[test]
    fn a_sleep_is_a_look_and_what_follows_it_is_short() {
        let mut budget = PollBudget::new();
        for now in 0..10 {
            budget.renew(now * MICROSECOND);
        }
        budget.slept();
        assert_eq!(turns_until_look(&mut budget), STRIDE_AFTER_SLEEP);
        // The time of the sleep and of those turns does not count.
        budget.renew(1_000_000 * MICROSECOND);
        assert_eq!(turns_until_look(&mut budget), STRIDE_AFTER_SLEEP);
    }

    #[test]
    fn a_turn_of_many_callbacks_counts_for_many_turns() {
        let mut budget = PollBudget::new();
        for now in 0..10 {
            budget.renew(now * MICROSECOND);
        }
        budget.note_turn(64);
        assert!(budget.is_spent());
    }

    #[test]
    fn the_gil_is_shared_every_five_milliseconds() {
        let mut budget = PollBudget::new();
        let start = 1_000_000 * MICROSECOND;
        assert_eq!(budget.renew(start), PollStep::PollAndShare);
        assert_eq!(budget.renew(start + 4_900 * MICROSECOND), PollStep::Poll);
        assert_eq!(budget.renew(start + 5_000 * MICROSECOND), PollStep::PollAndShare);
    }

    #[test]
    fn any_number_of_callbacks_leaves_the_count_in_range() {
        let mut budget = PollBudget::new();
        for _ in 0..4 {
            budget.note_turn(usize::MAX);
        }
        assert!(budget.is_spent());
    }
}
