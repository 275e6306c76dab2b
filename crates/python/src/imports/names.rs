//! The functions of the module `socket` that look names up, which programs and tests replace.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::attributes::attribute;
use crate::ffi::interned::Name;
use crate::name;

pub(crate) struct Names {
    /// The dict of `asyncio.base_events`, through which asyncio finds the module.
    base_events: Py<PyDict>,
    socket: Py<PyModule>,
    pub(crate) getaddrinfo: OwnFunction,
    pub(crate) getnameinfo: OwnFunction,
}

/// A function of the module `socket` as it was when this module was imported.
pub(crate) struct OwnFunction {
    name: &'static Name,
    /// Absent if it had been replaced before.
    function: Option<Py<PyAny>>,
}

impl OwnFunction {
    fn load(py: Python<'_>, name: &'static Name, constant: &str) -> PyResult<Self> {
        let function = attribute(py, "vitok._names", constant)?;
        Ok(Self { name, function: (!function.is_none()).then(|| function.unbind()) })
    }
}

impl Names {
    pub(super) fn load(py: Python<'_>) -> PyResult<Self> {
        Ok(Self {
            base_events: py.import(name!("asyncio.base_events"))?.dict().unbind(),
            socket: py.import(name!("socket"))?.unbind(),
            getaddrinfo: OwnFunction::load(py, name!("getaddrinfo"), "OWN_GETADDRINFO")?,
            getnameinfo: OwnFunction::load(py, name!("getnameinfo"), "OWN_GETNAMEINFO")?,
        })
    }

    /// Returns the function, unless a program has replaced it or the module.
    pub(crate) fn in_use<'a, 'py>(
        &'a self,
        py: Python<'py>,
        own: &'a OwnFunction,
    ) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
        let Some(function) = &own.function else { return Ok(None) };
        let module = self.base_events.bind(py).get_item(name!("socket"))?;
        if !module.is_some_and(|module| module.is(&self.socket)) {
            return Ok(None);
        }
        let found = self.socket.bind(py).dict().get_item(own.name)?;
        Ok(found.is_some_and(|found| found.is(function)).then(|| function.bind(py)))
    }
}
