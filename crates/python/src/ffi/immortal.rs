//! Objects whose references are not counted any more: all threads use them, and nobody frees them.
//!
//! Without the GIL a count that two threads change moves from one core to the other at each change, which costs more
//! than most calls. What lives as long as the process and is used for each request or call has no count therefore. With
//! the GIL nothing is done. Which objects these are is not known here.

#[cfg(Py_GIL_DISABLED)]
use std::sync::atomic::Ordering;

#[cfg(Py_GIL_DISABLED)]
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyClass, PyTypeInfo};

use super::make;
use super::trampoline::ErrorSet;

/// The local count of an object that is not counted (CPython's `_Py_IMMORTAL_REFCNT_LOCAL`).
#[cfg(Py_GIL_DISABLED)]
const UNCOUNTED: u32 = u32::MAX;

/// Ceases to count the references to an object, which is never freed then.
///
/// # Safety
/// No other thread has the object yet: the caller has just made it.
#[cfg(Py_GIL_DISABLED)]
pub(super) unsafe fn make_immortal<T>(object: &Bound<'_, T>) {
    let pointer = object.as_ptr();
    // SAFETY: a live object.
    let is_collected = unsafe { ffi::PyObject_IS_GC(pointer) } != 0;
    // SAFETY: as above; an object that is not tracked stays so.
    if is_collected && unsafe { ffi::PyObject_GC_IsTracked(pointer) } != 0 {
        // SAFETY: as above. The collector leaves such objects out.
        unsafe { ffi::PyObject_GC_UnTrack(pointer.cast()) };
    }
    // SAFETY: the caller's duty: no other thread reads or changes the counts.
    let fields = unsafe { &mut *pointer };
    // No thread owns it.
    fields.ob_tid = 0;
    fields.ob_ref_local.store(UNCOUNTED, Ordering::Relaxed);
    fields.ob_ref_shared.store(0, Ordering::Relaxed);
}

/// Does nothing: references are cheap to count with the GIL.
///
/// # Safety
/// As without the GIL: no other thread has the object yet.
#[cfg(not(Py_GIL_DISABLED))]
pub(super) const unsafe fn make_immortal<T>(_object: &Bound<'_, T>) {}

/// Creates a `bytes` object whose references are not counted. It has to be kept: nobody frees it.
pub(crate) fn bytes<'py>(py: Python<'py>, content: &[u8]) -> Result<Bound<'py, PyBytes>, ErrorSet> {
    let made = make::bytes(py, content)?;
    // The empty one, and those of one byte, belong to the interpreter.
    if content.len() > 1 {
        // SAFETY: made just now.
        unsafe { make_immortal(&made) };
    }
    Ok(made)
}

/// Adds a class of PyO3's to the module, while that is imported. References to the class, of which each object has one,
/// are not counted.
pub(crate) fn add_class<T: PyClass + PyTypeInfo>(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = T::type_object(module.py());
    // SAFETY: PyO3 makes the class at the first use, which is here: nothing of the module can be called before.
    unsafe { make_immortal(&class) };
    module.add_class::<T>()
}
