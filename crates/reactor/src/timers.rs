//! Timers: deadlines as integers, and items in the order of their deadlines.
//!
//! asyncio's deadlines are floats of seconds. Comparing floats in a heap would mean handling NaN at each step, so a
//! deadline is converted once to an integer with the same order. Items with equal deadlines leave in the order in which
//! they were added, as callers of successive `call_later(0.1, ...)` expect.
//!
//! The clock is never read here: the caller passes the time. Items are never dropped here: everything that is removed
//! is returned once the heap is consistent, because dropping may run code that calls these timers again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::wait::{MAX_WAIT, Timeout};

/// A point of the monotonic clock, as an integer that sorts as its seconds do.
///
/// NaN sorts before everything and is due at once; infinity sorts after everything and is never due. The two zeros are
/// equal.
///
/// ```
/// use reactor::Deadline;
/// assert!(Deadline::from_seconds(-1.0) < Deadline::from_seconds(0.5));
/// assert_eq!(Deadline::from_seconds(2.25).seconds(), 2.25);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline(i64);

/// Nanoseconds in a second.
const NS_PER_SECOND: f64 = 1e9;

impl Deadline {
    /// The integer of every NaN. Its bits, read as a float, are a NaN again.
    const AT_ONCE: Deadline = Deadline(i64::MIN);

    /// Converts seconds of the monotonic clock.
    #[inline]
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        if seconds.is_nan() {
            return Self::AT_ONCE;
        }
        // Adding zero turns the negative zero into the positive one and changes no other number.
        Self(flip_magnitude_if_negative((seconds + 0.0).to_bits().cast_signed()))
    }

    /// Returns the seconds that the deadline was made from.
    #[inline]
    #[must_use]
    pub fn seconds(self) -> f64 {
        f64::from_bits(flip_magnitude_if_negative(self.0).cast_unsigned())
    }

    /// Returns whether the deadline has come.
    #[inline]
    #[must_use]
    pub fn is_due(self, now: Deadline) -> bool {
        self <= now
    }

    /// Returns how long to sleep from `now_seconds` on so as not to wake before the deadline: whole nanoseconds,
    /// rounded up.
    ///
    /// A sleep takes at most [`MAX_WAIT`]; the caller then checks the deadline again.
    ///
    /// ```
    /// use reactor::{Deadline, Timeout};
    /// use std::time::Duration;
    /// let deadline = Deadline::from_seconds(10.5);
    /// assert_eq!(deadline.wait_from(10.0), Timeout::After(Duration::from_millis(500)));
    /// assert_eq!(deadline.wait_from(11.0), Timeout::Now);
    /// ```
    #[inline]
    #[must_use]
    pub fn wait_from(self, now_seconds: f64) -> Timeout {
        let deadline = self.seconds();
        if deadline == f64::INFINITY {
            return Timeout::Never;
        }
        let wait = deadline - now_seconds;
        if wait.is_nan() || wait <= 0.0 {
            return Timeout::Now;
        }
        if wait >= MAX_WAIT.as_secs_f64() {
            return Timeout::After(MAX_WAIT);
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between zero and the nanoseconds of a day, and is whole after the ceiling"
        )]
        let wait_ns = (wait * NS_PER_SECOND).ceil() as u64;
        Timeout::After(Duration::from_nanos(wait_ns))
    }
}

