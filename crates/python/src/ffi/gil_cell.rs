//! `GilCell<T>`: data of a loop that any thread may reach through the Python object, but only one at a time.
//!
//! With the GIL, holding it is the right to the data, and a flag catches re-entry. Without the GIL it is a mutex. In both
//! builds the closure must be short and must neither call Python nor release an object: a finalizer could come back here.

#[cfg(not(Py_GIL_DISABLED))]
mod cell {
    use std::cell::{Cell, UnsafeCell};

    use pyo3::prelude::*;

    pub(crate) struct GilCell<T> {
        value: UnsafeCell<T>,
        busy: Cell<bool>,
    }

    // SAFETY: `with` asks for a `Python` token, which one thread at a time holds, and it never lets go of it inside.
    unsafe impl<T> Sync for GilCell<T> {}
    // SAFETY: as above; the value is dropped by the object's deallocation, which holds the GIL.
    unsafe impl<T> Send for GilCell<T> {}

    impl<T> GilCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self { value: UnsafeCell::new(value), busy: Cell::new(false) }
        }

        /// Runs `body` on the value. Re-entry is a bug of ours: it panics, and the border makes an exception of it.
        #[inline(always)]
        pub(crate) fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> R {
            assert!(!self.busy.replace(true), "a loop's state was entered twice");
            let free_again = FreeAgain(&self.busy);
            // SAFETY: the token shows that this thread holds the GIL, `busy` that no other borrow of the value is alive.
            let result = body(unsafe { &mut *self.value.get() });
            drop(free_again);
            result
        }

        /// The value for the garbage collector, which may only look; `None` while it is being changed.
        pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
            if self.busy.get() {
                return None;
            }
            // SAFETY: the collector runs with the GIL held (or the world stopped) and no `with` is on the stack.
            Some(look(unsafe { &*self.value.get() }))
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

    // SAFETY: the mutex serialises access; what it holds are references to Python objects, usable from any thread.
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
