//! `GilCell<T>`: data of a loop that any thread may reach through the Python object, but only one at a time.
//!
//! With the GIL, holding it gives access to the data, and a flag catches re-entry. Without the GIL it is a cell that one
//! thread owns (`threads::OwnedCell`): the first to enter it, or the one that has claimed it. Others may enter, at the
//! price of a lock from then on. In both builds the closure must be short and must neither call Python nor release an
//! object: a finalizer could enter it again, and threads that wait for each other do not stop when the collector or
//! `os.fork()` stops the world.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::trampoline::attached;

#[cfg(not(Py_GIL_DISABLED))]
mod cell {
    use std::cell::{Cell, UnsafeCell};

    use pyo3::ffi;
    use pyo3::prelude::*;

    pub(crate) struct GilCell<T> {
        value: UnsafeCell<T>,
        busy: Cell<bool>,
    }

    // SAFETY: `with` requires a `Python` token, which one thread at a time holds, and never releases it inside. That
    // thread may take the value out and keep it, so the value must be `Send`.
    unsafe impl<T: Send> Sync for GilCell<T> {}

    impl<T> GilCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self { value: UnsafeCell::new(value), busy: Cell::new(false) }
        }

        /// As [`new`](Self::new). Without the GIL: no thread becomes the owner by entering first, but one can
        /// [claim](Self::claim) it.
        pub(crate) const fn new_unowned(value: T) -> Self {
            Self::new(value)
        }

        /// Runs `body` on the value. Re-entry is a bug of ours: it panics, and the trampoline makes an exception of it.
        #[inline(always)]
        pub(crate) fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> R {
            assert!(!self.busy.replace(true), "a loop's state was entered twice");
            let free_again = FreeAgain(&self.busy);
            // SAFETY: the token shows that this thread holds the GIL, `busy` that no other borrow of the value is alive.
            let result = body(unsafe { &mut *self.value.get() });
            drop(free_again);
            result
        }

        /// As [`with`](Self::with), unless the cell is another thread's, or everybody's: without the GIL, a pool that
        /// would make threads wait for each other is worth nothing.
        #[inline(always)]
        pub(crate) fn with_if_owner<R>(&self, py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> Option<R> {
            Some(self.with(py, body))
        }

        /// Makes the calling thread the owner, if the one before has [given it up](Self::give_up). With the GIL nobody
        /// needs to be.
        #[inline(always)]
        pub(crate) fn claim(&self, _py: Python<'_>) {}

        /// Ends the ownership of the calling thread.
        #[inline(always)]
        pub(crate) fn give_up(&self, _py: Python<'_>) {}

        /// Returns what `look` reads from the value, for the garbage collector; `None` while the value is being
        /// changed.
        pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
            // SAFETY: has no preconditions.
            if unsafe { ffi::PyGILState_Check() } == 0 || self.busy.replace(true) {
                return None;
            }
            let free_again = FreeAgain(&self.busy);
            // SAFETY: this thread holds the GIL, as a collector does, and `busy` shows that no other borrow is alive.
            let result = look(unsafe { &*self.value.get() });
            drop(free_again);
            Some(result)
        }
    }

    struct FreeAgain<'a>(&'a Cell<bool>);

    impl Drop for FreeAgain<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
}

#[cfg(Py_GIL_DISABLED)]
mod cell {
    use pyo3::ffi;
    use pyo3::prelude::*;
    use threads::{Aside, OwnedCell};

    use crate::ffi::trampoline::attached;

    /// A thread that waits for a cell does so detached. The one inside may wait for a lock of the interpreter, and if
    /// the world is stopped then, it goes on only after the thread that waits has stopped too.
    pub(crate) struct Detached;

    impl Aside for Detached {
        fn aside(wait: impl FnOnce()) {
            if attached().is_none() {
                return wait();
            }
            // SAFETY: this thread is attached.
            let state = unsafe { ffi::PyEval_SaveThread() };
            wait();
            // SAFETY: the state that this thread had.
            unsafe { ffi::PyEval_RestoreThread(state) };
        }
    }

    pub(crate) struct GilCell<T>(OwnedCell<T, Detached>);

    impl<T> GilCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(OwnedCell::new(value))
        }

        pub(crate) const fn new_unowned(value: T) -> Self {
            Self(OwnedCell::new_shared(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> R {
            self.0.with(body)
        }

        #[inline(always)]
        pub(crate) fn with_if_owner<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> Option<R> {
            self.0.with_if_owner(body)
        }

        #[inline(always)]
        pub(crate) fn claim(&self, _py: Python<'_>) {
            self.0.claim();
        }

        pub(crate) fn give_up(&self, _py: Python<'_>) {
            self.0.give_up();
        }

        pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
            // SAFETY: only functions that the collector calls use this. It has stopped every other attached thread, and
            // threads that are not attached don't enter.
            unsafe { self.0.peek(look) }
        }
    }
}

pub(crate) use cell::GilCell;

/// A [`GilCell`] of a `#[pyclass]`, whose values PyO3 requires to be `Send`. A drop without the GIL leaks the value.
pub(crate) struct ClassCell<T>(ManuallyDrop<GilCell<T>>);

impl<T> ClassCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(ManuallyDrop::new(GilCell::new(value)))
    }

    /// As [`GilCell::new_unowned`].
    pub(crate) const fn new_unowned(value: T) -> Self {
        Self(ManuallyDrop::new(GilCell::new_unowned(value)))
    }
}

impl<T> Deref for ClassCell<T> {
    type Target = GilCell<T>;

    #[inline(always)]
    fn deref(&self) -> &GilCell<T> {
        &self.0
    }
}

impl<T> Drop for ClassCell<T> {
    fn drop(&mut self) {
        if attached().is_some() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
