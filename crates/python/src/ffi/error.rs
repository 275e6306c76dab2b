//! New exceptions, without a panic if there is no memory for them.
//!
//! PyO3's `new_err` creates the exception's arguments when it is raised, and panics if that fails. Here an exception is
//! raised without a text if there is no memory for the text, and the interpreter raises MemoryError if there is none
//! for the exception.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyErrArguments, PyTypeInfo};

/// Returns `T(text)`, or `T()` for an empty text.
#[cold]
pub(crate) fn new_error<T: PyTypeInfo>(text: impl Into<Cow<'static, str>>) -> PyErr {
    PyErr::new::<T, _>(Words { number: None, text: text.into() })
}

/// Returns `T(number, text)`: an `OSError` of the subclass for the number.
#[cold]
pub(crate) fn new_numbered_error<T: PyTypeInfo>(number: i32, text: String) -> PyErr {
    PyErr::new::<T, _>(Words { number: Some(number), text: text.into() })
}

/// Returns a MemoryError for memory that Rust was refused.
#[cold]
pub(crate) fn no_memory() -> PyErr {
    note_refused_memory();
    new_error::<PyMemoryError>("")
}

/// Whether this process was ever refused memory, as far as native code has seen.
static WAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// Records that memory was refused: from now on, tasks that asyncio may lose then are checked.
#[cold]
pub(crate) fn note_refused_memory() {
    WAS_REFUSED.store(true, Ordering::Relaxed);
}

/// Returns whether memory was ever refused.
pub(crate) fn was_memory_refused() -> bool {
    WAS_REFUSED.load(Ordering::Relaxed)
}

struct Words {
    number: Option<i32>,
    text: Cow<'static, str>,
}

impl Words {
    /// Returns the arguments of the exception, or `None` if there is no memory for them.
    fn objects<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let length = self.text.len().cast_signed();
        // SAFETY: the text is as long as said and is copied.
        let text = made(py, unsafe { ffi::PyUnicode_FromStringAndSize(self.text.as_ptr().cast(), length) })?;
        let Some(number) = self.number else { return Some(text) };
        // SAFETY: this thread is attached.
        let number = made(py, unsafe { ffi::PyLong_FromLongLong(number.into()) })?;
        // SAFETY: two live objects, to which the tuple takes references of its own.
        made(py, unsafe { ffi::PyTuple_Pack(2, number.as_ptr(), text.as_ptr()) })
    }
}

impl PyErrArguments for Words {
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        if self.text.is_empty() {
            return py.None();
        }
        self.objects(py).map(Bound::unbind).unwrap_or_else(|| {
            drop(PyErr::take(py));
            note_refused_memory();
            py.None()
        })
    }
}

/// Takes the result of a C function. The functions of `make` raise the error instead, and are built on this file.
fn made(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the caller passes the result of a C function that returns a new reference or null.
    unsafe { Bound::from_owned_ptr_or_opt(py, pointer) }
}
