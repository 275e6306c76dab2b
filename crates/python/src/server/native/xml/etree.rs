//! What both directions take from `xml.etree`, and their errors.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::ffi::error::new_error;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Returns `xml.etree.ElementTree`, which is imported at the first use: few applications use it.
pub(super) fn element_tree(py: Python<'_>) -> Result<Bound<'_, PyModule>, ErrorSet> {
    Ok(py.import(name!("xml.etree.ElementTree"))?)
}

/// Returns a ValueError.
#[cold]
pub(super) fn unusable(reason: impl Into<String>) -> ErrorSet {
    new_error::<PyValueError>(reason.into()).into()
}
