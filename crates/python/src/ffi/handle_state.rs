//! What a handle has been through, one bit per event, and who may use its callback and its arguments.
//!
//! With the GIL these are plain steps. Without it any thread that has the handle may cancel it or look at it while the
//! loop's thread runs it, and the bits are those of [`threads::Claims`], which has the rules. Within `State::locked` no
//! Python code runs, nothing is released and the thread stays attached.
//!
//! The fields are not known here.

#[cfg(Py_GIL_DISABLED)]
pub(super) use threads::Claim;
#[cfg(Py_GIL_DISABLED)]
use threads::Claims;

/// The history of a handle, one bit per event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// `cancel()` was called.
    pub(crate) const CANCELLED: Self = Self(1);
    /// Its callback is on the stack: callback and arguments must stay until the call returns.
    pub(crate) const RUNNING: Self = Self(2);
    /// `call_soon_threadsafe` created the handle.
    pub(crate) const THREADSAFE: Self = Self(4);
    /// The heap of timers contains the handle.
    pub(crate) const SCHEDULED: Self = Self(8);
    /// It is a `TimerHandle`.
    pub(crate) const TIMER: Self = Self(16);
    /// `cancel()` has returned: callback and arguments are gone, as in asyncio's handle.
    pub(crate) const DROPPED: Self = Self(32);
    /// The garbage collector tracks it. See `handle_pool`.
    pub(crate) const TRACKED: Self = Self(64);
    /// The callback and its arguments are released.
    pub(super) const RELEASED: Self = Self(128);
    /// A remote queue contains the handle.
    pub(super) const POSTED: Self = Self(256);
    /// The heap of timers has counted it as cancelled.
    pub(crate) const COUNTED: Self = Self(512);
    /// A thread reads or writes the fields.
    #[cfg(Py_GIL_DISABLED)]
    const LOCKED: Self = Self(1024);
    /// The flags that other modules may set.
    const MARKS: Self = Self(Self::SCHEDULED.0 | Self::DROPPED.0 | Self::COUNTED.0);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[cfg(not(Py_GIL_DISABLED))]
    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn marks(self) -> Self {
        Self(self.0 & Self::MARKS.0)
    }
}

/// What a claim for a run has found.
#[cfg(not(Py_GIL_DISABLED))]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The run may use the fields until its end.
    First,
    /// The handle runs already.
    Further,
    /// The handle was cancelled: without the GIL only, because with it the caller has just looked.
    #[expect(dead_code, reason = "the caller has just looked")]
    Refused,
}

#[cfg(not(Py_GIL_DISABLED))]
mod state {
    use std::cell::Cell;

    use super::{Claim, Flags};

    pub(in crate::ffi) struct State(Cell<Flags>);

    impl State {
        pub(in crate::ffi) const fn new(flags: Flags) -> Self {
            Self(Cell::new(flags))
        }

        #[inline(always)]
        pub(in crate::ffi) fn get(&self) -> Flags {
            self.0.get()
        }

        /// Sets flags, and returns those from before.
        #[inline(always)]
        pub(in crate::ffi) fn add(&self, flags: Flags) -> Flags {
            let before = self.0.get();
            self.0.set(before.with(flags));
            before
        }

        /// Clears flags.
        #[inline(always)]
        pub(in crate::ffi) fn remove(&self, flags: Flags) {
            self.0.set(self.0.get().without(flags));
        }

        /// Sets flags if the present ones are right. Returns those from before, or `None`.
        #[inline(always)]
        pub(in crate::ffi) fn add_if(&self, flags: Flags, right: impl Fn(Flags) -> bool) -> Option<Flags> {
            right(self.0.get()).then(|| self.add(flags))
        }

        /// Claims the handle for a run.
        #[inline(always)]
        pub(in crate::ffi) fn claim(&self, _is_alone: impl FnOnce() -> bool) -> Claim {
            let before = self.add(Flags::RUNNING);
            if before.has(Flags::RUNNING) { Claim::Further } else { Claim::First }
        }

        /// Ends the run whose claim was the first.
        #[inline(always)]
        pub(in crate::ffi) fn end(&self, _is_alone: impl FnOnce() -> bool) {
            self.remove(Flags::RUNNING);
        }

        /// Runs `body`, which reads or replaces fields, with the flags.
        #[inline(always)]
        pub(in crate::ffi) fn locked<R>(&self, body: impl FnOnce(Flags) -> R) -> R {
            body(self.0.get())
        }

        /// Returns whether the caller takes the fields out now.
        #[inline(always)]
        pub(in crate::ffi) fn release(&self) -> bool {
            if self.0.get().has(Flags::RUNNING) {
                return false;
            }
            self.add(Flags::RELEASED);
            true
        }
    }
}

#[cfg(Py_GIL_DISABLED)]
mod state {
    use super::{Claim, Claims, Flags};

    // The bits that both know.
    const _: () = assert!(Flags::CANCELLED.0 == Claims::CANCELLED && Flags::RUNNING.0 == Claims::RUNNING);
    const _: () = assert!(Flags::RELEASED.0 == Claims::RELEASED && Flags::LOCKED.0 == Claims::LOCKED);

    pub(in crate::ffi) struct State(Claims);

    impl State {
        pub(in crate::ffi) const fn new(flags: Flags) -> Self {
            Self(Claims::new(flags.0))
        }

        #[inline(always)]
        pub(in crate::ffi) fn get(&self) -> Flags {
            Flags(self.0.get())
        }

        #[inline(always)]
        pub(in crate::ffi) fn add(&self, flags: Flags) -> Flags {
            Flags(self.0.add(flags.0))
        }

        #[inline(always)]
        pub(in crate::ffi) fn remove(&self, flags: Flags) {
            self.0.remove(flags.0);
        }

        #[inline(always)]
        pub(in crate::ffi) fn add_if(&self, flags: Flags, right: impl Fn(Flags) -> bool) -> Option<Flags> {
            self.0.add_if(flags.0, |now| right(Flags(now))).map(Flags)
        }

        /// `is_alone`: whether the caller's reference is the only one.
        #[inline(always)]
        pub(in crate::ffi) fn claim(&self, is_alone: impl FnOnce() -> bool) -> Claim {
            self.0.claim(is_alone)
        }

        #[inline(always)]
        pub(in crate::ffi) fn end(&self, is_alone: impl FnOnce() -> bool) {
            self.0.end(is_alone);
        }

        pub(in crate::ffi) fn locked<R>(&self, body: impl FnOnce(Flags) -> R) -> R {
            self.0.locked(|bits| body(Flags(bits)))
        }

        pub(in crate::ffi) fn release(&self) -> bool {
            self.0.release()
        }
    }
}

pub(super) use state::State;
