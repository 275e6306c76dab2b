//! Facts and services of the interpreter that PyO3 does not wrap: threads, signals, plain attribute setting.

use pyo3::ffi;
use pyo3::prelude::*;

use super::raised::Raised;

/// The calling thread's identity, as `threading.get_ident()` gives it. Never 0 for a thread that runs Python.
#[inline(always)]
pub(crate) fn thread_identity() -> u64 {
    // SAFETY: has no preconditions.
    #[expect(clippy::useless_conversion, reason = "c_ulong has 32 bits on some platforms")]
    u64::from(unsafe { ffi::PyThread_get_thread_ident() })
}

/// Runs the Python-level handlers of signals that have arrived; their exceptions come out here.
#[inline(always)]
pub(crate) fn check_signals(_py: Python<'_>) -> Result<(), Raised> {
    // SAFETY: the token shows that this thread is attached.
    if unsafe { ffi::PyErr_CheckSignals() } != 0 {
        return Err(Raised::by_interpreter());
    }
    Ok(())
}

/// `object.__setattr__`, or `object.__delattr__` where `value` is `None`.
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> Result<(), Raised> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: live objects; a null value asks for deletion.
    if unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) } != 0 {
        return Err(Raised::by_interpreter());
    }
    Ok(())
}

/// A number as seconds, as `float()` reads it.
#[inline(always)]
pub(crate) fn to_seconds(number: Borrowed<'_, '_, PyAny>) -> Result<f64, Raised> {
    // SAFETY: a live object.
    let value = unsafe { ffi::PyFloat_AsDouble(number.as_ptr()) };
    if value == -1.0 && PyErr::occurred(number.py()) {
        return Err(Raised::by_interpreter());
    }
    Ok(value)
}
