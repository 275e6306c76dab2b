//! What the connections of one server share: settings, counts, running tasks, the time, the buffer for encoding.
//!
//! The class of Python's is here; its methods are in `http_server`. Connections and request cycles are objects of
//! classes that are not known here.

use std::collections::HashMap;
use std::mem;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::IntoPyDict;
use pyo3::{PyTraverseError, PyVisit};
use wire::Tick;

use super::settings::Settings;
use super::waiters::{Counts, Until, Waiters, wake};
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// What an application speaks.
pub(super) trait Interface: Send + Sync {
    /// Starts the latest request of a connection, which is an `HttpProtocol`.
    fn start(&self, connection: Borrowed<'_>) -> Result<(), ErrorSet>;

    /// Shows the garbage collector the objects of the interface.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// The common state of all HTTP connections of one server: the application, the limits, the connections.
#[pyclass(frozen, immutable_type, weakref, module = "vitok._native", name = "HttpServer")]
pub(crate) struct HttpServer {
    /// The loop: a vitok loop, or any other of asyncio's kind.
    pub(super) owner: Py<PyAny>,
    /// The context in which the server was created: calls that the loop makes for the server run in it, and not in that
    /// of a request that caused them.
    pub(super) context: Py<PyAny>,
    pub(super) hooks: Py<PyAny>,
    pub(super) settings: Settings,
    pub(super) interface: Box<dyn Interface>,
    pub(super) shared: ClassCell<Shared>,
}

/// The mutable part of a server.
#[derive(Default)]
pub(super) struct Shared {
    /// The protocols of open connections, each at an index that it knows.
    pub(super) connections: Vec<Option<Object>>,
    free: Vec<usize>,
    pub(super) open: usize,
    /// The tasks of requests, from their first wait to their end.
    pub(super) tasks: HashMap<u64, Running>,
    pub(super) running: usize,
    pub(super) begun: u64,
    pub(super) waiters: Waiters,
    pub(super) date: [u8; http::DATE_LENGTH],
    /// The time of the server; it stops while there are no connections.
    pub(super) now: Tick,
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
    pub(super) task: Object,
    pub(super) cycle: Object,
    /// The future that the task waited for at the last tick, if that was done already.
    done_waiter: Option<Object>,
}

impl Shared {
    /// Returns the state of a server that has no connection yet.
    pub(super) fn new() -> Self {
        Self { date: date(), ..Self::default() }
    }
}

/// Returns the time in HTTP's format.
pub(super) fn date() -> [u8; http::DATE_LENGTH] {
    http::date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

impl Running {
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.task)?;
        visit.call(&*self.cycle)?;
        self.done_waiter.iter().try_for_each(|future| visit.call(&**future))
    }
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
    /// Adds a connection, and returns its index.
    pub(super) fn begin_connection(&self, protocol: Borrowed<'_>) -> usize {
        let object = protocol.to_owned().into();
        self.shared.with(protocol.py(), |shared| {
            shared.open += 1;
            match shared.free.pop() {
                Some(place) => {
                    shared.connections[place] = Some(object);
                    place
                }
                None => {
                    shared.connections.push(Some(object));
                    shared.connections.len() - 1
                }
            }
        })
    }

    /// Removes a connection.
    pub(super) fn end_connection(&self, protocol: Borrowed<'_>, place: usize) -> Result<(), ErrorSet> {
        let py = protocol.py();
        let removed = self.shared.with(py, |shared| {
            let removed = shared.connections.get_mut(place)?.take()?;
            shared.open -= 1;
            shared.free.push(place);
            Some((removed, shared.due_waiters()))
        });
        let Some((object, due)) = removed else { return Ok(()) };
        drop(object);
        self.wake_due(py, due);
        if self.settings.reports_to_hooks {
            self.hooks.bind(py).call_method1(name!("connection_ended"), (protocol,))?;
        }
        Ok(())
    }

    /// Returns the protocols of all open connections.
    pub(super) fn protocols<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        self.shared.with(py, |shared| {
            shared.connections.iter().flatten().map(|protocol| protocol.bind(py).clone()).collect()
        })
    }

