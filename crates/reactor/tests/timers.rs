//! Timers and deadlines against plain models: a sorted list, and the floats themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::collection::vec;
use proptest::prelude::*;
use reactor::{Deadline, MAX_WAIT, Timeout, Timers};

/// A call on the timers. Items are numbered in the order in which they are pushed.
#[derive(Clone, Debug)]
enum Step {
    Push(f64),
    Pop,
    TakeDue(f64),
    /// Push, and remove the item just pushed if it can still be removed in one step.
    PushAndTakeBack(f64),
    /// Remove the last leaf if its number is divisible by this.
    TakeMultipleOf(usize),
    /// Keep only items whose numbers are not divisible by this.
    SweepMultiplesOf(usize),
}

/// Generates few different values, so that equal deadlines are common, and unusual ones.
fn any_seconds() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-3_i8..9).prop_map(|eighths| f64::from(eighths) / 8.0),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)],
        1 => any::<f64>(),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any_seconds().prop_map(Step::Push),
        3 => Just(Step::Pop),
        3 => any_seconds().prop_map(Step::TakeDue),
        3 => any_seconds().prop_map(Step::PushAndTakeBack),
        1 => (1_usize..4).prop_map(Step::TakeMultipleOf),
        1 => (1_usize..6).prop_map(Step::SweepMultiplesOf),
    ]
}

/// The items that the timers should hold, in the order in which they should leave.
#[derive(Default)]
struct Model {
    waiting: Vec<(Deadline, usize)>,
    pushed: usize,
}

impl Model {
    fn push(&mut self, timers: &mut Timers<usize>, seconds: f64) -> usize {
        let (deadline, number) = (Deadline::from_seconds(seconds), self.pushed);
        self.pushed += 1;
        timers.push(deadline, number);
        let place = self.waiting.partition_point(|(other, _)| *other <= deadline);
        self.waiting.insert(place, (deadline, number));
        number
    }

    fn remove(&mut self, number: usize) {
        let place = self.waiting.iter().position(|(_, other)| *other == number).unwrap();
        self.waiting.remove(place);
    }

    fn step(&mut self, timers: &mut Timers<usize>, step: &Step) {
        match *step {
            Step::Push(seconds) => drop(self.push(timers, seconds)),
            Step::Pop => {
                let expected = (!self.waiting.is_empty()).then(|| self.waiting.remove(0));
                assert_eq!(timers.pop(), expected);
            }
            Step::TakeDue(seconds) => {
                let now = Deadline::from_seconds(seconds);
                let due = self.waiting.partition_point(|(deadline, _)| *deadline <= now);
                let expected: Vec<usize> = self.waiting.drain(..due).map(|(_, number)| number).collect();
                let mut taken = Vec::new();
                timers.take_due(now, |number| taken.push(number));
                assert_eq!(taken, expected);
            }
            Step::PushAndTakeBack(seconds) => self.push_and_take_back(timers, seconds),
            Step::TakeMultipleOf(divisor) => {
                if let Some(taken) = timers.take_newest_if(|number| number.is_multiple_of(divisor)) {
                    assert!(taken.is_multiple_of(divisor));
                    self.remove(taken);
                }
            }
            Step::SweepMultiplesOf(divisor) => {
                let mut swept = timers.sweep(|number| !number.is_multiple_of(divisor));
                swept.sort_unstable();
                let mut expected = Vec::new();
                self.waiting.retain(|(_, number)| {
                    let keep = !number.is_multiple_of(divisor);
                    if !keep {
                        expected.push(*number);
                    }
                    keep
                });
                expected.sort_unstable();
                assert_eq!(swept, expected);
            }
        }
    }

    /// An item that is due after all others stays the last leaf, so removing it has to succeed.
    fn push_and_take_back(&mut self, timers: &mut Timers<usize>, seconds: f64) {
        let number = self.push(timers, seconds);
        let is_last = self.waiting.last().is_some_and(|(_, last)| *last == number);
        let taken = timers.take_newest_if(|newest| *newest == number);
        assert!(taken == Some(number) || (taken.is_none() && !is_last));
        if taken.is_some() {
            self.remove(number);
        }
    }

    fn check(&self, timers: &Timers<usize>) {
        assert_eq!((timers.len(), timers.is_empty()), (self.waiting.len(), self.waiting.is_empty()));
        assert_eq!(timers.next_deadline(), self.waiting.first().map(|(deadline, _)| *deadline));
        assert_eq!(timers.peek(), self.waiting.first().map(|(_, number)| number));
    }
}

