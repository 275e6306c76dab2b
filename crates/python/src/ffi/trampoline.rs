//! How errors and panics cross from Rust into a C function that Python called.
//!
//! A hot function returns `Result<_, ErrorSet>`: the error itself lies in the interpreter, so the result fits in a register.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;

use super::error::{new_error, no_memory, note_refused_memory};

/// The interpreter's error indicator is set. The only ways to get one are a C call that said so and `PyErr::restore`.
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
            .unwrap_or_else(|| new_error::<PyRuntimeError>("a C function failed without saying why"));
        if error.is_instance_of::<PyMemoryError>(py) {
            note_refused_memory();
        }
        error
    }
}

impl From<PyErr> for ErrorSet {
    fn from(error: PyErr) -> Self {
        // SAFETY: a `PyErr` is turned into `ErrorSet` only by functions that hold a `Python` token, so the thread is attached.
        let py = unsafe { Python::assume_attached() };
        error.restore(py);
        Self(())
    }
}

impl From<ErrorSet> for PyErr {
    fn from(raised: ErrorSet) -> Self {
        // SAFETY: a `ErrorSet` is made by functions that hold a `Python` token and never leaves its thread, which is attached.
        raised.take(unsafe { Python::assume_attached() })
    }
}

/// Runs `body` for a C caller: an error becomes `failure` with the indicator set, a panic becomes `PanicException`.
#[inline(always)]
pub(crate) fn trampoline<R>(failure: R, body: impl FnOnce(Python<'_>) -> Result<R, ErrorSet>) -> R {
    // SAFETY: called only at the top of functions that the interpreter calls, with its thread state attached.
    let py = unsafe { Python::assume_attached() };
    match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(value)) => value,
        Ok(Err(ErrorSet(()))) => failure,
        Err(payload) => {
            raise_panic(py, &*payload);
            failure
        }
    }
}

/// The text of PyO3's panic where a C function made no object, which it has printed the reason of and forgotten. In the
/// functions that PyO3 has no results for that is a lack of memory. Nothing of ours calls one
/// (`tools/checks/panicking.py`); this is for what PyO3 does by itself.
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

/// An owned reference, or the error that its absence stands for.
#[inline(always)]
pub(crate) fn owned(py: Python<'_>, pointer: *mut ffi::PyObject) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if pointer.is_null() {
        return Err(ErrorSet::by_interpreter());
    }
    // SAFETY: the caller passes the result of a C function that returns a new reference, and it is not null.
    Ok(unsafe { Bound::from_owned_ptr(py, pointer) })
}
