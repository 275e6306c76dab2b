//! The atomics, locks and cells of the standard library, or loom's, which try all interleavings.

#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, fence},
    thread::yield_now,
};

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, fence},
    thread::yield_now,
};

/// `std::cell::UnsafeCell` with the interface of loom's, which notices two accesses at the same time.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, look: impl FnOnce(*const T) -> R) -> R {
        look(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, change: impl FnOnce(*mut T) -> R) -> R {
        change(self.0.get())
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// A function that is const, except with loom, which registers what is made.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])* $visibility const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])* $visibility fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

/// How often a thread asks before it lets others run: as many as a short section of another processor takes.
#[cfg(not(loom))]
const SPINS: u32 = 64;
/// How often it lets others run before it sleeps: the one that it waits for does not run.
#[cfg(not(loom))]
const YIELDS: u32 = 32;
#[cfg(not(loom))]
const SLEEP: std::time::Duration = std::time::Duration::from_micros(50);

/// Asks a few times. Returns whether the answer was yes.
#[cfg(not(loom))]
pub(crate) fn spin(mut is_done: impl FnMut() -> bool) -> bool {
    for _ in 0..SPINS {
        if is_done() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

/// Returns when the answer is yes.
#[cfg(not(loom))]
pub(crate) fn wait_until(is_done: impl Fn() -> bool) {
    for _ in 0..YIELDS {
        if is_done() {
            return;
        }
        std::thread::yield_now();
    }
    while !is_done() {
        std::thread::sleep(SLEEP);
    }
}

#[cfg(loom)]
pub(crate) fn spin(mut is_done: impl FnMut() -> bool) -> bool {
    is_done()
}

/// In loom a relaxed load may go on returning an old value, and a thread that only loads is one that hangs: it lets others
/// run before every answer.
#[cfg(loom)]
pub(crate) fn wait_until(is_done: impl Fn() -> bool) {
    loom::thread::yield_now();
    while !is_done() {
        loom::thread::yield_now();
    }
}
