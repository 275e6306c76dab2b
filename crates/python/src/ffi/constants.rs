//! The most common results of methods and attributes: None and truth values. They always exist, so returning them
//! cannot fail.

use pyo3::prelude::*;
use pyo3::types::PyBool;

/// Returns `None`.
#[inline(always)]
pub(crate) fn none(py: Python<'_>) -> Bound<'_, PyAny> {
    py.None().into_bound(py)
}

/// Returns `True` or `False`.
#[inline(always)]
pub(crate) fn truth(py: Python<'_>, value: bool) -> Bound<'_, PyAny> {
    PyBool::new(py, value).to_owned().into_any()
}
