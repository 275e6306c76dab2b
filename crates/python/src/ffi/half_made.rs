//! Objects that the interpreter abandons before they have a value.
//!
//! CPython 3.11 and 3.12 allocate an object and then room for its attributes. If there is no memory for those, the
//! object is finalized, perhaps shown to the collector, and deallocated: all zeros, since PyO3 moves the value in
//! afterwards. A class whose objects can be in that state tells them from others, and its finalizer must accept them.

use std::sync::OnceLock;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::this::{Held, This};
use super::trampoline::trampoline;

/// A class whose values differ from zeros in a mark.
pub(crate) trait Marked: PyClass<Frozen = True> + Held {
    /// Returns whether there is a value: false if all bytes are zero.
    fn is_made(&self) -> bool;
}

/// The function that drops the value of a class with its object. There is one such class.
static DEALLOCATE: OnceLock<ffi::destructor> = OnceLock::new();

/// Makes half-made objects of a class be freed without a value. It is called before another class inherits from it.
pub(crate) fn guard<T: Marked>(py: Python<'_>) {
    let class = T::type_object(py).as_type_ptr();
    // SAFETY: a live type. The module does this while it is imported, before there is an object or a subclass, and the
    // lock of the import keeps other threads away from the class until then.
    let slot = unsafe { &mut (*class).tp_dealloc };
    if let Some(original) = *slot {
        DEALLOCATE.get_or_init(|| original);
        *slot = Some(deallocate::<T>);
    }
}

/// Implements `tp_dealloc`.
unsafe extern "C" fn deallocate<T: Marked>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    let is_made = trampoline(py, true, || {
        // SAFETY: the interpreter passes an object of the class; all zeros are a value as far as `is_made` looks.
        Ok(unsafe { This::<T>::from_ptr(py, object) }.is_made())
    });
    if !is_made {
        free(object);
    } else if let Some(original) = DEALLOCATE.get() {
        // SAFETY: the function that was here before, with the interpreter's argument.
        unsafe { original(object) };
    }
}

/// Frees an object without a value, as PyO3 does after the value, and releases its class, which is on the heap.
fn free(object: *mut ffi::PyObject) {
    // SAFETY: an object without references.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: as above; it may have been untracked already.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    // SAFETY: a live type.
    if let Some(free) = unsafe { (*class).tp_free } {
        // SAFETY: the class's own function to free an object, which is not used any more.
        unsafe { free(object.cast()) };
    }
    // SAFETY: the reference that the object held.
    unsafe { ffi::Py_DECREF(class.cast()) };
}
