//! The server of an accepted stream, which counts its connections.
//!
//! The loop's own Server counts by a [`ConnectionCount`], without Python. Any other object, and a server whose methods
//! were replaced, is told by `_attach` and `_detach`, as asyncio's transports tell theirs.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::call::call_method;
use crate::ffi::instance::Visit;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The number of open connections of a server.
#[pyclass(frozen, immutable_type, module = "vitok._native")]
pub(crate) struct ConnectionCount {
    open: AtomicUsize,
}

#[pymethods]
impl ConnectionCount {
    #[new]
    fn new() -> Self {
        Self { open: AtomicUsize::new(0) }
    }

    /// The number now.
    #[getter]
    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Count one more.
    fn add(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Count one less, if there are any, and return how many are left.
    fn remove(&self) -> usize {
        let less = |open: usize| Some(open.saturating_sub(1));
        let before =
            self.open.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).unwrap_or_else(|open| open);
        before.saturating_sub(1)
    }
}

/// The server of a stream.
pub(crate) struct Served {
    pub(super) server: Object,
    count: Option<Object<ConnectionCount>>,
}

impl Served {
    /// `count` is that of a server which need not be told.
    pub(crate) fn new(server: Bound<'_, PyAny>, count: Option<Bound<'_, ConnectionCount>>) -> Self {
        Self { server: server.into(), count: count.map(Into::into) }
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        let count = self.count.as_ref().map(|count| count.clone_ref(py));
        Self { server: self.server.clone_ref(py), count }
    }

    /// Shows the server to the collector; a count refers to nothing.
    pub(crate) fn visit(&self, visit: &mut Visit) {
        visit.object(&self.server);
    }

    /// Does the same for a class of PyO3's.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.server)
    }

    /// Counts a connection.
    pub(super) fn attach(&self, transport: Borrowed<'_>) -> Result<(), ErrorSet> {
        if let Some(count) = &self.count {
            count.get().add();
            return Ok(());
        }
        call_method(self.server.bind_borrowed(transport.py()), name!("_attach"), &[transport]).map(drop)
    }

    /// Counts a connection as ended. The last one of a closed server ends `wait_closed()`.
    pub(super) fn detach(&self, transport: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = transport.py();
        let server = self.server.bind_borrowed(py);
        let Some(count) = &self.count else {
            return twice(py, || call_method(server, name!("_detach"), &[transport]).map(drop));
        };
        if count.get().remove() > 0 {
            return Ok(());
        }
        twice(py, || {
            if server.getattr(name!("_sockets"))?.is_none() {
                call_method(server, name!("_wakeup"), &[])?;
            }
            Ok(())
        })
    }
}

/// Calls a function, and once more if there was no memory: a server that still counts a connection never ends.
fn twice(py: Python<'_>, call: impl Fn() -> Result<(), ErrorSet>) -> Result<(), ErrorSet> {
    call().or_else(|raised| match raised.take(py) {
        error if error.is_instance_of::<PyMemoryError>(py) => call(),
        error => Err(error.into()),
    })
}
