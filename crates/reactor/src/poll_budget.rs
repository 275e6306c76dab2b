//! How often a loop that always has something to call sees to what no descriptor tells: handlers of signals, and other
//! threads that wait for the GIL.
//!
//! Such a look costs as much as a callback, so it is not taken at every turn. The bound: at most [`LONGEST_STRIDE`] turns,
//! or four times as many callbacks, go by between two; after a sleep, which is a look itself, [`STRIDE_AFTER_SLEEP`] of
//! them; and as soon as the time between two exceeds [`SLOW`], every turn takes one, until the turns are short again.
//! Descriptors have no part in this: `Poller::may_be_ready` says when they are polled.

use std::time::Duration;

/// Turns between two looks of a loop whose turns are short. At 100 ns for the shortest turn, a look at the clock of 25 ns
/// adds less than 2 % to each.
const LONGEST_STRIDE: i32 = 16;

/// Turns that may follow a sleep: what a request usually takes from its event to its answer, by callback, future and task.
/// How long they take is not known, for nobody asks for the time when a sleep ends, so they are few.
const STRIDE_AFTER_SLEEP: i32 = 4;

/// The time between two looks above which each turn takes one: a fifth of the 1 ms that a signal may wait.
const SLOW: Duration = Duration::from_micros(200);

/// Other threads get the GIL at least this often from a loop whose callbacks are all C functions: the interpreter's own
/// switch interval.
const GIL_SHARE: Duration = Duration::from_millis(5);

/// When a busy loop takes its next look. See the top of this file.
#[derive(Debug)]
pub struct PollBudget {
    turns_left: i32,
    stride: i32,
    /// `None` after a sleep: nobody asked for the time.
    looked_at: Option<u64>,
    shared_at: u64,
}

/// What a busy loop does before its callbacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PollStep {
    /// Poll with the GIL held, if anything may be ready: nothing can block.
    Poll,
    /// Poll, and let other threads have the GIL.
    PollAndShare,
}

impl PollBudget {
    /// The budget of a loop that has taken no look yet: its first turn does.
    #[must_use]
    pub const fn new() -> Self {
        Self { turns_left: 0, stride: 1, looked_at: None, shared_at: 0 }
    }

    /// Notes a turn and how many callbacks it ran.
    #[inline]
    pub fn note_turn(&mut self, callbacks: usize) {
        let weight = i32::try_from(callbacks / 4).unwrap_or(i32::MAX / 2);
        self.turns_left = self.turns_left.saturating_sub(1 + weight);
    }

    /// Whether the next busy turn takes a look.
    #[inline]
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.turns_left <= 0
    }

    /// A look comes next: how, and when the one after it is due.
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

    /// The loop slept, so it has shared the GIL just now.
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

    /// Turns of one callback each until a look is due.
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
        // How long the sleep and those turns took says nothing of the loop's budget.
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