proptest! {
    #[test]
    fn things_leave_by_deadline_and_then_in_the_order_they_came(steps in vec(any_step(), 0..200)) {
        let (mut timers, mut model) = (Timers::new(), Model::default());
        for step in &steps {
            model.step(&mut timers, step);
            model.check(&timers);
        }
        let mut held: Vec<usize> = timers.iter().copied().collect();
        held.sort_unstable();
        let mut expected: Vec<usize> = model.waiting.iter().map(|(_, number)| *number).collect();
        expected.sort_unstable();
        prop_assert_eq!(held, expected);
        prop_assert_eq!(std::iter::from_fn(|| timers.pop()).collect::<Vec<_>>(), model.waiting);
    }

    #[test]
    fn draining_gives_everything_back(seconds in vec(any_seconds(), 0..50)) {
        let mut timers = Timers::new();
        for (number, seconds) in seconds.iter().enumerate() {
            timers.push(Deadline::from_seconds(*seconds), number);
        }
        let mut drained = timers.drain();
        drained.sort_unstable();
        prop_assert!(timers.is_empty());
        prop_assert_eq!(drained, (0..seconds.len()).collect::<Vec<_>>());
    }

    #[test]
    fn deadlines_compare_as_their_seconds_do(one in any::<f64>(), other in any::<f64>()) {
        let deadlines = (Deadline::from_seconds(one), Deadline::from_seconds(other));
        match one.partial_cmp(&other) {
            Some(order) => prop_assert_eq!(deadlines.0.cmp(&deadlines.1), order),
            // A NaN sorts first; two NaNs are equal.
            None => prop_assert_eq!(deadlines.0.cmp(&deadlines.1), other.is_nan().cmp(&one.is_nan())),
        }
    }

    #[test]
    fn seconds_come_back_unchanged(seconds in any::<f64>()) {
        let back = Deadline::from_seconds(seconds).seconds();
        prop_assert!(back == seconds || (back.is_nan() && seconds.is_nan()));
    }

    #[test]
    fn a_wait_is_never_shorter_than_what_is_left(now in 0.0..1e7_f64, left in -1.0..100_000.0_f64) {
        let deadline = Deadline::from_seconds(now + left);
        let left = deadline.seconds() - now;
        match deadline.wait_from(now) {
            Timeout::Now => prop_assert!(left <= 0.0),
            Timeout::After(wait) if wait == MAX_WAIT => prop_assert!(left >= MAX_WAIT.as_secs_f64()),
            // Not too short, and too long by at most the nanosecond of rounding up.
            Timeout::After(wait) => {
                prop_assert!(wait.as_secs_f64() >= left - left * f64::EPSILON);
                prop_assert!(wait.as_secs_f64() <= left + 1.1e-9);
            }
            Timeout::Never => prop_assert!(false, "{left} seconds are not for ever"),
        }
    }
}

#[test]
fn the_odd_deadlines_have_their_places() {
    let [nan, least, zero, most, infinity] =
        [f64::NAN, f64::NEG_INFINITY, 0.0, f64::MAX, f64::INFINITY].map(Deadline::from_seconds);
    assert!(nan < least && least < zero && zero < most && most < infinity);
    assert_eq!(Deadline::from_seconds(-f64::NAN), nan);
    assert_eq!(Deadline::from_seconds(-0.0), zero);
    assert!(nan.is_due(zero) && least.is_due(zero) && zero.is_due(zero) && !infinity.is_due(most));
}

#[test]
fn the_odd_deadlines_have_their_waits() {
    let wait = |seconds: f64| Deadline::from_seconds(seconds).wait_from(1e6);
    assert_eq!(wait(f64::NAN), Timeout::Now);
    assert_eq!(wait(f64::NEG_INFINITY), Timeout::Now);
    assert_eq!(wait(1e6), Timeout::Now);
    assert_eq!(wait(f64::MAX), Timeout::After(MAX_WAIT));
    assert_eq!(wait(f64::INFINITY), Timeout::Never);
}

#[test]
fn a_deadline_a_nanosecond_away_is_waited_for() {
    let deadline = Deadline::from_seconds(1e-9);
    assert_eq!(deadline.wait_from(0.0), Timeout::After(std::time::Duration::from_nanos(1)));
    assert_eq!(deadline.wait_from(0.999_999_5e-9), Timeout::After(std::time::Duration::from_nanos(1)));
}
