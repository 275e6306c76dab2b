//! The task of a request: the application is called, its task takes the first step at once, and its end is handled.

use std::mem;

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use wire::{Ending, Finished, Outcome};

use super::callables;
use super::cycle::RequestCycle;
use crate::ffi::arguments::one;
use crate::ffi::at_import::AtImport;
use crate::ffi::call::{call_method, call_three};
use crate::ffi::constants::none;
use crate::ffi::error::{new_error, no_memory, was_memory_refused};
use crate::ffi::method::{BoundFunction, Call, Method, fastcall};
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also, take_all};
use crate::loop_state::EventLoop;
use crate::name;
use crate::protocol;
use crate::server::connection::Protocol;
use crate::server::driver;
use crate::server::shared::HttpServer;
use crate::tasks;

/// The callback for the end of a task.
static ENDED: AtImport<BoundFunction<RequestCycle>> = AtImport::new();

/// Creates the callback for the end of a task.
pub(super) fn load(py: Python<'_>) -> PyResult<()> {
    let doc = "Called by the task at its end.";
    ENDED.make(py, || BoundFunction::new(Method::new("ended", fastcall(call_ended), "(task)", doc)))
}

/// Handles the end of a task that cannot be waited for, usually for lack of memory: it is cancelled, and counts as
/// ended.
#[cold]
fn stop_following(
    cycle: This<'_, RequestCycle>,
    task: &Bound<'_, PyAny>,
    error: PyErr,
) -> Result<(), ErrorSet> {
    if cycle.has_ended() {
        return Err(error.into());
    }
    // A task that cannot be cancelled either has no request any more.
    drop(task.call_method0(name!("cancel")));
    complete_request(cycle, Err(error))
}

/// Calls the application with a scope, and starts its task.
#[inline]
pub(super) fn call<'py>(
    cycle: This<'py, RequestCycle>,
    http_server: &HttpServer,
    application: &Bound<'py, PyAny>,
    scope: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let (receive, send) = callables::of(cycle)?;
    let arguments = [scope.as_borrowed(), receive.as_borrowed(), send.as_borrowed()];
    let coroutine = call_three(application.as_borrowed(), arguments)?;
    match http_server.owner.bind(py).cast::<EventLoop>() {
        Ok(owner) => tasks::start(owner, coroutine),
        // On another loop a task starts by that loop's own rules.
        Err(_) => Ok(http_server.owner.bind(py).call_method1(name!("create_task"), (coroutine,))?),
    }
}

/// Follows the task of a request until its end, or completes the request if the application could not be called.
#[inline]
pub(super) fn follow(
    cycle: This<'_, RequestCycle>,
    http_server: &HttpServer,
    called: Result<Bound<'_, PyAny>, ErrorSet>,
) -> Result<(), ErrorSet> {
    let py = cycle.py();
    match called {
        Ok(task) => wait_for(cycle, http_server, &task)
            .or_else(|raised| stop_following(cycle, &task, raised.take(py))),
        Err(raised) => complete_request(cycle, Err(raised.take(py))),
    }
}

/// Checks the task after its first step: it has ended, or is waited for.
#[inline]
fn wait_for(
    cycle: This<'_, RequestCycle>,
    http_server: &HttpServer,
    task: &Bound<'_, PyAny>,
) -> Result<(), ErrorSet> {
    let py = task.py();
    if tasks::is_done(task.as_borrowed())? {
        return ended(cycle, task.as_borrowed());
    }
    let callback = ENDED.get(py)?.bind(cycle)?;
    http_server.keep_task(task, cycle.object(), cycle.key);
    call_method(task.as_borrowed(), name!("add_done_callback"), &[callback.as_borrowed()])?;
    Ok(http_server.notify(py, name!("task_begun"), (task,))?)
}

fn call_ended<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    ended(call.this(), one(call, "ended", "task")?)?;
    Ok(none(call.py))
}

/// Ends requests that would never end otherwise. asyncio loses the callbacks of a future if it has no memory to
/// schedule one: those of a task that has ended, and of a future that a task waits for. There are none before memory
/// was refused.
pub(in crate::server) fn end_forgotten(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    if !was_memory_refused() {
        return Ok(());
    }
    let server = http_server.get();
    let before = server.shared.with(py, |shared| mem::take(&mut shared.done_futures));
    let requests = server.waiting(py);
    take_all(py, requests.iter().map(|[cycle, task]| end_if_forgotten(server, cycle, task, &before)))
}

