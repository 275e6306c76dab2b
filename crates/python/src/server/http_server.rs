//! `HttpServer` as Python sees it: the factory of protocols, and how a server ends.

use std::mem;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};
use wire::{Input, Shutdown};

use super::addresses;
use super::asgi::Asgi;
use super::connection::Protocol;
use super::native::{Native, Routes};
use super::settings::Settings;
use super::shared::{HttpServer, Interface, Shared};
use super::totals::Share;
use super::waiters::Until;
use super::{access_log, driver, streams, ticks};
use crate::ffi::call::copy_context;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::and_also;
use crate::name;

#[pymethods]
impl HttpServer {
    /// Creates a server for the connections of `loop`. ValueError or TypeError for an invalid option.
    #[new]
    fn new(
        py: Python<'_>,
        r#loop: Py<PyAny>,
        application: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
        hooks: Py<PyAny>,
    ) -> PyResult<Self> {
        let settings = Settings::read(options)?;
        let interface: Box<dyn Interface> = match application.cast::<Routes>() {
            Ok(routes) => Box::new(Native::new(routes, &settings)?),
            Err(_) => Box::new(Asgi::new(application, &settings)?),
        };
        let context = copy_context(py).map_err(|raised| raised.take(py))?.unbind();
        let share = settings.share();
        let is_followed = share.as_ref().is_some_and(Share::counts_requests);
        let shared = ClassCell::new(Shared::new(settings.reports_to_hooks, is_followed));
        Ok(Self { owner: r#loop, context, hooks, settings, interface, shared, share })
    }

    /// Return a protocol for one connection: the server is the factory that `loop.create_server()` takes.
    fn __call__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Protocol::make(slf)?.into_any())
    }

    /// Return a protocol for a connection whose addresses are known before it begins, such as the client's by a proxy.
    /// They are those of sockets: pairs of host and port, or longer, or the path of a Unix socket.
    fn protocol_between<'py>(
        slf: &Bound<'py, Self>,
        client: Bound<'py, PyAny>,
        server: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let protocol = Protocol::make(slf)?;
        let ends = [addresses::endpoint(client, false)?, addresses::endpoint(server, true)?];
        addresses::keep(This::from(&protocol), &ends);
        Ok(protocol.into_any())
    }

    /// Close idle connections now, the others after the response in progress, and new ones at once. With `keeps_idle` the
    /// idle ones may send a request until the next call. `restarts` says whether another server goes on at the address,
    /// of which WebSockets are told by their close code.
    #[pyo3(signature = (restarts = false, keeps_idle = false))]
    fn begin_shutdown(&self, py: Python<'_>, restarts: bool, keeps_idle: bool) -> PyResult<()> {
        self.shared.with(py, |shared| (shared.is_ending, shared.restarts) = (true, restarts));
        // Lines wait no more: the loop may end any time from now on.
        let passed = access_log::pass_on(self, py);
        let how = if keeps_idle { Shutdown::Announced } else { Shutdown::Graceful };
        Ok(and_also(py, passed, || {
            streams::for_each(self, py, |one| driver::feed(one, Input::Shutdown(how)))
        })?)
    }

    /// Cancel the task of every request that runs.
    fn cancel_requests(&self, py: Python<'_>) -> PyResult<()> {
        self.waiting(py).into_iter().try_for_each(|one| one.task.call_method0(name!("cancel")).map(drop))
    }

    /// Return a future that is done once no connection is open and no request runs.
    fn drained<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.wait(py, Until::Drained)?)
    }

    /// Return a future that is done once no connection is open.
    fn disconnected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.wait(py, Until::Disconnected)?)
    }

    /// Return a future that is done once so many requests have ended since the server was created; with the setting
    /// `totals`, if that counts requests, once so many have ended in the process.
    fn served<'py>(slf: &Bound<'py, Self>, count: u64) -> PyResult<Bound<'py, PyAny>> {
        let server = slf.get();
        let waiting = server.wait(slf.py(), Until::Ended(count))?;
        if let Some(share) = server.share.as_ref().filter(|share| share.ended().is_some()) {
            share.follow(slf.as_any(), count)?;
        }
        Ok(waiting)
    }

    /// Close every connection at once.
    fn abort_connections(&self, py: Python<'_>) -> PyResult<()> {
        Ok(streams::for_each(self, py, |one| driver::feed(one, Input::Shutdown(Shutdown::Immediate)))?)
    }

    /// The number of open connections.
    #[getter]
    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::count(py, self.shared.with(py, |shared| shared.connections.len()))?)
    }

    /// The number of requests whose task has not ended.
    #[getter]
    fn running<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::count(py, self.shared.with(py, |shared| shared.running))?)
    }

    /// The number of requests so far.
    #[getter]
    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::integer(py, self.shared.with(py, |shared| shared.begun).cast_signed())?)
    }

    /// Return the counts for metrics since the server was created, as numbers and lists of them. RuntimeError without the
    /// setting `metrics`.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if !self.settings.measures {
            return Err(new_error::<PyRuntimeError>("metrics() needs the setting metrics"));
        }
        Ok(self.shared.with(py, |shared| {
            let open = [shared.connections.len(), shared.running];
            shared.measures.report(py, &self.settings.duration_bounds, open)
        })?)
    }

    /// Called by the loop once a tick.
    fn _tick(slf: &Bound<'_, Self>) -> PyResult<()> {
        Ok(ticks::tick(slf)?)
    }

    /// Called by the loop soon after a turn with lines of the access log.
    fn _write_log(&self, py: Python<'_>) -> PyResult<()> {
        Ok(access_log::pass_on(self, py)?)
    }

    /// Called by any thread when a count of the process has reached what this server waits for.
    fn _look_soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let look = slf.getattr(name!("_look"))?;
        slf.get().owner.bind(slf.py()).call_method1(name!("call_soon_threadsafe"), (look,)).map(drop)
    }

    /// Called by the loop: wakes those who wait for counts.
    fn _look(&self, py: Python<'_>) {
        self.look(py);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        visit.call(&self.context)?;
        visit.call(&self.hooks)?;
        visit.call(&self.settings.state)?;
        visit.call(&self.settings.forwarded)?;
        self.interface.traverse(&visit)?;
        self.shared.peek(|shared| shared.traverse(&visit)).unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let released = self.shared.with(py, |shared| {
            let (waiters, done) = (mem::take(&mut shared.waiters), mem::take(&mut shared.done_futures));
            (mem::take(&mut shared.connections), mem::take(&mut shared.tasks), waiters, done)
        });
        drop(released);
    }
}
