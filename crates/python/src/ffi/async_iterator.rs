//! Classes of asynchronous iterators, for `async for`. What they yield is not known here.

use std::ffi::c_void;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::class::Definition;
use super::heap_type::slot;
use super::instance::{Class, ClassValue};
use super::this::This;
use super::trampoline::{ErrorSet, trampoline};

/// A value that is gone through by `async for`.
pub(crate) trait AsyncIterator: ClassValue {
    /// Returns an awaitable of the next item, which raises StopAsyncIteration at the end.
    fn next(this: This<'_, Self>) -> Result<Bound<'_, PyAny>, ErrorSet>;
}

/// Creates a class of asynchronous iterators.
pub(crate) fn make_class<'py, T: AsyncIterator>(
    module: &Bound<'py, PyModule>,
    class: &'static Class<T>,
    mut definition: Definition<'py, T>,
) -> PyResult<Bound<'py, PyType>> {
    definition.more.slots.extend([
        slot(ffi::Py_am_aiter, ffi::PyObject_SelfIter as ffi::unaryfunc as *mut c_void),
        slot(ffi::Py_am_anext, next::<T> as ffi::unaryfunc as *mut c_void),
    ]);
    definition.make(module, class)
}

/// Implements `am_anext`.
unsafe extern "C" fn next<T: AsyncIterator>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the interpreter passes a live object of ours.
    let this = unsafe { This::<T>::from_ptr(py, object) };
    trampoline(py, null_mut(), || T::next(this).map(Bound::into_ptr))
}
