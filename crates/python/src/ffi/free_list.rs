//! The memory of objects of one class that come and go one after the other: it is kept for the next ones.
//!
//! A spare object keeps its class and its reference to it. Without the GIL each thread has a list of its own. What the
//! objects hold is not known here.

#[cfg(not(Py_GIL_DISABLED))]
mod list {
    use std::marker::PhantomData;
    use std::ptr::NonNull;

    use pyo3::ffi;
    use pyo3::prelude::*;

    use crate::ffi::gil_cell::ClassCell;

    /// Spare objects of the class of `T`, up to a number.
    pub(crate) struct FreeList<T> {
        spare: ClassCell<Vec<NonNull<ffi::PyObject>>>,
        most: usize,
        kind: PhantomData<fn() -> T>,
    }

    // SAFETY: only attached threads reach the objects, which no other code has.
    unsafe impl<T> Sync for FreeList<T> {}

    impl<T> FreeList<T> {
        pub(crate) const fn new(most: usize) -> Self {
            Self { spare: ClassCell::new(Vec::new()), most, kind: PhantomData }
        }

        /// Returns memory of a spare object, with one reference; only its header is set.
        #[inline(always)]
        pub(in crate::ffi) fn take(&self, py: Python<'_>) -> Option<NonNull<ffi::PyObject>> {
            let spare = self.spare.with(py, Vec::pop)?;
            // SAFETY: memory of an object that no other code has. Its count is zero, so this makes it one.
            unsafe { ffi::Py_INCREF(spare.as_ptr()) };
            Some(spare)
        }

        /// Keeps the memory of an object, if there is room. Returns whether it does.
        ///
        /// # Safety
        /// The object is of the class of `T`, has no references and no value, and the collector does not track it.
        #[inline(always)]
        pub(in crate::ffi) unsafe fn keep(&self, py: Python<'_>, object: NonNull<ffi::PyObject>) -> bool {
            self.spare.with(py, |spare| {
                let has_room = spare.len() < self.most;
                if has_room {
                    spare.push(object);
                }
                has_room
            })
        }
    }
}

#[cfg(Py_GIL_DISABLED)]
mod list {
    use std::cell::Cell;
    use std::marker::PhantomData;
    use std::ptr::NonNull;
    use std::sync::{Mutex, TryLockError};
    use std::thread::{LocalKey, yield_now};

    use pyo3::ffi;
    use pyo3::prelude::*;

    /// How often the end of a thread tries to leave its objects to others.
    const TRIES: usize = 1000;

    /// Spare objects of the class of `T`: those of each thread, up to a number.
    pub(crate) struct FreeList<T> {
        own: &'static LocalKey<Own>,
        kind: PhantomData<fn() -> T>,
    }

    /// Memory of an object that no other code has.
    struct Spare(NonNull<ffi::PyObject>);

    // SAFETY: memory of the interpreter's allocator, which any thread may use and free.
    unsafe impl Send for Spare {}

    /// Spare objects of threads that have ended, for new threads.
    pub(crate) struct Ended(Mutex<Vec<Vec<Spare>>>);

    /// Spare objects of one thread.
    pub(crate) struct Own {
        spare: Cell<Vec<Spare>>,
        most: usize,
        ended: &'static Ended,
        /// Whether the thread has asked for those of an ended one.
        has_asked: Cell<bool>,
    }

    impl<T> FreeList<T> {
        pub(crate) const fn new(own: &'static LocalKey<Own>) -> Self {
            Self { own, kind: PhantomData }
        }

        /// Returns memory of a spare object, with one reference; only its header is set.
        #[inline(always)]
        pub(in crate::ffi) fn take(&self, _py: Python<'_>) -> Option<NonNull<ffi::PyObject>> {
            let spare = self.own.try_with(Own::pop).ok()??.0;
            // SAFETY: memory of an object that no other code has.
            let class = unsafe { ffi::Py_TYPE(spare.as_ptr()) };
            // SAFETY: sets the counts; references to the class are not counted.
            unsafe { ffi::PyObject_Init(spare.as_ptr(), class) };
            Some(spare)
        }

        /// Keeps the memory of an object, if there is room. Returns whether it does.
        ///
        /// # Safety
        /// The object is of the class of `T`, has no references and no value, and the collector does not track it.
        #[inline(always)]
        pub(in crate::ffi) unsafe fn keep(&self, _py: Python<'_>, object: NonNull<ffi::PyObject>) -> bool {
            self.own.try_with(|own| own.push(Spare(object))).unwrap_or(false)
        }
    }

    impl Ended {
        pub(crate) const fn new() -> Self {
            Self(Mutex::new(Vec::new()))
        }

        /// Takes the objects of one ended thread. Another thread that has them just now is not waited for.
        fn take(&self) -> Vec<Spare> {
            self.0.try_lock().map_or(None, |mut lists| lists.pop()).unwrap_or_default()
        }

        /// Keeps the objects of a thread that ends. A child of `fork` may find the list taken for ever: they are leaked.
        fn add(&self, list: Vec<Spare>) {
            for _ in 0..TRIES {
                match self.0.try_lock() {
                    Ok(mut lists) => return lists.push(list),
                    Err(TryLockError::WouldBlock) => yield_now(),
                    Err(TryLockError::Poisoned(_)) => return,
                }
            }
        }
    }

    impl Own {
        pub(crate) const fn new(most: usize, ended: &'static Ended) -> Self {
            Self { spare: Cell::new(Vec::new()), most, ended, has_asked: Cell::new(false) }
        }

        #[inline(always)]
        fn pop(&self) -> Option<Spare> {
            let mut spare = self.spare.take();
            if spare.is_empty() && !self.has_asked.replace(true) {
                spare = self.ended.take();
            }
            let taken = spare.pop();
            self.spare.set(spare);
            taken
        }

        #[inline(always)]
        fn push(&self, object: Spare) -> bool {
            let mut spare = self.spare.take();
            let has_room = spare.len() < self.most;
            if has_room {
                spare.push(object);
            }
            self.spare.set(spare);
            has_room
        }
    }

    impl Drop for Own {
        fn drop(&mut self) {
            let spare = self.spare.take();
            if !spare.is_empty() {
                self.ended.add(spare);
            }
        }
    }
}

pub(crate) use list::FreeList;
#[cfg(Py_GIL_DISABLED)]
pub(crate) use list::{Ended, Own};

/// Makes a [`FreeList`] for a static, for so many objects.
#[cfg(not(Py_GIL_DISABLED))]
macro_rules! free_list {
    ($most:expr) => {
        $crate::ffi::free_list::FreeList::new($most)
    };
}

/// Makes a [`FreeList`] for a static, for so many objects of each thread.
#[cfg(Py_GIL_DISABLED)]
macro_rules! free_list {
    ($most:expr) => {{
        static ENDED: $crate::ffi::free_list::Ended = $crate::ffi::free_list::Ended::new();
        std::thread_local! {
            static OWN: $crate::ffi::free_list::Own =
                const { $crate::ffi::free_list::Own::new($most, &ENDED) };
        }
        $crate::ffi::free_list::FreeList::new(&OWN)
    }};
}

pub(crate) use free_list;
