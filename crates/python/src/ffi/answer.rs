//! What methods and attributes answer most: None, or a truth value. Neither is ever made, so neither can fail.
//!
//! It knows nothing of who asks.

use pyo3::prelude::*;
use pyo3::types::PyBool;

/// `None`.
#[inline(always)]
pub(crate) fn none(py: Python<'_>) -> Bound<'_, PyAny> {
    py.None().into_bound(py)
}

/// `True` or `False`.
#[inline(always)]
pub(crate) fn truth(py: Python<'_>, value: bool) -> Bound<'_, PyAny> {
    PyBool::new(py, value).to_owned().into_any()
}
