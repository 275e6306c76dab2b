//! `ServedRoutes`: the routes of an application as one server has them.
//!
//! Several servers, in several threads, may have the same application. What the routes are is not known here.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::routes::Routes;

/// The routes of one server. Its requests refer to this object, which the server's thread has made: without the GIL, the
/// count of references to an object that several threads use costs more than a look-up.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "ServedRoutes")]
pub(crate) struct ServedRoutes(Py<Routes>);

#[pymethods]
impl ServedRoutes {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

impl ServedRoutes {
    pub(super) fn make<'py>(routes: &Bound<'py, Routes>) -> PyResult<Bound<'py, Self>> {
        Bound::new(routes.py(), Self(routes.clone().unbind()))
    }

    /// Returns the routes.
    #[inline]
    pub(super) fn routes(&self) -> &Routes {
        self.0.get()
    }
}
