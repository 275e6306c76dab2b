//! `GilCell<T>`: data of a loop that any thread may reach through the Python object, but only one at a time.
//!
//! With the GIL, holding it gives access to the data, and a flag catches re-entry. Without the GIL it is a mutex. In
//! both builds the closure must be short and must neither call Python nor release an object: a finalizer could enter it
//! again.

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

    // SAFETY: `with` requires a `Python` token, which one thread at a time holds, and never releases it inside.
    unsafe impl<T> Sync for GilCell<T> {}

    impl<T> GilCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self { value: UnsafeCell::new(value), busy: Cell::new(false) }
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
    use std::sync::{Mutex, PoisonError};

    use pyo3::prelude::*;

    pub(crate) struct GilCell<T>(Mutex<T>);

    // SAFETY: the mutex serialises access, and its content is references to Python objects, which any thread may use.
    unsafe impl<T> Sync for GilCell<T> {}
    // SAFETY: as above.
    unsafe impl<T> Send for GilCell<T> {}

    impl<T> GilCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> R {
            body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
            self.0.try_lock().ok().map(|value| look(&value))
        }
    }
}

pub(crate) use cell::GilCell;

/// A [`GilCell`] of a `#[pyclass]`, whose values PyO3 requires to be `Send`. A drop without the GIL leaks the value.
pub(crate) struct ClassCell<T>(ManuallyDrop<GilCell<T>>);

// SAFETY: only attached threads reach and drop the content.
unsafe impl<T> Send for ClassCell<T> {}

impl<T> ClassCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(ManuallyDrop::new(GilCell::new(value)))
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
