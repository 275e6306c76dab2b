//! Creates Python's strings for names: those of the table, and texts that become strings at a call.
//!
//! PyO3's `intern!`, and its conversions of `&str`, panic if there is no memory for the string.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::interned::{NAMES, TEXTS};
use super::make;
use super::trampoline::ErrorSet;

/// Creates the names of the table, before anything of the module can be called. MemoryError.
pub(crate) fn load(py: Python<'_>) -> Result<(), ErrorSet> {
    for (name, text) in NAMES.iter().zip(TEXTS) {
        let made = make::interned(py, text)?.unbind();
        name.0.get_or_init(|| made);
    }
    Ok(())
}

/// A text that becomes a string where PyO3 takes an object.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl<'py> IntoPyObject<'py> for Text<'_> {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, PyErr> {
        Ok(make::text(py, self.0)?)
    }
}
