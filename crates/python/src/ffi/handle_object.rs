//! A reference to a handle.
//!
//! The module does not know queues or the treatment of exceptions; `crate::handle` does.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

pub(crate) use super::handle_state::Flags;
use super::handle_value::{HandleObject, HandleValue};
use super::this::This;
use super::trampoline::ErrorSet;

/// A strong reference to a handle. Dropping it releases the reference, so a queue of handles is emptied only while the
/// thread is attached, and never inside [`GilCell::with`](super::gil_cell::GilCell::with): the last reference may run a
/// finalizer.
pub(crate) struct Handle(NonNull<HandleObject>);

// SAFETY: a reference to an object that any attached thread may use, and code that is not attached can hold none
// (`super::detached`).
unsafe impl Send for Handle {}

impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this value owns one reference, and handles are dropped only by attached threads.
        unsafe { ffi::Py_DECREF(self.0.as_ptr().cast()) }
    }
}

impl Deref for Handle {
    type Target = HandleValue;

    #[inline(always)]
    fn deref(&self) -> &HandleValue {
        // SAFETY: the reference that this value owns keeps the object alive.
        unsafe { HandleObject::value_of(self.0) }
    }
}

impl Handle {
    /// Takes over one reference.
    ///
    /// # Safety
    /// `object` is a live handle and the caller gives up one reference to it.
    #[inline(always)]
    pub(super) unsafe fn from_owned(object: NonNull<HandleObject>) -> Self {
        Self(object)
    }

    #[inline(always)]
    pub(super) fn into_raw(self) -> NonNull<HandleObject> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    /// Takes one more reference to a handle that Python has.
    pub(crate) fn of(this: This<'_, HandleValue>) -> Self {
        let object = this.object().to_owned().into_ptr();
        // SAFETY: the address of a live object is not null.
        Self(unsafe { NonNull::new_unchecked(object.cast()) })
    }

    #[inline(always)]
    pub(crate) fn clone_ref(&self, _py: Python<'_>) -> Self {
        // SAFETY: the object is alive, the token shows that this thread is attached.
        unsafe { ffi::Py_INCREF(self.0.as_ptr().cast()) };
        Self(self.0)
    }

    #[inline(always)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Calls the callback in the handle's context.
    #[inline(always)]
    pub(crate) fn invoke<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        HandleValue::invoke(self, py, || self.is_alone(py))
    }

    /// Returns whether this is the only reference. Without the GIL a reference from another thread counts as another
    /// one, even if it is the only one left.
    #[inline(always)]
    fn is_alone(&self, _py: Python<'_>) -> bool {
        let object = self.0.as_ptr().cast::<ffi::PyObject>();
        #[cfg(not(Py_GIL_DISABLED))]
        {
            // SAFETY: a live object.
            unsafe { ffi::Py_REFCNT(object) == 1 }
        }
        #[cfg(all(Py_GIL_DISABLED, Py_3_14))]
        {
            // SAFETY: a live object.
            let is_alone = unsafe { ffi::PyUnstable_Object_IsUniquelyReferenced(object) } != 0;
            // What other threads did with the handle before they released it happened before.
            std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
            is_alone
        }
        #[cfg(all(Py_GIL_DISABLED, not(Py_3_14)))]
        {
            object.is_null()
        }
    }

    /// Makes the garbage collector track the handle.
    pub(crate) fn track(&self, _py: Python<'_>) {
        if !self.flags().has(Flags::TRACKED) && !self.state.add(Flags::TRACKED).has(Flags::TRACKED) {
            // SAFETY: a live object that is not tracked, with every field that the collector visits set.
            unsafe { ffi::PyObject_GC_Track(self.0.as_ptr().cast()) };
        }
    }

    /// Ends the stay in the queue of a running loop: other code that still has the handle may be in a cycle with it.
    #[inline(always)]
    pub(crate) fn leave_queue(self, py: Python<'_>) {
        if !self.is_alone(py) {
            self.track(py);
        }
    }

    /// Records that a remote queue contains the handle. Returns false if one does already.
    #[inline(always)]
    pub(super) fn start_posting(&self) -> bool {
        !self.state.add(Flags::POSTED).has(Flags::POSTED)
    }

    /// Records that no remote queue contains the handle any more.
    #[inline(always)]
    pub(super) fn end_posting(&self) {
        self.state.remove(Flags::POSTED);
    }

    /// Returns the handle as Python sees it.
    #[inline(always)]
    pub(crate) fn to_object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: a live object; the new `Bound` takes a reference of its own.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr().cast()) }
    }

    /// Visits the handle, for the garbage collector.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector calls this attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: a live object; the reference stays with this value, for the copy is never dropped.
        let object = ManuallyDrop::new(unsafe { Bound::from_owned_ptr(py, self.0.as_ptr().cast()) });
        visit.call(object.as_unbound())
    }
}
