//! What the connections of one server share: settings, counts, running tasks, the time, the buffer for encoding.
//!
//! The class of Python's is here; its methods are in `http_server`. Connections and request cycles are objects of
//! classes that are not known here.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};
use wire::Tick;

use super::log_lines::Lines;
use super::measures::Measures;
use super::settings::Settings;
use super::totals::Share;
use super::waiters::{Until, wake};
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::tasks;

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
    /// What is counted for the whole process, if its servers run in several threads.
    pub(super) share: Option<Share>,
}

/// The mutable part of a server.
#[derive(Default)]
pub(super) struct Shared {
    /// The protocols of open connections, by address.
    pub(super) connections: BTreeMap<usize, Object>,
    /// The tasks of requests, from their first wait to their end.
    pub(super) tasks: HashMap<u64, Running>,
    /// The futures that tasks waited for at the last tick although they were done.
    pub(super) done_futures: Vec<Object>,
    pub(super) running: usize,
    pub(super) begun: u64,
    pub(super) waiters: Vec<(Until, Object)>,
    /// Whether the end of a request matters to anybody: to waiters, or to the counts of the process.
    pub(super) is_followed: bool,
    pub(super) date: [u8; http::DATE_LENGTH],
    /// The time of the server; it stops while there are no connections.
    pub(super) now: Tick,
    pub(super) is_ticking: bool,
    pub(super) is_ending: bool,
    /// Whether another server goes on at the address after the end of this one.
    pub(super) restarts: bool,
    /// The counts for metrics, if those are wanted.
    pub(super) measures: Measures,
    /// Lines of the access log.
    pub(super) lines: Lines,
    /// The buffer for encoding; absent while it is in use.
    pub(super) scratch: Vec<u8>,
    /// What the WebSockets of a server share.
    pub(super) workspace: websocket::Workspace,
    /// The local address of the last connection, which nearly all share.
    pub(super) local: Option<Object>,
}

/// A request that waits.
pub(super) struct Running {
    task: Object,
    /// What the interface follows the task for.
    request: Object,
    check: Check,
}

/// Ends a request whose task asyncio has forgotten: with the request, its task, and the futures that tasks waited for at
/// the last tick although they were done.
pub(super) type Check =
    fn(&HttpServer, &Bound<'_, PyAny>, &Bound<'_, PyAny>, &[Object]) -> Result<(), ErrorSet>;

/// A request that waits, outside of the borrow.
pub(super) struct Waiting<'py> {
    pub(super) task: Bound<'py, PyAny>,
    pub(super) request: Bound<'py, PyAny>,
    pub(super) check: Check,
}

/// Returns the time in HTTP's format.
pub(super) fn date() -> [u8; http::DATE_LENGTH] {
    http::date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

impl Shared {
    /// Returns the state of a server that has no connection yet. uvicorn ends connections one by one and always tells
    /// WebSockets that it `restarts`.
    pub(super) fn new(restarts: bool, is_followed: bool) -> Self {
        Self { date: date(), restarts, is_followed, ..Self::default() }
    }

    /// Removes the futures that are due by the counts of now. `ended` are the requests of the process that have ended, if
    /// those count.
    #[inline]
    fn due_waiters(&mut self, ended: Option<u64>) -> Vec<Object> {
        if self.waiters.is_empty() {
            return Vec::new();
        }
        let is_due = |until: &Until| match *until {
            Until::Disconnected => self.connections.is_empty(),
            Until::Drained => self.connections.is_empty() && self.running == 0,
            Until::Ended(count) => ended.unwrap_or_else(|| self.begun - self.running as u64) >= count,
        };
        self.waiters.extract_if(.., |(until, _)| is_due(until)).map(|(_, future)| future).collect()
    }

    /// Shows the garbage collector what is kept here.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let tasks = self.tasks.values().flat_map(|running| [&running.task, &running.request]);
        let futures = self.waiters.iter().map(|(_, future)| future).chain(&self.done_futures);
        self.connections.values().chain(tasks).chain(futures).try_for_each(|object| visit.call(&**object))
    }
}

