//! Passes errors and panics from Rust to a C function that Python called.
//!
//! A hot function returns `Result<_, ErrorSet>`: the error itself is in the interpreter, so the result fits in a
//! register.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;

use super::error::{new_error, no_memory, note_refused_memory};

/// The interpreter's error indicator is set. The only ways to get one are a C call that reports an error and
/// `PyErr::restore`.
#[derive(Debug)]
pub(crate) struct ErrorSet(());

impl ErrorSet {
    /// A C function reported failure by its return value.
    pub(crate) fn by_interpreter() -> Self {
        Self(())
    }

    /// Takes the error out of the interpreter.
    pub(crate) fn take(self, py: Python<'_>) -> PyErr {
        let error = PyErr::take(py)
            .unwrap_or_else(|| new_error::<PyRuntimeError>("a C function failed without an exception"));
        if error.is_instance_of::<PyMemoryError>(py) {
            note_refused_memory();
        }
        error
    }
}

/// Whether the calling thread may use the interpreter: what a token proves, for where there can be none.
pub(super) fn attached<'py>() -> Option<Python<'py>> {
    // SAFETY: has no preconditions.
    if unsafe { ffi::PyGILState_Check() } == 0 {
        return None;
    }
    // SAFETY: this thread is attached.
    Some(unsafe { Python::assume_attached() })
}

impl From<PyErr> for ErrorSet {
    /// In a detached thread there is no interpreter to set the error in, and it is lost.
    fn from(error: PyErr) -> Self {
        if let Some(py) = attached() {
            error.restore(py);
        }
        Self(())
    }
}

impl From<ErrorSet> for PyErr {
    fn from(raised: ErrorSet) -> Self {
        match attached() {
            Some(py) => raised.take(py),
            None => new_error::<PyRuntimeError>("an error was asked for by a detached thread"),
        }
    }
}

/// Takes every step, whatever one raises. The first error counts.
#[inline]
pub(crate) fn take_all(
    py: Python<'_>,
    steps: impl IntoIterator<Item = Result<(), ErrorSet>>,
) -> Result<(), ErrorSet> {
    let mut outcome = Ok(());
    for step in steps {
        if let Err(raised) = step {
            outcome = outcome.and(Err(raised.take(py)));
        }
    }
    Ok(outcome?)
}

/// Takes a further step, whatever the first one raised. The first error counts.
#[inline(always)]
pub(crate) fn and_also(
    py: Python<'_>,
    first: Result<(), ErrorSet>,
    further: impl FnOnce() -> Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    let Err(raised) = first else { return further() };
    let error = raised.take(py);
    drop(further().map_err(|raised| raised.take(py)));
    Err(error.into())
}

/// Runs `body` for a C caller: an error becomes `failure` with the indicator set, a panic becomes `PanicException`.
#[inline(always)]
pub(crate) fn trampoline<R>(py: Python<'_>, failure: R, body: impl FnOnce() -> Result<R, ErrorSet>) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(ErrorSet(()))) => failure,
        Err(payload) => {
            raise_panic(py, &*payload);
            failure
        }
    }
}

/// The text of PyO3's panic after a C function created no object, whose error it has printed and cleared. In the
/// functions for which PyO3 returns no results the cause is a lack of memory. This crate calls none of them
/// (`tools/checks/panicking.py`); this is for PyO3's own calls.
const NULL_IN_PYO3: &str = "PyObject pointer is null";

#[cold]
fn raise_panic(py: Python<'_>, payload: &(dyn Any + Send)) {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    if text == NULL_IN_PYO3 {
        no_memory().restore(py);
    } else {
        new_error::<PanicException>(text.to_owned()).restore(py);
    }
}

/// Returns an owned reference, or the error that its absence means.
///
/// # Safety
/// `pointer` is a new reference, which the caller gives up, or null with the indicator set.
#[inline(always)]
pub(super) unsafe fn owned(
    py: Python<'_>,
    pointer: *mut ffi::PyObject,
) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: the caller's duty.
    unsafe { owned_as(py, pointer) }
}

/// Takes a new reference as [`owned`] does, to an object that is known to be a `T`.
///
/// # Safety
/// As of [`owned`], and the object is a `T`.
#[inline(always)]
pub(super) unsafe fn owned_as<T>(
    py: Python<'_>,
    pointer: *mut ffi::PyObject,
) -> Result<Bound<'_, T>, ErrorSet> {
    if pointer.is_null() {
        return Err(ErrorSet::by_interpreter());
    }
    // SAFETY: the caller's duty, and it is not null.
    let object = unsafe { Bound::from_owned_ptr(py, pointer) };
    // SAFETY: the caller's duty.
    Ok(unsafe { object.cast_into_unchecked() })
}