/// Makes the integers of negative floats sort as the floats do, and back: the function is its own inverse.
///
/// The bits of positive floats already sort as integers. Those of negative ones sort by magnitude, in reverse, until
/// all bits but the sign are flipped.
#[inline]
const fn flip_magnitude_if_negative(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

/// Items with deadlines: a queue for those added in order, a heap for the others, without an allocation for each.
///
/// Most programs make timers with the same few delays, so most deadlines are not before the last one made. Such a timer
/// goes to the end of the queue and leaves from its front, at a tenth of the cost of the heap (5 ns instead of 55, with
/// a thousand timers). The earlier of the two fronts is next; equal deadlines leave in the order in which they were
/// added, from either.
///
/// Each node of the heap has four children rather than two: the tree is half as deep, and four children of 24 bytes fit
/// in two cache lines, so that removing the first item costs fewer cache misses for a few more comparisons.
///
/// ```
/// use reactor::{Deadline, Timers};
/// let mut timers = Timers::new();
/// timers.push(Deadline::from_seconds(2.0), "later");
/// timers.push(Deadline::from_seconds(1.0), "sooner");
/// let now = Deadline::from_seconds(1.5);
/// assert_eq!((timers.pop_due(now), timers.pop_due(now)), (Some("sooner"), None));
/// ```
#[derive(Debug)]
pub struct Timers<T> {
    /// The items that were added in order.
    queue: VecDeque<Entry<T>>,
    heap: Vec<Entry<T>>,
    /// The number of the next entry. At one entry per nanosecond it would last five hundred years.
    next_sequence: u64,
}

/// The number of children of a node.
const ARITY: usize = 4;

#[derive(Debug)]
struct Entry<T> {
    deadline: Deadline,
    /// Decides between equal deadlines: the lower number leaves first.
    sequence: u64,
    item: T,
}

impl<T> Entry<T> {
    /// Returns deadline and sequence as one number. Comparing the two fields in succession takes a branch that is often
    /// mispredicted: one number made removing an item out of a thousand a quarter cheaper (55 ns instead of 72).
    #[inline]
    fn key(&self) -> i128 {
        (i128::from(self.deadline.0) << 64) | i128::from(self.sequence)
    }

    #[inline]
    fn is_before(&self, other: &Self) -> bool {
        self.key() < other.key()
    }
}

/// The part that an entry leaves from.
#[derive(Clone, Copy)]
enum Part {
    Queue,
    Heap,
}

impl<T> Timers<T> {
    /// Creates timers without items, which allocate nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { queue: VecDeque::new(), heap: Vec::new(), next_sequence: 0 }
    }

    /// Adds an item with this deadline.
    #[inline]
    pub fn push(&mut self, deadline: Deadline, item: T) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = Entry { deadline, sequence, item };
        if self.queue.back().is_none_or(|last| last.deadline <= deadline) {
            self.queue.push_back(entry);
        } else {
            self.push_out_of_order(entry);
        }
    }

    /// Adds an entry that is out of order. A single timer in the far future must not keep all later ones out of the
    /// queue, so it moves to the heap.
    fn push_out_of_order(&mut self, entry: Entry<T>) {
        let into_heap =
            if self.queue.len() == 1 { std::mem::replace(&mut self.queue[0], entry) } else { entry };
        self.heap.push(into_heap);
        self.sift_up(self.heap.len() - 1);
    }

    /// Returns the earliest deadline.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.first().map(|(_, entry)| entry.deadline)
    }

    /// Returns the item that leaves next.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.first().map(|(_, entry)| &entry.item)
    }

    /// Removes the first item if it is due.
    #[inline]
    pub fn pop_due(&mut self, now: Deadline) -> Option<T> {
        let (part, first) = self.first()?;
        if first.deadline.is_due(now) { self.take_first(part).map(|entry| entry.item) } else { None }
    }

    /// Removes the first item, due or not.
    #[inline]
    pub fn pop(&mut self) -> Option<(Deadline, T)> {
        let (part, _) = self.first()?;
        self.take_first(part).map(|entry| (entry.deadline, entry.item))
    }

    /// Removes the item that was added last to the queue or to the heap, if `is` returns true for it.
    ///
    /// A timer that is cancelled right after it was made, such as the timeout of an operation that completes at once,
    /// is usually still there: it is removed at once and need not be swept later.
    #[inline]
    pub fn take_newest_if(&mut self, is: impl Fn(&T) -> bool) -> Option<T> {
        if self.queue.back().is_some_and(|entry| is(&entry.item)) {
            return self.queue.pop_back().map(|entry| entry.item);
        }
        if self.heap.last().is_some_and(|entry| is(&entry.item)) {
            return self.heap.pop().map(|entry| entry.item);
        }
        None
    }

    /// Returns the number of items, including those that the caller has cancelled and not swept yet.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len() + self.heap.len()
    }

    /// Returns whether there are no items.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.heap.is_empty()
    }

    /// Iterates over all items, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.queue.iter().chain(&self.heap).map(|entry| &entry.item)
    }

    /// Removes all items for which `keep` returns false, in time linear in all of them. The others keep their order.
    ///
    /// `keep` must not panic: the items would be left in no order.
    #[must_use = "dropping what was swept may run code that comes back to these timers"]
    pub fn sweep(&mut self, mut keep: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut swept = Vec::new();
        for entry in std::mem::take(&mut self.queue) {
            if keep(&entry.item) {
                self.queue.push_back(entry);
            } else {
                swept.push(entry.item);
            }
        }
        let gone = self.heap.extract_if(.., |entry| !keep(&entry.item));
        swept.extend(gone.map(|entry| entry.item));
        // A burst of timers should not keep its memory for ever; twice what is in use leaves room to grow.
        self.heap.shrink_to(self.heap.len() * 2);
        for parent in (0..self.heap.len().div_ceil(ARITY)).rev() {
            self.sift_down(parent);
        }
        swept
    }

    /// Removes all items, in no particular order.
    #[must_use = "dropping what was drained may run code that comes back to these timers"]
    pub fn drain(&mut self) -> Vec<T> {
        let queue = std::mem::take(&mut self.queue);
        let heap = std::mem::take(&mut self.heap);
        queue.into_iter().chain(heap).map(|entry| entry.item).collect()
    }

    /// Returns the entry that leaves next, and its part.
    #[inline]
    fn first(&self) -> Option<(Part, &Entry<T>)> {
        match (self.queue.front(), self.heap.first()) {
            (Some(queued), Some(heaped)) if heaped.is_before(queued) => Some((Part::Heap, heaped)),
            (Some(queued), _) => Some((Part::Queue, queued)),
            (None, heaped) => heaped.map(|entry| (Part::Heap, entry)),
        }
    }

    #[inline]
    fn take_first(&mut self, part: Part) -> Option<Entry<T>> {
        match part {
            Part::Queue => self.queue.pop_front(),
            Part::Heap if self.heap.is_empty() => None,
            Part::Heap => {
                let first = self.heap.swap_remove(0);
                self.sift_down(0);
                Some(first)
            }
        }
    }

    /// Moves an entry towards the root until its parent sorts before it.
    #[inline]
    fn sift_up(&mut self, mut index: usize) {
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if !self.heap[index].is_before(&self.heap[parent]) {
                break;
            }
            self.heap.swap(index, parent);
            index = parent;
        }
    }

    /// Moves an entry away from the root until it sorts before all of its children.
    #[inline]
    fn sift_down(&mut self, mut index: usize) {
        while let Some(child) = self.first_child(index) {
            if !self.heap[child].is_before(&self.heap[index]) {
                break;
            }
            self.heap.swap(index, child);
            index = child;
        }
    }

    /// Returns the child that leaves first, if there is any.
    #[inline]
    fn first_child(&self, parent: usize) -> Option<usize> {
        let start = parent * ARITY + 1;
        let end = self.heap.len().min(start + ARITY);
        (start..end).reduce(
            |first, other| {
                if self.heap[other].is_before(&self.heap[first]) { other } else { first }
            },
        )
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}
