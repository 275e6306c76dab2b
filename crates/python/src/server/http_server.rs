//! `HttpServer`: the shared state of all connections of one server on one loop.
//!
//! It is the factory of their protocols, counts them and their requests, holds the running tasks, and ends them.

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};
use pyo3::{PyTraverseError, PyVisit};

use super::connection::Protocol;
use super::request_cycle::RequestCycle;
use super::settings::Settings;
use super::upgrade::{HandOver, Ignored, NotImplemented, Upgrade};
use super::waiters::{Counts, Until, Waiters, wake};
use super::{class, close, date, deadline, scope};
use crate::ffi::call::copy_context;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The common state of all HTTP connections of one server: the application, the limits, the connections.
#[pyclass(frozen, immutable_type, weakref, module = "vitok._native", name = "HttpServer")]
pub(crate) struct HttpServer {
    /// The loop: a vitok loop, or any other of asyncio's kind.
    pub(super) owner: Py<PyAny>,
    /// The context in which the server was created: calls that the loop makes for the server run in it, and not in that
    /// of a request that caused them.
    context: Py<PyAny>,
    pub(super) application: Py<PyAny>,
    pub(super) hooks: Py<PyAny>,
    pub(super) settings: Settings,
    /// A scope with everything that is the same for all requests.
    pub(super) prototype: Py<PyDict>,
    /// The dict that each scope gets a copy of.
    pub(super) asgi: Py<PyDict>,
    pub(super) extensions: Py<PyDict>,
    pub(super) upgrade: Box<dyn Upgrade>,
    pub(super) shared: ClassCell<Shared>,
}

/// The mutable part of a server.
pub(super) struct Shared {
    /// The protocols of open connections, each at an index that it knows.
    connections: Vec<Option<Object<Protocol>>>,
    free: Vec<usize>,
    pub(super) open: usize,
    /// The tasks of requests, from their first wait to their end.
    pub(super) tasks: HashMap<u64, Running>,
    pub(super) running: usize,
    pub(super) begun: u64,
    waiters: Waiters,
    pub(super) date: [u8; date::LENGTH],
    /// The time of the server, in ticks; it stops while there are no connections.
    pub(super) tick: u32,
    pub(super) is_ticking: bool,
    pub(super) is_ending: bool,
    /// Lines of the access log from this turn.
    pub(super) log: String,
    /// The buffer for encoding; absent while it is in use.
    pub(super) scratch: Vec<u8>,
    /// The local address of the last connection, which nearly all share.
    pub(super) local: Option<Object>,
}

/// A request that waits.
pub(super) struct Running {
    task: Object,
    cycle: Object<RequestCycle>,
    /// The future that the task waited for at the last tick, if that was done already.
    done_waiter: Option<Object>,
}

impl Shared {
    /// Removes the futures that are due by the counts of now.
    #[inline]
    fn due_waiters(&mut self) -> Vec<Object> {
        if self.waiters.0.is_empty() {
            return Vec::new();
        }
        let ended = self.begun - self.running as u64;
        self.waiters.take(Counts { connections: self.open, running: self.running, ended })
    }
}

impl HttpServer {
    pub(super) fn begin_connection(&self, py: Python<'_>, protocol: Object<Protocol>) -> usize {
        self.shared.with(py, |shared| {
            shared.open += 1;
            match shared.free.pop() {
                Some(place) => {
                    shared.connections[place] = Some(protocol);
                    place
                }
                None => {
                    shared.connections.push(Some(protocol));
                    shared.connections.len() - 1
                }
            }
        })
    }

    /// Removes a connection; the caller drops the returned object.
    pub(super) fn end_connection(&self, py: Python<'_>, place: usize) -> Option<Object<Protocol>> {
        let (protocol, due) = self.shared.with(py, |shared| {
            let protocol = shared.connections.get_mut(place)?.take()?;
            shared.open -= 1;
            shared.free.push(place);
            Some((protocol, shared.due_waiters()))
        })?;
        self.wake_due(py, due);
        Some(protocol)
    }

    /// Returns the protocols of all open connections.
    pub(super) fn protocols<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, Protocol>> {
        self.shared.with(py, |shared| {
            shared.connections.iter().flatten().map(|protocol| protocol.bind(py).clone()).collect()
        })
    }

    /// Keeps a task, to which the loop itself has only a weak reference, and the request cycle that learns of its end.
    pub(super) fn keep_task(&self, task: &Bound<'_, PyAny>, cycle: &Bound<'_, RequestCycle>, key: u64) {
        let running = Running { task: task.clone().into(), cycle: cycle.clone().into(), done_waiter: None };
        let before = self.shared.with(task.py(), |shared| shared.tasks.insert(key, running));
        drop(before);
    }