impl HttpServer {
    /// Adds a connection. Returns whether it is one that the server does not take.
    pub(super) fn begin_connection(&self, protocol: Borrowed<'_>) -> bool {
        let (address, object) = (protocol.as_ptr().addr(), protocol.to_owned().into());
        let (before, is_refused) = self.shared.with(protocol.py(), |shared| {
            let before = shared.connections.insert(address, object);
            shared.measures.connections += 1;
            (before, shared.is_ending || shared.connections.len() > self.settings.connections)
        });
        drop(before);
        match &self.share {
            None => is_refused,
            Some(share) => share.begin_connection() || is_refused,
        }
    }

    /// Removes a connection.
    pub(super) fn end_connection(&self, protocol: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = protocol.py();
        let removed = self.shared.with(py, |shared| {
            let removed = shared.connections.remove(&protocol.as_ptr().addr())?;
            Some((removed, shared.due_waiters(self.ended_of_process())))
        });
        let Some((object, due)) = removed else { return Ok(()) };
        self.share.as_ref().inspect(|share| share.end_connection());
        drop(object);
        self.wake_due(py, due);
        Ok(self.notify(py, name!("connection_ended"), (protocol,))?)
    }

    /// Returns the protocols of all open connections.
    pub(super) fn protocols<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        self.shared.with(py, |shared| {
            shared.connections.values().map(|protocol| protocol.bind(py).clone()).collect()
        })
    }

    /// Counts a request, and returns its number; `None` if there are as many as the server takes at a time.
    #[inline(always)]
    pub(super) fn begin_request(&self, py: Python<'_>) -> Option<u64> {
        let begun = self.shared.with(py, |shared| {
            shared.begun += 1;
            // uvicorn counts connections, too.
            let open = if self.settings.reports_to_hooks { shared.connections.len() } else { 0 };
            if shared.running.max(open) >= self.settings.requests {
                return None;
            }
            shared.running += 1;
            Some(shared.begun)
        });
        if begun.is_none() { self.begin_beyond(py) } else { begun }
    }

    /// Counts a request beyond the server's own limit, which is 0 where that of the process holds. Returns its number;
    /// `None` if it is one too many.
    #[cold]
    fn begin_beyond(&self, py: Python<'_>) -> Option<u64> {
        if self.share.as_ref().is_some_and(Share::begin_request) {
            return self.shared.with(py, |shared| {
                shared.running += 1;
                Some(shared.begun)
            });
        }
        self.follow_end(py, false);
        None
    }

    /// Records the end of a request's task. Returns the task if it was kept.
    #[inline]
    pub(super) fn end_request(&self, py: Python<'_>, key: u64) -> Option<Object> {
        let (running, is_followed) = self.shared.with(py, |shared| {
            shared.running -= 1;
            // Most tasks end with their first step and were never kept.
            let running = if shared.tasks.is_empty() { None } else { shared.tasks.remove(&key) };
            (running, shared.is_followed)
        });
        if is_followed {
            self.follow_end(py, true);
        }
        running.map(|running| running.task)
    }

    /// Tells those who wait for it of the end of a request, which had begun to run or was one too many.
    #[cold]
    fn follow_end(&self, py: Python<'_>, was_running: bool) {
        if let Some(share) = &self.share {
            self.tell(py, share.end_request(py, was_running));
        }
        self.look(py);
    }

    /// Wakes the waiters that are due by the counts of now.
    pub(super) fn look(&self, py: Python<'_>) {
        let ended = self.ended_of_process();
        let due = self.shared.with(py, |shared| {
            let due = shared.due_waiters(ended);
            shared.is_followed = !shared.waiters.is_empty() || self.counts_for_process();
            due
        });
        self.wake_due(py, due);
    }

    /// Returns the number of requests of the process that have ended, if those count.
    fn ended_of_process(&self) -> Option<u64> {
        self.share.as_ref().and_then(Share::ended)
    }

    fn counts_for_process(&self) -> bool {
        self.share.as_ref().is_some_and(Share::counts_requests)
    }

    #[inline]
    fn wake_due(&self, py: Python<'_>, due: Vec<Object>) {
        if !due.is_empty() {
            self.tell(py, wake(py, due));
        }
    }

    /// Reports a failure to wake: the end of a request or of a connection does not depend on those who wait for it.
    fn tell(&self, py: Python<'_>, outcome: Result<(), ErrorSet>) {
        if let Err(raised) = outcome {
            raised.take(py).write_unraisable(py, Some(self.owner.bind(py)));
        }
    }

    /// Returns a future of the loop that is done once a condition holds.
    pub(super) fn wait<'py>(&self, py: Python<'py>, until: Until) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let ended = self.ended_of_process();
        let future = self.owner.bind(py).call_method0(name!("create_future"))?;
        let mut waiters = self.shared.with(py, |shared| mem::take(&mut shared.waiters));
        // Nobody waits for a cancelled one any more. One whose state can't be read stays.
        let is_done =
            |future: &Object| tasks::is_done(future.bind_borrowed(py)).map_err(|raised| raised.take(py));
        waiters.retain(|(_, future)| !is_done(future).unwrap_or(false));
        waiters.push((until, future.clone().into()));
        let due = self.shared.with(py, |shared| {
            shared.waiters.append(&mut waiters);
            shared.is_followed = true;
            shared.due_waiters(ended)
        });
        wake(py, due)?;
        Ok(future)
    }

    /// Keeps a task, to which the loop itself has only a weak reference, and the request that learns of its end.
    pub(super) fn keep_task(&self, task: &Bound<'_, PyAny>, request: Borrowed<'_>, key: u64, check: Check) {
        let running = Running { task: task.clone().into(), request: request.to_owned().into(), check };
        let before = self.shared.with(task.py(), |shared| shared.tasks.insert(key, running));
        drop(before);
    }

    /// Returns the waiting requests.
    pub(super) fn waiting<'py>(&self, py: Python<'py>) -> Vec<Waiting<'py>> {
        let waiting = |running: &Running| Waiting {
            task: running.task.bind(py).clone(),
            request: running.request.bind(py).clone(),
            check: running.check,
        };
        self.shared.with(py, |shared| shared.tasks.values().map(waiting).collect())
    }

    /// Returns the task of a request, if it waits.
    pub(super) fn task<'py>(&self, py: Python<'py>, key: u64) -> Option<Bound<'py, PyAny>> {
        self.shared.with(py, |shared| shared.tasks.get(&key).map(|running| running.task.bind(py).clone()))
    }

    /// Schedules a call for the loop's next turn.
    pub(super) fn call_soon(&self, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        self.schedule(callback.py(), name!("call_soon"), (callback.clone(),))
    }

    /// Schedules a call after a tick.
    pub(super) fn call_after_tick(&self, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        self.call_after(self.settings.tick_seconds, callback)
    }

    /// Schedules a call after some time.
    pub(super) fn call_after(&self, seconds: f64, callback: Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let py = callback.py();
        let seconds = make::float(py, seconds)?;
        self.schedule(py, name!("call_later"), (seconds, callback))
    }

    fn schedule<'py>(
        &self,
        py: Python<'py>,
        method: &Py<PyString>,
        arguments: impl PyCallArgs<'py>,
    ) -> Result<(), ErrorSet> {
        let keywords = [("context", self.context.bind(py))].into_py_dict(py)?;
        Ok(self.owner.bind(py).call_method(method, arguments, Some(&keywords)).map(drop)?)
    }

    /// Calls a hook that only uvicorn's server needs.
    #[inline]
    pub(super) fn notify<'py>(
        &self,
        py: Python<'py>,
        hook: &Py<PyString>,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<()> {
        if self.settings.reports_to_hooks {
            self.hooks.bind(py).call_method1(hook, arguments)?;
        }
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
