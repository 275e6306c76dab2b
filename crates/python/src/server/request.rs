//! One request: the application is called, its task takes the first step at once, and its end is handled.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyBaseExceptionGroup, PyConnectionError, PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use super::connection::{Answer, Protocol};
use super::http_server::HttpServer;
use super::request_cycle::{self, RequestCycle};
use super::scope::ScopeBuilder;
use super::{close, respond};
use crate::ffi::call::{call_method, call_three};
use crate::ffi::error::{new_error, no_memory, was_memory_refused};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::protocol;
use crate::tasks;

/// The number of causes of an exception that are checked.
const CHAIN: usize = 16;

/// Starts to answer a request.
#[inline]
pub(super) fn begin_request(
    protocol: This<'_, Protocol>,
    value: &Protocol,
    draft: ScopeBuilder<'_>,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let http_server = value.http_server.get();
    let key = http_server.shared.with(py, |shared| {
        shared.begun += 1;
        // uvicorn counts connections, too.
        let open = if http_server.settings.reports_to_hooks { shared.open } else { 0 };
        if shared.running.max(open) >= http_server.settings.requests {
            return None;
        }
        shared.running += 1;
        Some(shared.begun)
    });
    let Some(key) = key else {
        http_server.count_refused(py);
        if http_server.settings.reports_to_hooks {
            http_server.warn(py, "Exceeded concurrency limit.")?;
            return respond::answer_last(protocol, 503, "Service Unavailable");
        }
        return respond::answer(protocol, 503, "the server has as many requests as it takes at a time\n");
    };
    let number = value.state.with(py, |state| {
        if let Some(request) = &mut state.request {
            request.key = key;
        }
        state.number
    });
    let cycle = match request_cycle::make(protocol, number, key) {
        Ok(cycle) => cycle,
        Err(raised) => {
            let error = raised.take(py);
            drop(http_server.end_request(py, key));
            return failed(protocol, error, Some((true, false)));
        }
    };
    match call(value, &cycle, draft) {
        Ok(task) => follow(value, &cycle, &task)
            .or_else(|raised| stop_following((&cycle).into(), &task, raised.take(py))),
        Err(raised) => {
            let error = raised.take(py);
            complete_request((&cycle).into(), Err(error))
        }
    }
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

/// Calls the application and starts its task.
#[inline]
fn call<'py>(
    value: &Protocol,
    cycle: &Bound<'py, RequestCycle>,
    draft: ScopeBuilder<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let http_server = value.http_server.get();
    let scope = draft.into_scope(value)?.into_any();
    let (receive, send) = request_cycle::functions(cycle.into())?;
    let application = http_server.application.bind_borrowed(py);
    let coroutine =
        call_three(application, [scope.as_borrowed(), receive.as_borrowed(), send.as_borrowed()])?;
    match http_server.owner.bind(py).cast::<EventLoop>() {
        Ok(owner) => tasks::start(owner, coroutine),
        // On another loop a task starts by that loop's own rules.
        Err(_) => Ok(http_server.owner.bind(py).call_method1(name!("create_task"), (coroutine,))?),
    }
}

/// Checks the task after its first step: it has ended, or is waited for.
#[inline]
fn follow(
    value: &Protocol,
    cycle: &Bound<'_, RequestCycle>,
    task: &Bound<'_, PyAny>,
) -> Result<(), ErrorSet> {
    let py = task.py();
    let this = This::from(cycle);
    if call_method(task.as_borrowed(), name!("done"), &[])?.is_truthy()? {
        return ended(this, task.as_borrowed());
    }
    let key = this.key;
    let http_server = value.http_server.get();
    http_server.keep_task(task, cycle, key);
    let callback = request_cycle::end_callback(this)?;
    call_method(task.as_borrowed(), name!("add_done_callback"), &[callback.as_borrowed()])?;
    if http_server.settings.reports_to_hooks {
        http_server.hooks.bind(py).call_method1(name!("task_begun"), (task,))?;
    }
    Ok(())
}

/// Ends requests that would never end otherwise. asyncio loses the callbacks of a future if it has no memory to
/// schedule one: those of a task that has ended, and of a future that a task waits for. There are none before memory
/// was refused.
pub(super) fn end_forgotten(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    if !was_memory_refused() {
        return Ok(());
    }
    let mut outcome = Ok(());
    for (key, cycle, task) in http_server.get().waiting(py) {
        if let Err(raised) = end_if_forgotten(http_server.get(), key, (&cycle).into(), task.as_borrowed()) {
            outcome = Err(raised.take(py));
        }
    }
    Ok(outcome?)
}

