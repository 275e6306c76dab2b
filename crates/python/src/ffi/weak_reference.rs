//! Weak references that tell whether they refer to an object that is at hand, without a call of Python's.

use pyo3::ffi;
use pyo3::prelude::*;

use super::object::Object;
use super::trampoline::{ErrorSet, owned};

/// A weak reference to an object, without a callback.
pub(crate) struct WeakReference {
    reference: Object,
    /// The address of the object while it lives, and of others afterwards.
    address: usize,
}

impl WeakReference {
    pub(crate) fn to(object: Borrowed<'_, '_, PyAny>) -> Result<Self, ErrorSet> {
        // SAFETY: a live object.
        let made = unsafe { ffi::PyWeakref_NewRef(object.as_ptr(), std::ptr::null_mut()) };
        // SAFETY: a new reference, or null.
        let reference = unsafe { owned(object.py(), made) }?.into();
        Ok(Self { reference, address: object.as_ptr().addr() })
    }

    /// Returns whether it refers to this object. No code of Python's runs, so it may be asked within a borrow.
    #[inline(always)]
    pub(crate) fn refers_to(&self, object: Borrowed<'_, '_, PyAny>) -> bool {
        if self.address != object.as_ptr().addr() {
            return false;
        }
        let mut target = std::ptr::null_mut();
        // SAFETY: a live weak reference, and a place for its target.
        if unsafe { ffi::compat::PyWeakref_GetRef(self.reference.as_ptr(), &raw mut target) } != 1 {
            return false;
        }
        // SAFETY: the reference that the call returned. It is not the last one, whatever other threads do: the only
        // possible target has the address of `object`, which the caller keeps alive.
        unsafe { ffi::Py_DECREF(target) };
        target == object.as_ptr()
    }

    /// Returns the weak reference as an object, to be dropped.
    pub(crate) fn into_object(self) -> Object {
        self.reference
    }
}