    /// Counts a request, and returns its number; `None` if there are as many as the server takes at a time.
    #[inline]
    pub(super) fn begin_request(&self, py: Python<'_>) -> Option<u64> {
        let begun = self.shared.with(py, |shared| {
            shared.begun += 1;
            // uvicorn counts connections, too.
            let open = if self.settings.reports_to_hooks { shared.open } else { 0 };
            if shared.running.max(open) >= self.settings.requests {
                return None;
            }
            shared.running += 1;
            Some(shared.begun)
        });
        if begun.is_none() {
            let due = self.shared.with(py, Shared::due_waiters);
            self.wake_due(py, due);
        }
        begun
    }

    /// Records the end of a request's task. Returns the task if it was kept.
    #[inline]
    pub(super) fn end_request(&self, py: Python<'_>, key: u64) -> Option<Object> {
        let (running, due) = self.shared.with(py, |shared| {
            shared.running -= 1;
            // Most tasks end with their first step and were never kept.
            let running = if shared.tasks.is_empty() { None } else { shared.tasks.remove(&key) };
            (running, shared.due_waiters())
        });
        self.wake_due(py, due);
        running.map(|running| running.task)
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
    pub(super) fn wait<'py>(&self, py: Python<'py>, until: Until) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let future = self.owner.bind(py).call_method0(name!("create_future"))?;
        let mut waiters = self.shared.with(py, |shared| mem::take(&mut shared.waiters));
        waiters.drop_cancelled(py);
        waiters.0.push((until, future.clone().into()));
        let due = self.shared.with(py, |shared| {
            shared.waiters.0.append(&mut waiters.0);
            shared.due_waiters()
        });
        wake(py, due)?;
        Ok(future)
    }

    /// Keeps a task, to which the loop itself has only a weak reference, and the request cycle that learns of its end.
    pub(super) fn keep_task(&self, task: &Bound<'_, PyAny>, cycle: Borrowed<'_>, key: u64) {
        let cycle = cycle.to_owned().into();
        let running = Running { task: task.clone().into(), cycle, done_waiter: None };
        let before = self.shared.with(task.py(), |shared| shared.tasks.insert(key, running));
        drop(before);
    }

    /// Returns the waiting requests: key, request cycle and task.
    pub(super) fn waiting<'py>(&self, py: Python<'py>) -> Vec<(u64, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let parts = |(key, running): (&u64, &Running)| {
            (*key, running.cycle.bind(py).clone(), running.task.bind(py).clone())
        };
        self.shared.with(py, |shared| shared.tasks.iter().map(parts).collect())
    }

    /// Records the future that a task waits for although it is done. Returns whether it was the same at the last tick.
    pub(super) fn note_done_waiter(&self, py: Python<'_>, key: u64, waiter: Option<Object>) -> bool {
        let (is_same, before) = self.shared.with(py, |shared| {
            let Some(running) = shared.tasks.get_mut(&key) else { return (false, waiter) };
            let before = mem::replace(&mut running.done_waiter, waiter);
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

    /// Schedules a call for the loop's next turn.
    pub(super) fn call_soon(&self, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let py = callback.py();
        let keywords = [("context", self.context.bind(py))].into_py_dict(py)?;
        self.owner.bind(py).call_method(name!("call_soon"), (callback,), Some(&keywords))?;
        Ok(())
    }

    /// Schedules a call after a tick.
    pub(super) fn call_after_tick(&self, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let py = callback.py();
        let keywords = [("context", self.context.bind(py))].into_py_dict(py)?;
        let seconds = make::float(py, self.settings.tick_seconds)?;
        self.owner.bind(py).call_method(name!("call_later"), (seconds, callback), Some(&keywords))?;
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
