//! A strong reference that is released at once when it is dropped.
//!
//! PyO3's own `Py` checks whether PyO3 knows that the thread is attached, and if it does not, as in the methods and
//! deallocators that the interpreter calls here without PyO3, it puts the reference aside for later: a transport
//! without references would stay open. Objects of the loop and its transports are dropped by attached threads only.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use pyo3::ffi;
use pyo3::prelude::*;

use super::this::{Held, This};

/// A reference to a Python object. It is dropped while attached, and never inside
/// [`GilCell::with`](super::gil_cell::GilCell::with): the last reference may run a finalizer.
///
/// It may go to another thread, as long as that is attached: code that runs without the interpreter can hold none
/// (`super::detached`).
pub(crate) struct Object<T = PyAny>(ManuallyDrop<Py<T>>);

impl<T> Object<T> {
    /// Returns one more reference to the same object.
    #[inline(always)]
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(ManuallyDrop::new(self.0.clone_ref(py)))
    }

    /// Returns the reference in PyO3's form for attached threads.
    #[inline(always)]
    pub(crate) fn into_bound(self, py: Python<'_>) -> Bound<'_, T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the reference is taken out once.
        unsafe { ManuallyDrop::take(&mut this.0) }.into_bound(py)
    }
}

impl<T: Held> Object<T> {
    /// Returns the object as one that holds a `T`.
    #[inline(always)]
    pub(crate) fn this<'py>(&'py self, py: Python<'py>) -> This<'py, T> {
        self.0.bind_borrowed(py).into()
    }
}

impl<T> From<Bound<'_, T>> for Object<T> {
    #[inline(always)]
    fn from(object: Bound<'_, T>) -> Self {
        Self(ManuallyDrop::new(object.unbind()))
    }
}

impl<T> Deref for Object<T> {
    type Target = Py<T>;

    #[inline(always)]
    fn deref(&self) -> &Py<T> {
        &self.0
    }
}

impl<T> Drop for Object<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this value owns one reference, and is dropped by attached threads only.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}
