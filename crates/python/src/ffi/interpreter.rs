//! Access to functions of the interpreter that PyO3 does not wrap: the current interpreter, threads, signals, plain
//! attribute assignment.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::{PyImportError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::error::new_error;
use super::trampoline::{ErrorSet, trampoline};

/// Returns the identity of the calling thread, as `threading.get_ident()` does. It is never 0 for a thread that runs
/// Python.
#[inline(always)]
pub(crate) fn thread_identity() -> u64 {
    // SAFETY: has no preconditions.
    #[expect(clippy::useless_conversion, reason = "c_ulong has 32 bits on some platforms")]
    u64::from(unsafe { ffi::PyThread_get_thread_ident() })
}

/// Returns an ImportError in a subinterpreter.
///
/// The statics of this library hold objects of the interpreter that imported it first. CPython itself refuses to load
/// the module only in an interpreter with a GIL of its own, and only from 3.12 on.
pub(crate) fn require_main(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: the token shows that this thread is attached.
    let current = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: has no preconditions.
    let main = unsafe { ffi::PyInterpreterState_Main() };
    if current == main {
        return Ok(());
    }
    Err(new_error::<PyImportError>("vitok can be imported in the main interpreter only"))
}

/// Calls a function at the end of the interpreter's finalization, after which nothing can be written in Python.
///
/// Errors: RuntimeError if the interpreter has no place for it; it has 32.
pub(crate) fn call_after_finalization(function: extern "C" fn()) -> PyResult<()> {
    // SAFETY: the interpreter copies the pointer, and this library is never unloaded.
    if unsafe { ffi::Py_AtExit(Some(function)) } == 0 {
        return Ok(());
    }
    Err(new_error::<PyRuntimeError>("there is no place for another function at the end of the interpreter"))
}

/// Work for the main thread.
pub(crate) type MainCall = Box<dyn FnOnce(Python<'_>) -> Result<(), ErrorSet> + Send>;

/// Has the main thread of the main interpreter do something when it runs Python code next; its exception is raised there.
/// Any thread may call this. What can't be handed over, because too much waits already, is dropped; at the end of the
/// interpreter it may stay undone and undropped.
pub(crate) fn call_in_main_thread(_py: Python<'_>, work: MainCall) {
    extern "C" fn call(work: *mut c_void) -> c_int {
        // SAFETY: the interpreter calls this attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: the pointer of the box that was handed over, once.
        let work = unsafe { Box::from_raw(work.cast::<MainCall>()) };
        trampoline(py, -1, || work(py).map(|()| 0))
    }
    let work = Box::into_raw(Box::new(work)).cast();
    // SAFETY: the function fits the pointer.
    if unsafe { ffi::Py_AddPendingCall(Some(call), work) } != 0 {
        // SAFETY: the interpreter has not taken it.
        drop(unsafe { Box::from_raw(work.cast::<MainCall>()) });
    }
}

/// Runs the Python-level handlers of signals that have arrived, and returns their exceptions.
#[inline(always)]
pub(crate) fn check_signals(_py: Python<'_>) -> Result<(), ErrorSet> {
    // SAFETY: the token shows that this thread is attached.
    if unsafe { ffi::PyErr_CheckSignals() } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    Ok(())
}

/// Calls `object.__setattr__`, or `object.__delattr__` if `value` is `None`.
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> Result<(), ErrorSet> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: live objects; a null value asks for deletion.
    if unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    Ok(())
}

/// Returns the number of the present state of a class, which no other state and no other class has; 0 if it has none,
/// as before the first look-up of an attribute.
#[inline(always)]
pub(crate) fn class_version(class: &Bound<'_, PyType>) -> u32 {
    // SAFETY: a field of a live class.
    let version = unsafe { &raw mut (*class.as_type_ptr()).tp_version_tag };
    // SAFETY: an aligned number that lives as long as the class. Without the GIL the interpreter writes it by atomic
    // stores, and nobody writes it while this thread has the GIL.
    unsafe { AtomicU32::from_ptr(version) }.load(Ordering::Relaxed)
}

/// Converts a number of seconds as `float()` does.
#[inline(always)]
pub(crate) fn to_seconds(number: Borrowed<'_, '_, PyAny>) -> Result<f64, ErrorSet> {
    // SAFETY: a live object.
    let value = unsafe { ffi::PyFloat_AsDouble(number.as_ptr()) };
    if value == -1.0 && PyErr::occurred(number.py()) {
        return Err(ErrorSet::by_interpreter());
    }
    Ok(value)
}
