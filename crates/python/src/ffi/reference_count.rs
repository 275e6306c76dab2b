//! Whether an object has one reference only: what a count says depends on whether the interpreter has a GIL.

use pyo3::ffi;
use pyo3::prelude::*;

/// Returns whether the only reference to an object is the caller's. Without the GIL the answer is no as well if another
/// thread has made the object, and before Python 3.14: its count is in two parts, of which one may lag behind.
#[inline(always)]
pub(crate) fn is_only_reference(object: Borrowed<'_, '_, PyAny>) -> bool {
    #[cfg(not(Py_GIL_DISABLED))]
    {
        // SAFETY: a live object, whose count no other thread changes while this one has the GIL.
        unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
    }
    #[cfg(all(Py_GIL_DISABLED, Py_3_14))]
    {
        // SAFETY: a live object.
        unsafe { ffi::PyUnstable_Object_IsUniquelyReferenced(object.as_ptr()) == 1 }
    }
    #[cfg(all(Py_GIL_DISABLED, not(Py_3_14)))]
    {
        let _unknown = object;
        false
    }
}
