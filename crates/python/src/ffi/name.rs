//! Names of attributes, methods, modules and keys: interned at the first use, for the life of the process.
//!
//! PyO3's `intern!`, and its conversions of `&str`, panic where there is no memory for the string. A [`Name`] may stand
//! wherever PyO3 takes a name, and is a MemoryError there.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use super::make;
use super::trampoline::ErrorSet;

/// A name, made by [`name!`](crate::name).
pub(crate) struct Name {
    text: &'static str,
    object: PyOnceLock<Py<PyString>>,
}

impl Name {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, object: PyOnceLock::new() }
    }

    /// The interned string. MemoryError, at the first use only.
    #[inline]
    pub(crate) fn of<'py>(&self, py: Python<'py>) -> Result<&Bound<'py, PyString>, ErrorSet> {
        match self.object.get(py) {
            Some(known) => Ok(known.bind(py)),
            None => self
                .object
                .get_or_try_init(py, || make::interned(py, self.text).map(Bound::unbind))
                .map(|made| made.bind(py)),
        }
    }

    /// The same as a reference that is kept.
    pub(crate) fn kept(&self, py: Python<'_>) -> Result<Py<PyString>, ErrorSet> {
        self.of(py).map(|name| name.clone().unbind())
    }
}

impl<'py> IntoPyObject<'py> for &Name {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = PyErr;

    #[inline]
    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, PyErr> {
        Ok(self.of(py)?.clone())
    }
}

/// A text that is made a string where PyO3 takes an object.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl<'py> IntoPyObject<'py> for Text<'_> {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, PyErr> {
        Ok(make::text(py, self.0)?)
    }
}

/// A [`Name`] of the text, the same one at each execution of the place.
#[macro_export]
macro_rules! name {
    ($text:literal) => {{
        static NAME: $crate::ffi::name::Name = $crate::ffi::name::Name::new($text);
        &NAME
    }};
}