fn end_if_forgotten(
    http_server: &HttpServer,
    key: u64,
    cycle: This<'_, RequestCycle>,
    task: Borrowed<'_>,
) -> Result<(), ErrorSet> {
    let py = task.py();
    let is_done =
        |future: Borrowed<'_>| Ok::<_, ErrorSet>(call_method(future, name!("done"), &[])?.is_truthy()?);
    if is_done(task)? {
        return ended(cycle, task);
    }
    let waits_for = match task.getattr_opt(name!("_fut_waiter"))? {
        Some(future) if !future.is_none() && is_done(future.as_borrowed())? => Some(future.into()),
        _ => None,
    };
    // Every waiter is woken by the next tick.
    if http_server.note_done_waiter(py, key, waits_for) {
        return stop_following(cycle, &task.to_owned(), no_memory());
    }
    Ok(())
}

/// Handles the end of a request's task.
pub(super) fn ended(cycle: This<'_, RequestCycle>, task: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = cycle.py();
    let outcome = match call_method(task, name!("exception"), &[]) {
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
    let inner = cycle.value();
    if !inner.note_end() {
        return Ok(());
    }
    let protocol = inner.protocol.this(py);
    let value = protocol.value();
    let kept = value.http_server.get().end_request(py, inner.key);
    let counted = match kept {
        Some(task) if value.http_server.get().settings.reports_to_hooks => {
            let hooks = value.http_server.get().hooks.bind(py);
            hooks.call_method1(name!("task_ended"), (task.bind(py),)).map(drop)
        }
        _ => Ok(()),
    };
    let completed = complete_response(protocol, inner, outcome).map_err(|raised| raised.take(py));
    Ok(counted.and(completed)?)
}

/// Completes the response that the client waits for.
#[inline]
fn complete_response(
    protocol: This<'_, Protocol>,
    inner: &RequestCycle,
    outcome: PyResult<()>,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let stage = value.state.with(py, |state| {
        let is_disconnected = state.is_disconnected();
        let request = state.current(inner.number)?;
        Some((matches!(request.answer, Answer::Owed | Answer::Started(_)), is_disconnected))
    });
    match (outcome, stage) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some((is_unanswered, is_disconnected))) => {
            // An application that was told that the client has left may return.
            let told = if is_disconnected {
                Ok(())
            } else {
                let what = if is_unanswered { "without a response" } else { "in the middle of its response" };
                value.http_server.get().report(py, &format!("The ASGI application returned {what}"), None)
            };
            fail_telling(protocol, Some(is_unanswered), told)
        }
        (Err(error), stage) => failed(protocol, error, stage),
    }
}

#[cold]
fn failed(protocol: This<'_, Protocol>, error: PyErr, stage: Option<(bool, bool)>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let is_gone = stage.map_or_else(
        || value.state.with(py, |state| state.is_disconnected()),
        |(_, is_disconnected)| is_disconnected,
    );
    let is_expected = error.is_instance_of::<CancelledError>(py)
        || (is_gone && comes_of_disconnect(error.value(py), CHAIN)?);
    let told = match protocol::failure(py, error.into()) {
        Ok(_) if is_expected => Ok(()),
        Ok(error) => value.http_server.get().report(py, "Exception in ASGI application", Some(&error)),
        Err(leaving) => Err(leaving),
    };
    fail_telling(protocol, stage.map(|(is_unanswered, _)| is_unanswered), told)
}

/// Returns whether an exception is caused by the one that `send` raises once the client has left: frameworks wrap it in
/// one of their own, and task groups in a group.
fn comes_of_disconnect(error: &Bound<'_, PyAny>, steps: usize) -> PyResult<bool> {
    if error.is_none() || steps == 0 {
        return Ok(false);
    }
    if error.is_instance_of::<PyConnectionError>() {
        return Ok(true);
    }
    if error.is_instance_of::<PyBaseExceptionGroup>() {
        for member in error.getattr(name!("exceptions"))?.try_iter()? {
            if !comes_of_disconnect(&member?, steps - 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let cause = error.getattr(name!("__cause__"))?;
    let before = if cause.is_none() { error.getattr(name!("__context__"))? } else { cause };
    comes_of_disconnect(&before, steps - 1)
}

/// Completes the response of a request that is still open, and only then returns an earlier exception, even one that
/// leaves the loop: no client is left waiting.
#[cold]
fn fail_telling(
    protocol: This<'_, Protocol>,
    is_unanswered: Option<bool>,
    told: Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let told = told.map_err(|raised| raised.take(py));
    let failed = is_unanswered.map_or(Ok(()), |is_unanswered| fail(protocol, is_unanswered));
    let failed = failed.map_err(|raised| raised.take(py));
    Ok(told.and(failed)?)
}

/// Answers for an application that has not: with 500 if nothing was sent, otherwise by cutting the response short.
#[cold]
fn fail(protocol: This<'_, Protocol>, is_unanswered: bool) -> Result<(), ErrorSet> {
    if is_unanswered {
        return respond::answer_last(protocol, 500, "Internal Server Error\n");
    }
    close::abandon(protocol)
}
