//! Tasks of requests: started with their first step, and followed until their end.
//!
//! What a task runs and what its end means is the interface's: it implements [`Followed`] for what a request is there.

use std::mem;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use wire::{Ending, Finished};

use super::connection::Protocol;
use super::shared::HttpServer;
use crate::ffi::arguments::one;
use crate::ffi::call::call_method;
use crate::ffi::constants::none;
use crate::ffi::error::{no_memory, was_memory_refused};
use crate::ffi::instance::ClassValue;
use crate::ffi::method::{BoundFunction, Call, Method, fastcall};
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, take_all};
use crate::loop_state::EventLoop;
use crate::name;
use crate::protocol;
use crate::tasks;

/// A request that is answered by tasks, one at a time.
pub(super) trait Followed: ClassValue {
    /// Returns the number of the request in the server.
    fn key(&self) -> u64;

    /// Returns the callback for the end of a task, as made by [`callback`].
    fn callback(py: Python<'_>) -> PyResult<&BoundFunction<Self>>;

    /// Returns whether the request counts as ended.
    fn has_ended(&self) -> bool;

    /// Handles the end of a task. Some tasks call back more than once.
    fn task_ended(this: This<'_, Self>, task: Borrowed<'_>) -> Result<(), ErrorSet>;

    /// Handles an exception that has kept a task from being made or followed.
    fn fails(this: This<'_, Self>, error: PyErr) -> Result<(), ErrorSet>;
}

/// Creates the callback for the end of a task, when the module is imported.
pub(super) fn callback<T: Followed>() -> PyResult<BoundFunction<T>> {
    let doc = "Called by the task at its end.";
    BoundFunction::new(Method::new("ended", fastcall(call_ended::<T>), "(task)", doc))
}

/// Starts a task, which takes its first step at once.
#[inline(always)]
pub(super) fn start<'py>(
    http_server: &HttpServer,
    coroutine: Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = coroutine.py();
    match http_server.owner.bind(py).cast::<EventLoop>() {
        Ok(owner) => tasks::start(owner, coroutine),
        // On another loop a task starts by that loop's own rules.
        Err(_) => Ok(http_server.owner.bind(py).call_method1(name!("create_task"), (coroutine,))?),
    }
}

/// Follows a task until its end, or handles the exception that kept it from being made.
#[inline]
pub(super) fn follow<T: Followed>(
    this: This<'_, T>,
    http_server: &HttpServer,
    started: Result<Bound<'_, PyAny>, ErrorSet>,
) -> Result<(), ErrorSet> {
    let py = this.py();
    match started {
        Ok(task) => {
            wait_for(this, http_server, &task).or_else(|raised| stop_following(this, &task, raised.take(py)))
        }
        Err(raised) => T::fails(this, raised.take(py)),
    }
}

/// Checks the task after its first step: it has ended, or is waited for.
#[inline]
fn wait_for<T: Followed>(
    this: This<'_, T>,
    http_server: &HttpServer,
    task: &Bound<'_, PyAny>,
) -> Result<(), ErrorSet> {
    let py = task.py();
    if tasks::is_done(task.as_borrowed())? {
        return T::task_ended(this, task.as_borrowed());
    }
    let callback = T::callback(py)?.bind(this)?;
    http_server.keep_task(task, this.object(), this.key(), end_if_forgotten::<T>);
    call_method(task.as_borrowed(), name!("add_done_callback"), &[callback.as_borrowed()])?;
    Ok(http_server.notify(py, name!("task_begun"), (task,))?)
}

/// Handles the end of a task that cannot be waited for, usually for lack of memory: it is cancelled, and counts as
/// ended.
#[cold]
fn stop_following<T: Followed>(
    this: This<'_, T>,
    task: &Bound<'_, PyAny>,
    error: PyErr,
) -> Result<(), ErrorSet> {
    if this.has_ended() {
        return Err(error.into());
    }
    // A task that cannot be cancelled either has no request any more.
    drop(task.call_method0(name!("cancel")));
    T::fails(this, error)
}

fn call_ended<'py, T: Followed>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    T::task_ended(call.this(), one(call, "ended", "task")?)?;
    Ok(none(call.py))
}

/// Counts the end of a request.
#[inline(always)]
pub(super) fn count_end(protocol: This<'_, Protocol>, key: u64) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let http_server = protocol.value().http_server.get();
    match http_server.end_request(py, key) {
        Some(task) => Ok(http_server.notify(py, name!("task_ended"), (task.into_bound(py),))?),
        None => Ok(()),
    }
}

/// Reports the end of an application, or of one function of a native application (`is_handler`), unless it is expected. An
/// exception that leaves the loop is raised.
#[cold]
pub(super) fn report_end(
    http_server: &HttpServer,
    py: Python<'_>,
    error: Option<PyErr>,
    finished: Finished,
    is_handler: bool,
) -> Result<(), ErrorSet> {
    let error = error.map(|error| protocol::failure(py, error.into())).transpose()?;
    let is_unanswered = finished.ending == Ending::Unanswered;
    let exception = error.as_ref().map(|error| error.value(py));
    let facts = (exception, finished.was_disconnected, is_unanswered, is_handler);
    let module = py.import(name!("vitok.http.application"))?;
    match module.call_method1(name!("unexpected_end"), facts)?.extract::<Option<String>>()? {
        Some(message) => http_server.report(py, &message, error.as_ref()),
        None => Ok(()),
    }
}

/// Returns whether an exception ends the loop. It has left the loop already when a task raised it.
pub(super) fn leaves_loop(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
}

/// Ends requests that would never end otherwise. asyncio loses the callbacks of a future if it has no memory to
/// schedule one: those of a task that has ended, and of a future that a task waits for. There are none before memory
/// was refused.
pub(super) fn end_forgotten(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    if !was_memory_refused() {
        return Ok(());
    }
    let server = http_server.get();
    let before = server.shared.with(py, |shared| mem::take(&mut shared.done_futures));
    let requests = server.waiting(py);
    take_all(py, requests.iter().map(|one| (one.check)(server, &one.request, &one.task, &before)))
}

fn end_if_forgotten<T: Followed>(
    http_server: &HttpServer,
    request: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    before: &[Object],
) -> Result<(), ErrorSet> {
    let py = task.py();
    let Some(this) = This::<T>::cast(request.as_borrowed()) else { return Ok(()) };
    if tasks::is_done(task.as_borrowed())? {
        return T::task_ended(this, task.as_borrowed());
    }
    let waits_for = task.getattr_opt(name!("_fut_waiter"))?.filter(|future| !future.is_none());
    let Some(future) = waits_for else { return Ok(()) };
    if !tasks::is_done(future.as_borrowed())? {
        return Ok(());
    }
    // Every waiter is woken by the next tick.
    if before.iter().any(|known| known.is(&future)) {
        return stop_following(this, task, no_memory());
    }
    let future = future.into();
    http_server.shared.with(py, |shared| shared.done_futures.push(future));
    Ok(())
}
