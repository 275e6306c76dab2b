//! New exceptions, which take no panic where there is no memory for them.
//!
//! PyO3's `new_err` makes the exception's arguments when it is raised, and panics if that fails. Without memory for its text
//! an exception is raised without one, and without memory for the exception the interpreter raises MemoryError.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyErrArguments, PyTypeInfo};

/// `T(text)`, or `T()` for an empty text.
#[cold]
pub(crate) fn new_error<T: PyTypeInfo>(text: impl Into<Cow<'static, str>>) -> PyErr {
    PyErr::new::<T, _>(Words { number: None, text: text.into() })
}

/// `T(number, text)`: an `OSError` of the subclass that the number asks for.
#[cold]
pub(crate) fn new_numbered_error<T: PyTypeInfo>(number: i32, text: String) -> PyErr {
    PyErr::new::<T, _>(Words { number: Some(number), text: text.into() })
}

/// A MemoryError for memory that Rust was refused.
#[cold]
pub(crate) fn no_memory() -> PyErr {
    note_refused_memory();
    new_error::<PyMemoryError>("")
}

/// Whether memory was refused to this process, as far as native code has seen.
static WAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// Notes that memory was refused: what asyncio loses then is looked after from now on.
#[cold]
pub(crate) fn note_refused_memory() {
    WAS_REFUSED.store(true, Ordering::Relaxed);
}

/// Whether memory was ever refused.
pub(crate) fn was_memory_refused() -> bool {
    WAS_REFUSED.load(Ordering::Relaxed)
}

struct Words {
    number: Option<i32>,
    text: Cow<'static, str>,
}

impl Words {
    /// What the exception is made with; nothing if there is no memory for it.
    fn objects<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let length = self.text.len().cast_signed();
        // SAFETY: the text is as long as said and is copied.
        let text = made(py, unsafe { ffi::PyUnicode_FromStringAndSize(self.text.as_ptr().cast(), length) })?;
        let Some(number) = self.number else { return Some(text) };
        // SAFETY: this thread is attached.
        let number = made(py, unsafe { ffi::PyLong_FromLongLong(number.into()) })?;
        // SAFETY: as many live objects as said, which the tuple takes references to.
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

/// What a C function made. The functions of `make` raise the error instead, and are built on this file.
fn made(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the caller passes the result of a C function that returns a new reference or null.
    unsafe { Bound::from_owned_ptr_or_opt(py, pointer) }
}
