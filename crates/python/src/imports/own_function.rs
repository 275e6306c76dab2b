//! Functions of the standard library that asyncio finds through a module at each call, so that programs and tests
//! replace them: native code that does their work first checks that nobody has.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::attributes::{attribute, unusable};
use crate::ffi::interned::Name;
use crate::name;

/// A function as it was when this module was imported.
pub(crate) struct OwnFunction {
    /// The dict of asyncio's module, with the name of the function's module in it.
    user: Py<PyDict>,
    module: (&'static Name, Py<PyModule>),
    name: &'static Name,
    /// Absent if the function is missing, or had been replaced before.
    function: Option<Py<PyAny>>,
}

impl OwnFunction {
    fn load(
        py: Python<'_>,
        user: &'static Name,
        module: &'static Name,
        name: &'static Name,
        function: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            user: py.import(user)?.dict().unbind(),
            module: (module, py.import(module)?.unbind()),
            name,
            function: function.filter(|function| !function.is_none()).map(Bound::unbind),
        })
    }

    /// Returns the function, unless a program has replaced it or the module.
    pub(crate) fn in_use<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
        let Some(function) = &self.function else { return Ok(None) };
        let (name, module) = &self.module;
        let found = self.user.bind(py).get_item(*name)?;
        if !found.is_some_and(|found| found.is(module)) {
            return Ok(None);
        }
        let found = module.bind(py).dict().get_item(self.name)?;
        Ok(found.is_some_and(|found| found.is(function)).then(|| function.bind(py)))
    }
}

/// The functions that look names up.
pub(crate) struct Names {
    pub(crate) getaddrinfo: OwnFunction,
    pub(crate) getnameinfo: OwnFunction,
}

impl Names {
    pub(super) fn load(py: Python<'_>) -> PyResult<Self> {
        let load = |name, constant| {
            let function = attribute(py, "vitok._names", constant)?;
            OwnFunction::load(py, name!("asyncio.base_events"), name!("socket"), name, Some(function))
        };
        Ok(Self {
            getaddrinfo: load(name!("getaddrinfo"), "OWN_GETADDRINFO")?,
            getnameinfo: load(name!("getnameinfo"), "OWN_GETNAMEINFO")?,
        })
    }
}

/// What the sending of files needs.
pub(crate) struct SendFile {
    pub(crate) sendfile: OwnFunction,
    /// `asyncio.SendfileNotAvailableError`.
    pub(crate) not_available: Py<PyAny>,
    /// Whether the position of the file is set at the end also if nothing was sent, as newer versions of asyncio do.
    pub(crate) always_moves: bool,
}

impl SendFile {
    pub(super) fn load(py: Python<'_>) -> PyResult<Self> {
        let os = py.import(name!("os"))?;
        let sendfile = os.getattr_opt(name!("sendfile"))?.filter(is_built_in);
        let always_moves = attribute(py, "vitok._hooks", "SENDFILE_ALWAYS_MOVES")?;
        Ok(Self {
            sendfile: OwnFunction::load(
                py,
                name!("asyncio.unix_events"),
                name!("os"),
                name!("sendfile"),
                sendfile,
            )?,
            not_available: attribute(py, "asyncio.exceptions", "SendfileNotAvailableError")?.unbind(),
            always_moves: always_moves
                .extract()
                .map_err(|_| unusable("vitok._hooks", "SENDFILE_ALWAYS_MOVES", "is not a bool"))?,
        })
    }
}

fn is_built_in(function: &Bound<'_, PyAny>) -> bool {
    function.is_instance_of::<pyo3::types::PyCFunction>()
}
