//! What a loop counts for `loop.metrics()`.
//!
//! The counts are always on: each costs an addition per turn, poll, read or send, and none per callback. The times need
//! the clock, so they are measured in the mode `TIMED` and in debug mode only.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// The seconds from which on a callback counts as slow, until the program sets `loop.slow_callback_duration`: the
/// default of asyncio.
const SLOW_SECONDS: f64 = 0.1;

/// The number of readers of [`Counters::longest`], each of which begins anew at its own calls: `loop.metrics()` and
/// `vitok top`.
const READERS: usize = 2;

/// A number that only grows. Every addition happens in the loop's thread, or with the GIL held. Without a GIL one that
/// another thread makes, by writing to a transport of the loop, may be lost: an atomic addition would cost each read and
/// each turn more than the number is worth.
pub(crate) struct Count(AtomicU64);

impl Count {
    const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn add(&self, number: usize) {
        self.add_ns(number as u64);
    }

    #[inline(always)]
    pub(crate) fn add_ns(&self, number: u64) {
        self.0.store(self.get().wrapping_add(number), Ordering::Relaxed);
    }

    /// Takes back what was added before its time.
    #[cold]
    pub(crate) fn take_back(&self, number: usize) {
        self.0.store(self.get().wrapping_sub(number as u64), Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers of one loop.
pub(crate) struct Counters {
    pub(crate) turns: Count,
    /// Handles that were called, and events that were delivered to transports.
    pub(crate) callbacks: Count,
    /// Times that the kernel was asked for events, sleeps included.
    pub(crate) polls: Count,
    /// Sleeps that have ended.
    pub(crate) wakeups: Count,
    /// Events that the kernel reported.
    pub(crate) events: Count,
    pub(crate) bytes_received: Count,
    pub(crate) bytes_sent: Count,
    /// Nanoseconds.
    pub(crate) in_callbacks: Count,
    /// Nanoseconds.
    pub(crate) in_polls: Count,
    /// Nanoseconds of the longest callback since each reader's last call.
    longest: [AtomicU64; READERS],
    /// The bits of `loop.slow_callback_duration`.
    slow: AtomicU64,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            turns: Count::zero(),
            callbacks: Count::zero(),
            polls: Count::zero(),
            wakeups: Count::zero(),
            events: Count::zero(),
            bytes_received: Count::zero(),
            bytes_sent: Count::zero(),
            in_callbacks: Count::zero(),
            in_polls: Count::zero(),
            longest: [const { AtomicU64::new(0) }; READERS],
            slow: AtomicU64::new(SLOW_SECONDS.to_bits()),
        }
    }

    /// Counts a turn and the handles that it is going to call.
    #[inline(always)]
    pub(crate) fn note_turn(&self, handles: usize) {
        self.turns.add(1);
        self.callbacks.add(handles);
    }

    /// Counts the bytes that a read has returned, and returns its outcome.
    #[inline(always)]
    pub(crate) fn received<'a>(&self, outcome: io::Result<&'a mut [u8]>) -> io::Result<&'a mut [u8]> {
        outcome.inspect(|bytes| self.bytes_received.add(bytes.len()))
    }

    /// Counts the bytes that the kernel has taken, and returns the outcome of the call.
    #[inline(always)]
    pub(crate) fn sent(&self, outcome: io::Result<usize>) -> io::Result<usize> {
        outcome.inspect(|count| self.bytes_sent.add(*count))
    }

    /// Records how long a callback took, in nanoseconds.
    pub(crate) fn note_callback(&self, took: u64) {
        self.in_callbacks.add_ns(took);
        for longest in &self.longest {
            if took > longest.load(Ordering::Relaxed) {
                longest.store(took, Ordering::Relaxed);
            }
        }
    }

    /// Returns the nanoseconds of the longest callback since this reader's last call: 0 if the number is no reader's.
    pub(crate) fn take_longest(&self, reader: usize) -> u64 {
        self.longest.get(reader).map_or(0, |longest| longest.swap(0, Ordering::Relaxed))
    }

    /// Returns whether so many nanoseconds are `loop.slow_callback_duration` or more.
    pub(crate) fn is_slow(&self, took: u64) -> bool {
        reactor::seconds(took) >= f64::from_bits(self.slow.load(Ordering::Relaxed))
    }

    pub(crate) fn set_slow(&self, seconds: f64) {
        self.slow.store(seconds.to_bits(), Ordering::Relaxed);
    }
}
