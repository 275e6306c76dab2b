//! Who may use the fields of a thing that runs once, or is cancelled: bits of one word, that several threads set.
//!
//! - A run *claims* the thing: it sets `RUNNING` unless `CANCELLED` is set, in one step. From then until `end` the fields
//!   stay, so the run reads them without a lock.
//! - Who has set `CANCELLED` takes the fields out (`release`), unless the thing runs; then the run does it at its end.
//!   `RELEASED` is set once, so they are taken out once.
//! - All other readers and writers hold `LOCKED` (`locked`), for a few instructions.
//!
//! Where the caller's is the only reference there is nobody to be kept apart from, and no step is atomic. Other bits are
//! the caller's own. The fields are not known here.

use std::sync::atomic::Ordering;

use crate::sync::{AtomicU32, const_unless_loom, fence, spin, yield_now};

/// What a claim for a run has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The run may use the fields until its end.
    First,
    /// The thing runs already.
    Further,
    /// The thing was cancelled: it must not run.
    Refused,
}

/// The word of one thing.
#[derive(Debug)]
pub struct Claims(AtomicU32);

impl Claims {
    /// Set by who cancels, by [`add`](Self::add) or [`add_if`](Self::add_if).
    pub const CANCELLED: u32 = 1;
    /// Set by [`claim`](Self::claim), cleared by [`end`](Self::end).
    pub const RUNNING: u32 = 2;
    /// Set by [`release`](Self::release).
    pub const RELEASED: u32 = 128;
    /// Set while [`locked`](Self::locked) runs.
    pub const LOCKED: u32 = 1024;

    const_unless_loom! {
        /// Makes the word of a new thing, with bits of the caller's own.
        #[must_use]
        pub fn new(bits: u32) -> Self {
            Self(AtomicU32::new(bits))
        }
    }

    /// Returns the bits.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets bits, and returns those from before.
    #[inline(always)]
    pub fn add(&self, bits: u32) -> u32 {
        self.0.fetch_or(bits, Ordering::AcqRel)
    }

    /// Clears bits.
    #[inline(always)]
    pub fn remove(&self, bits: u32) {
        self.0.fetch_and(!bits, Ordering::AcqRel);
    }

    /// Sets bits if the present ones are right, in one step. Returns those from before, or `None`.
    #[inline(always)]
    pub fn add_if(&self, bits: u32, right: impl Fn(u32) -> bool) -> Option<u32> {
        let mut now = self.get();
        while right(now) {
            match self.0.compare_exchange_weak(now, now | bits, Ordering::AcqRel, Ordering::Acquire) {
                Ok(before) => return Some(before),
                Err(changed) => now = changed,
            }
        }
        None
    }

    /// Claims the thing for a run. `is_alone`: whether the caller's reference to it is the only one.
    #[inline(always)]
    pub fn claim(&self, is_alone: impl FnOnce() -> bool) -> Claim {
        if self.is_exclusive(is_alone) {
            let before = self.0.load(Ordering::Relaxed);
            if before & Self::CANCELLED != 0 {
                return Claim::Refused;
            }
            if before & Self::RUNNING != 0 {
                return Claim::Further;
            }
            self.0.store(before | Self::RUNNING, Ordering::Relaxed);
            return Claim::First;
        }
        match self.add_if(Self::RUNNING, |now| now & (Self::CANCELLED | Self::RUNNING) == 0) {
            Some(_) => Claim::First,
            None if self.get() & Self::CANCELLED != 0 => Claim::Refused,
            None => Claim::Further,
        }
    }

    /// Ends the run whose claim was the first.
    #[inline(always)]
    pub fn end(&self, is_alone: impl FnOnce() -> bool) {
        if self.is_exclusive(is_alone) {
            let before = self.0.load(Ordering::Relaxed);
            self.0.store(before & !Self::RUNNING, Ordering::Relaxed);
        } else {
            self.remove(Self::RUNNING);
        }
    }

    /// Asks before the bits are read: a thread that has cancelled the thing may have given its reference back just now,
    /// and what it did before that is seen.
    #[inline(always)]
    fn is_exclusive(&self, is_alone: impl FnOnce() -> bool) -> bool {
        let is_alone = is_alone();
        if is_alone {
            fence(Ordering::Acquire);
        }
        is_alone
    }

    /// Runs `body`, which reads or replaces fields, with the bits.
    pub fn locked<R>(&self, body: impl FnOnce(u32) -> R) -> R {
        let before = loop {
            match self.add_if(Self::LOCKED, |now| now & Self::LOCKED == 0) {
                Some(before) => break before,
                None => self.wait_for_lock(),
            }
        };
        let result = body(before);
        self.remove(Self::LOCKED);
        result
    }

    /// Returns whether the caller, who has seen `CANCELLED`, takes the fields out now.
    pub fn release(&self) -> bool {
        // A run that has not ended sees `CANCELLED` at its end, which was set before: none begins after that.
        if self.get() & Self::RUNNING != 0 || self.add(Self::RELEASED) & Self::RELEASED != 0 {
            return false;
        }
        while self.get() & Self::LOCKED != 0 {
            self.wait_for_lock();
        }
        true
    }

    /// Waits a moment for a thread that holds `LOCKED`, which is not stopped meanwhile unless by the kernel.
    #[cold]
    fn wait_for_lock(&self) {
        if !spin(|| self.get() & Self::LOCKED == 0) {
            yield_now();
        }
    }
}
