//! Values that are made when the module is imported, for statics. They live as long as the process.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::error::new_error;

/// A value that is made when the module is imported.
pub(crate) struct AtImport<T>(PyOnceLock<T>);

impl<T> AtImport<T> {
    pub(crate) const fn new() -> Self {
        Self(PyOnceLock::new())
    }

    /// Makes the value, unless an earlier import has.
    pub(crate) fn make<E>(&self, py: Python<'_>, make: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        self.0.get_or_try_init(py, make).map(drop)
    }

    /// Returns the value. ImportError if the import of the module has failed.
    #[inline(always)]
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        self.0.get(py).ok_or_else(|| new_error::<PyImportError>("vitok._native was not initialised"))
    }
}