fn end_if_forgotten(
    http_server: &HttpServer,
    cycle: &Bound<'_, PyAny>,
    task: &Bound<'_, PyAny>,
    before: &[Object],
) -> Result<(), ErrorSet> {
    let py = task.py();
    let Some(cycle) = This::cast(cycle.as_borrowed()) else { return Ok(()) };
    if tasks::is_done(task.as_borrowed())? {
        return ended(cycle, task.as_borrowed());
    }
    let waits_for = task.getattr_opt(name!("_fut_waiter"))?.filter(|future| !future.is_none());
    let Some(future) = waits_for else { return Ok(()) };
    if !tasks::is_done(future.as_borrowed())? {
        return Ok(());
    }
    // Every waiter is woken by the next tick.
    if before.iter().any(|known| known.is(&future)) {
        return stop_following(cycle, task, no_memory());
    }
    let future = future.into();
    http_server.shared.with(py, |shared| shared.done_futures.push(future));
    Ok(())
}

/// Handles the end of a request's task.
fn ended(cycle: This<'_, RequestCycle>, task: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = cycle.py();
    let outcome = match tasks::exception(task) {
        Ok(error) if error.is_none() => Ok(()),
        // Such an exception has left the loop already, when the task raised it.
        Ok(error) if leaves_loop(&error) => Err(new_error::<CancelledError>("")),
        Ok(error) => Err(PyErr::from_value(error)),
        Err(raised) => Err(raised.take(py)),
    };
    complete_request(cycle, outcome)
}

fn leaves_loop(error: &Bound<'_, PyAny>) -> bool {
    error.is_instance_of::<PySystemExit>() || error.is_instance_of::<PyKeyboardInterrupt>()
}

/// Completes a request whose application has ended.
#[inline]
fn complete_request(cycle: This<'_, RequestCycle>, outcome: PyResult<()>) -> Result<(), ErrorSet> {
    let py = cycle.py();
    if !cycle.note_end() {
        return Ok(());
    }
    let protocol = cycle.value().protocol.this(py);
    let http_server = protocol.value().http_server.get();
    let Some(task) = http_server.end_request(py, cycle.key) else {
        return complete_response(protocol, cycle, outcome);
    };
    let counted = http_server.notify(py, name!("task_ended"), (task.into_bound(py),));
    and_also(py, counted.map_err(ErrorSet::from), || complete_response(protocol, cycle, outcome))
}

/// Completes the response that the client waits for, and only then raises what was raised, even an exception that
/// leaves the loop: no client is left waiting.
#[inline]
fn complete_response(
    protocol: This<'_, Protocol>,
    cycle: This<'_, RequestCycle>,
    outcome: PyResult<()>,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let end = if outcome.is_ok() { Outcome::Ended } else { Outcome::Failed };
    let (finished, performed) = driver::finish(protocol, cycle.request, end);
    if outcome.is_ok() && finished.ending == Ending::Complete {
        return performed;
    }
    let performed = performed.map_err(|raised| raised.take(py));
    let http_server = protocol.value().http_server.get();
    let has_failed =
        cycle.is_websocket && finished.ending == Ending::Unanswered && !finished.was_disconnected;
    let told = report_end(http_server, py, outcome.err(), finished).and_then(|()| match has_failed {
        true => Ok(http_server.notify(py, name!("websocket_failed"), (protocol,))?),
        false => Ok(()),
    });
    let told = told.map_err(|raised| raised.take(py));
    Ok(told.and(performed)?)
}

/// Reports the end of an application, unless it is expected. An exception that leaves the loop is raised.
#[cold]
fn report_end(
    http_server: &HttpServer,
    py: Python<'_>,
    error: Option<PyErr>,
    finished: Finished,
) -> Result<(), ErrorSet> {
    let error = error.map(|error| protocol::failure(py, error.into())).transpose()?;
    let is_unanswered = finished.ending == Ending::Unanswered;
    let facts = (error.as_ref().map(|error| error.value(py)), finished.was_disconnected, is_unanswered);
    let module = py.import(name!("vitok.http.application"))?;
    match module.call_method1(name!("unexpected_end"), facts)?.extract::<Option<String>>()? {
        Some(message) => http_server.report(py, &message, error.as_ref()),
        None => Ok(()),
    }
}