    /// Returns the waiting requests: key, request cycle and task.
    pub(super) fn waiting<'py>(
        &self,
        py: Python<'py>,
    ) -> Vec<(u64, Bound<'py, RequestCycle>, Bound<'py, PyAny>)> {
        let parts = |(key, running): (&u64, &Running)| {
            (*key, running.cycle.bind(py).clone(), running.task.bind(py).clone())
        };
        self.shared.with(py, |shared| shared.tasks.iter().map(parts).collect())
    }

    /// Records the future that a task waits for although it is done. Returns whether it was the same at the last tick.
    pub(super) fn note_done_waiter(&self, py: Python<'_>, key: u64, waiter: Option<Object>) -> bool {
        let (is_same, before) = self.shared.with(py, |shared| {
            let Some(running) = shared.tasks.get_mut(&key) else { return (false, waiter) };
            let before = std::mem::replace(&mut running.done_waiter, waiter);
            let both = running.done_waiter.as_ref().zip(before.as_ref());
            (both.is_some_and(|(now, before)| now.as_ptr() == before.as_ptr()), before)
        });
        drop(before);
        is_same
    }

    /// Returns the task of a request, if it waits.
    pub(super) fn task<'py>(&self, py: Python<'py>, key: u64) -> Option<Bound<'py, PyAny>> {
        self.shared.with(py, |shared| shared.tasks.get(&key).map(|running| running.task.bind(py).clone()))
    }

    /// Records the end of a request's task.
    pub(super) fn end_request(&self, py: Python<'_>, number: u64) -> Option<Object> {
        let (task, due) = self.shared.with(py, |shared| {
            shared.running -= 1;
            (shared.tasks.remove(&number).map(|running| running.task), shared.due_waiters())
        });
        self.wake_due(py, due);
        task
    }

    /// Records that a request ends which was refused instead of being started.
    #[cold]
    pub(super) fn count_refused(&self, py: Python<'_>) {
        let due = self.shared.with(py, Shared::due_waiters);
        self.wake_due(py, due);
    }

    #[inline]
    fn wake_due(&self, py: Python<'_>, due: Vec<Object>) {
        // The end of a request or of a connection does not depend on those who wait for it.
        if !due.is_empty()
            && let Err(raised) = wake(py, due)
        {
            raised.take(py).write_unraisable(py, Some(self.owner.bind(py)));
        }
    }

    /// Returns a future of the loop that is done once a condition holds.
    fn wait<'py>(&self, py: Python<'py>, until: Until) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let future = self.owner.bind(py).call_method0(name!("create_future"))?;
        let mut waiters = self.shared.with(py, |shared| std::mem::take(&mut shared.waiters));
        waiters.drop_cancelled(py);
        waiters.0.push((until, future.clone().into()));
        let due = self.shared.with(py, |shared| {
            shared.waiters.0.append(&mut waiters.0);
            shared.due_waiters()
        });
        wake(py, due)?;
        Ok(future)
    }

    /// Schedules a call for the loop's next turn.
    pub(super) fn call_soon(&self, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let py = callback.py();
        let keywords = [("context", self.context.bind(py))].into_py_dict(py)?;
        self.owner.bind(py).call_method(name!("call_soon"), (callback,), Some(&keywords))?;
        Ok(())
    }

    /// Schedules a call after some time.
    pub(super) fn call_later(&self, seconds: f64, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let py = callback.py();
        let keywords = [("context", self.context.bind(py))].into_py_dict(py)?;
        self.owner.bind(py).call_method(
            name!("call_later"),
            (make::float(py, seconds)?, callback),
            Some(&keywords),
        )?;
        Ok(())
    }

    /// Calls `hooks.warning(message)`, for messages that only uvicorn logs.
    #[cold]
    pub(super) fn warn(&self, py: Python<'_>, message: &str) -> Result<(), ErrorSet> {
        self.hooks.bind(py).call_method1(name!("warning"), (Text(message),))?;
        Ok(())
    }

    /// Calls `hooks.error(message, exception)`.
    #[cold]
    pub(super) fn report(
        &self,
        py: Python<'_>,
        message: &str,
        error: Option<&PyErr>,
    ) -> Result<(), ErrorSet> {
        let exception = error.map(|error| error.value(py));
        self.hooks.bind(py).call_method1(name!("error"), (Text(message), exception))?;
        Ok(())
    }
}

