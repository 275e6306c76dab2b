//! The memory of objects of one class that come and go one after the other: it is kept for the next ones.
//!
//! A spare object keeps its class and its reference to it. What the objects hold is not known here.

use std::marker::PhantomData;
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;

use super::gil_cell::ClassCell;

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
    pub(super) fn take(&self, py: Python<'_>) -> Option<NonNull<ffi::PyObject>> {
        let spare = self.spare.with(py, Vec::pop)?;
        #[cfg(not(Py_GIL_DISABLED))]
        {
            // SAFETY: memory of an object that no other code has. Its count is zero, so this makes it one.
            unsafe { ffi::Py_INCREF(spare.as_ptr()) };
        }
        #[cfg(Py_GIL_DISABLED)]
        {
            // SAFETY: memory of an object that no other code has.
            let class = unsafe { ffi::Py_TYPE(spare.as_ptr()) };
            // SAFETY: sets the counts and takes one more reference to the class than the spare object had kept.
            unsafe { ffi::PyObject_Init(spare.as_ptr(), class) };
            // SAFETY: the class is alive.
            unsafe { ffi::Py_DECREF(class.cast()) };
        }
        Some(spare)
    }

    /// Keeps the memory of an object, if there is room. Returns whether it does.
    ///
    /// # Safety
    /// The object is of the class of `T`, has no references and no value, and the collector does not track it.
    #[inline(always)]
    pub(super) unsafe fn keep(&self, py: Python<'_>, object: NonNull<ffi::PyObject>) -> bool {
        self.spare.with(py, |spare| {
            let has_room = spare.len() < self.most;
            if has_room {
                spare.push(object);
            }
            has_room
        })
    }
}
