//! New exceptions, which take no panic where there is no memory for them.
//!
//! PyO3's `new_err` makes the exception's arguments when it is raised, and panics if that fails. Without memory for its text
//! an exception is raised without one, and without memory for the exception the interpreter raises MemoryError.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::{PyErrArguments, PyTypeInfo};

use super::make;
use super::trampoline::ErrorSet;

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
    fn objects<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let text = make::text(py, &self.text)?.into_any();
        let Some(number) = self.number else { return Ok(text) };
        Ok(make::tuple(py, [make::integer(py, number.into())?, text])?.into_any())
    }
}

impl PyErrArguments for Words {
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        if self.text.is_empty() {
            return py.None();
        }
        self.objects(py).map(Bound::unbind).unwrap_or_else(|raised| {
            drop(raised.take(py));
            py.None()
        })
    }
}
