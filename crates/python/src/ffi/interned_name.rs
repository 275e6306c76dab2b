//! A name of the table of names: a string that is interned when the module is imported.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// An interned string that lives as long as the process. [`name!`](crate::name) returns one.
pub(crate) struct Name(pub(super) OnceLock<Py<PyString>>);

impl Name {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }
}

impl Deref for Name {
    type Target = Py<PyString>;

    #[inline(always)]
    #[expect(
        clippy::expect_used,
        reason = "`ffi::name::load` is among the first calls of the module's initialisation"
    )]
    fn deref(&self) -> &Py<PyString> {
        self.0.get().expect("the module makes all names before anything of it can be called")
    }
}

impl<'a, 'py> IntoPyObject<'py> for &'a Name {
    type Target = PyString;
    type Output = Borrowed<'a, 'py, PyString>;
    type Error = Infallible;

    #[inline(always)]
    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Infallible> {
        Ok(self.bind_borrowed(py))
    }
}
