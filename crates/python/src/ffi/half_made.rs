//! Objects that the interpreter gives up before there is a value in them.
//!
//! CPython 3.11 and 3.12 allocate an object and then room for its attributes. Where there is no memory for those, the object
//! is finalized, shown to the collector perhaps, and deallocated: all zeros, since PyO3 moves the value in afterwards. A class
//! whose objects can meet that tells such an object from others, and its finalizer must bear it.

use std::sync::OnceLock;

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use super::this::{Held, This};
use super::trampoline::trampoline;

/// A class whose values have a mark that zeros have not.
pub(crate) trait Marked: PyClass<Frozen = True> + Held {
    /// Whether there is a value: false where all bytes are zero.
    fn is_made(&self) -> bool;
}

/// How the value of a class is dropped with its object. There is one such class.
static DEALLOCATE: OnceLock<ffi::destructor> = OnceLock::new();

/// Has half-made objects of a class freed without their value. Before a class inherits from it.
pub(crate) fn guard<T: Marked>(py: Python<'_>) {
    let class = T::type_object(py).as_type_ptr();
    // SAFETY: a live type; the GIL is held.
    let slot = unsafe { &mut (*class).tp_dealloc };
    if let Some(original) = *slot {
        DEALLOCATE.get_or_init(|| original);
        *slot = Some(deallocate::<T>);
    }
}

/// `tp_dealloc`.
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
        // SAFETY: the function that stood here, with what the interpreter gave.
        unsafe { original(object) };
    }
}

/// Lets go of an object without a value, as PyO3 does behind the value, and of its class, which is one of the heap.
fn free(object: *mut ffi::PyObject) {
    // SAFETY: an object that nobody refers to any more.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: as above; it may have been untracked already.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    // SAFETY: a live type.
    if let Some(free) = unsafe { (*class).tp_free } {
        // SAFETY: the class's own way to free an object, which is not touched any more.
        unsafe { free(object.cast()) };
    }
    // SAFETY: the reference that the object held.
    unsafe { ffi::Py_DECREF(class.cast()) };
}
