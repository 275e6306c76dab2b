//! Attributes of Python's modules: a missing one, as in a Python newer than this module, is an ImportError.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::error::new_error;
use crate::ffi::name::Text;

/// Returns an attribute of a module. ImportError if it is missing.
pub(crate) fn attribute<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(Text(module))?.getattr_opt(Text(name))?.ok_or_else(|| unusable(module, name, "is missing"))
}

/// Returns a class of a module. ImportError if it is missing.
pub(crate) fn class<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyType>> {
    attribute(py, module, name)?.cast_into().map_err(|_| unusable(module, name, "is not a class"))
}

/// Returns the ImportError for an attribute that is not as expected.
#[cold]
pub(super) fn unusable(module: &str, name: &str, fault: &str) -> PyErr {
    new_error::<PyImportError>(format!("{module}.{name} {fault}"))
}