#[pymethods]
impl HttpServer {
    /// Creates a server for the connections of `loop`. ValueError or TypeError for an invalid option.
    #[new]
    fn new(
        py: Python<'_>,
        r#loop: Py<PyAny>,
        application: Py<PyAny>,
        options: &Bound<'_, PyDict>,
        hooks: Py<PyAny>,
    ) -> PyResult<Self> {
        if !application.bind(py).is_callable() {
            return Err(new_error::<PyTypeError>("an ASGI application is a callable"));
        }
        let settings = Settings::read(options)?;
        let extensions = scope::extensions(py, &settings)?;
        let upgrade: Box<dyn Upgrade> = match (settings.allow_upgrade, settings.reports_to_hooks) {
            (true, _) => Box::new(HandOver),
            (false, true) => Box::new(Ignored),
            (false, false) => Box::new(NotImplemented),
        };
        Ok(Self {
            owner: r#loop,
            context: copy_context(py).map_err(|raised| raised.take(py))?.unbind(),
            application: py
                .import(name!("vitok.http.application"))?
                .call_method1(name!("as_coroutine_function"), (application,))?
                .unbind(),
            hooks,
            prototype: scope::prototype(py, &settings)?.unbind(),
            asgi: scope::asgi(py, &settings.asgi_version)?.unbind(),
            extensions: extensions.unbind(),
            upgrade,
            settings,
            shared: ClassCell::new(Shared {
                connections: Vec::new(),
                free: Vec::new(),
                open: 0,
                tasks: HashMap::new(),
                running: 0,
                begun: 0,
                waiters: Waiters::default(),
                date: date::now(),
                tick: 0,
                is_ticking: false,
                is_ending: false,
                log: String::new(),
                scratch: Vec::new(),
                local: None,
            }),
        })
    }

    /// Return a protocol for one connection: the server is the factory that `loop.create_server()` takes.
    fn __call__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        class::make(slf).map_err(|raised| raised.take(slf.py()))
    }

    /// Close idle connections now, the others after the response in progress, and new ones at once.
    fn begin_shutdown(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        slf.get().shared.with(py, |shared| shared.is_ending = true);
        slf.get().each(py, close::end_after_response)
    }

    /// Cancel the task of every request that runs.
    fn cancel_requests(&self, py: Python<'_>) -> PyResult<()> {
        self.waiting(py).into_iter().try_for_each(|(_, _, task)| task.call_method0(name!("cancel")).map(drop))
    }

    /// Return a future that is done once no connection is open and no request runs.
    fn drained<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.wait(py, Until::Drained)?)
    }

    /// Return a future that is done once no connection is open.
    fn disconnected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.wait(py, Until::Disconnected)?)
    }

    /// Return a future that is done once so many requests have ended since the server was created.
    fn served<'py>(&self, py: Python<'py>, count: u64) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.wait(py, Until::Ended(count))?)
    }

    /// Close every connection at once.
    fn abort_connections(&self, py: Python<'_>) -> PyResult<()> {
        self.each(py, close::abort)
    }

    /// The number of open connections.
    #[getter]
    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::count(py, self.shared.with(py, |shared| shared.open))?)
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

    /// Called by the loop once a tick.
    fn _tick(slf: &Bound<'_, Self>) -> PyResult<()> {
        deadline::tick(slf).map_err(|raised| raised.take(slf.py()))
    }

    /// Called by the loop in the turn after one with lines of the access log.
    fn _write_log(&self, py: Python<'_>) -> PyResult<()> {
        let lines = self.shared.with(py, |shared| std::mem::take(&mut shared.log));
        self.hooks.bind(py).call_method1(name!("access"), (Text(&lines),)).map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        visit.call(&self.context)?;
        visit.call(&self.application)?;
        visit.call(&self.hooks)?;
        visit.call(&self.prototype)?;
        visit.call(&self.settings.state)?;
        let shared = self.shared.peek(|shared| {
            shared.connections.iter().flatten().try_for_each(|protocol| visit.call(&**protocol))?;
            shared.waiters.0.iter().try_for_each(|(_, future)| visit.call(&**future))?;
            shared.tasks.values().try_for_each(|running| {
                visit.call(&*running.task)?;
                visit.call(&*running.cycle)?;
                running.done_waiter.iter().try_for_each(|future| visit.call(&**future))
            })
        });
        shared.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let take = |shared: &mut Shared| {
            let (connections, tasks) = (&mut shared.connections, &mut shared.tasks);
            (std::mem::take(connections), std::mem::take(tasks), std::mem::take(&mut shared.waiters))
        };
        let released = self.shared.with(py, take);
        drop(released);
    }
}

impl HttpServer {
    fn each(&self, py: Python<'_>, act: fn(This<'_, Protocol>) -> Result<(), ErrorSet>) -> PyResult<()> {
        // All of them, whatever one raises; only one exception can be returned.
        let act = |protocol: &Bound<'_, Protocol>| act(protocol.into()).map_err(|raised| raised.take(py));
        let outcomes: Vec<PyResult<()>> = self.protocols(py).iter().map(act).collect();
        outcomes.into_iter().collect()
    }
}
