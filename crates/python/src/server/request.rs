//! One request: the application is called, its task takes the first step at once, and its end is looked at.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyBaseExceptionGroup, PyConnectionError, PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use super::connection::{Answer, Protocol, protocol_of};
use super::exchange::{self, Exchange};
use super::hub::HttpServer;
use super::names::names;
use super::scope::Draft;
use super::{ending, respond};
use crate::ffi::call::{call_method, call_three};
use crate::ffi::error::{new_error, no_memory, was_memory_refused};
use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;
use crate::ffi::record;
use crate::loop_state::EventLoop;
use crate::name;
use crate::protocol;
use crate::tasks;

/// How far back the causes of an exception are looked at.
const CHAIN: usize = 16;

/// Begins to answer a request that has come in.
#[inline]
pub(super) fn begin(protocol: Argument<'_>, value: &Protocol, draft: Draft<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let hub = value.hub.get();
    let key = hub.shared.with(py, |shared| {
        shared.begun += 1;
        // uvicorn counts connections, too.
        let open = if hub.settings.tells { shared.open } else { 0 };
        if shared.running.max(open) >= hub.settings.requests {
            return None;
        }
        shared.running += 1;
        Some(shared.begun)
    });
    let Some(key) = key else {
        if hub.settings.tells {
            hub.warn(py, "Exceeded concurrency limit.")?;
            return respond::answer_last(protocol, 503, "Service Unavailable");
        }
        return respond::answer(protocol, 503, "the server has as many requests as it takes at a time\n");
    };
    let number = value.body.with(py, |body| {
        if let Some(request) = &mut body.request {
            request.key = key;
        }
        body.number
    });
    let exchange = match exchange::make(protocol, number, key) {
        Ok(exchange) => exchange,
        Err(raised) => {
            let error = raised.take(py);
            drop(hub.end_request(py, key));
            return failed(protocol, error, Some((true, false)));
        }
    };
    match call(value, &exchange, draft) {
        Ok(task) => follow(value, &exchange, &task)
            .or_else(|raised| stop_following(&exchange, &task, raised.take(py))),
        Err(raised) => {
            let error = raised.take(py);
            settle(exchange.as_borrowed(), Err(error))
        }
    }
}

/// The end of a task that cannot be waited for, for lack of memory as a rule: it is cancelled, and counts as ended.
#[cold]
fn stop_following(exchange: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>, error: PyErr) -> Result<(), Raised> {
    if record::value_of::<Exchange>(exchange.as_borrowed()).has_ended() {
        return Err(error.into());
    }
    // One that is not even cancelled meets no request any more.
    drop(task.call_method0(name!("cancel")));
    settle(exchange.as_borrowed(), Err(error))
}

/// Calls the application and starts its task.
#[inline]
fn call<'py>(
    value: &Protocol,
    exchange: &Bound<'py, PyAny>,
    draft: Draft<'py>,
) -> Result<Bound<'py, PyAny>, Raised> {
    let py = exchange.py();
    let hub = value.hub.get();
    let scope = draft.into_scope(value)?.into_any();
    let (receive, send) = exchange::functions(exchange.as_borrowed())?;
    let application = hub.application.bind_borrowed(py);
    let coroutine =
        call_three(application, [scope.as_borrowed(), receive.as_borrowed(), send.as_borrowed()])?;
    match hub.owner.bind(py).cast::<EventLoop>() {
        Ok(owner) => tasks::start(owner, coroutine),
        // On another loop a task begins as that loop has it.
        Err(_) => Ok(hub.owner.bind(py).call_method1(name!("create_task"), (coroutine,))?),
    }
}

/// Looks at the task after its first step: it has ended, or is waited for.
#[inline]
fn follow(value: &Protocol, exchange: &Bound<'_, PyAny>, task: &Bound<'_, PyAny>) -> Result<(), Raised> {
    let py = task.py();
    let names = names(py)?;
    if call_method(task.as_borrowed(), &names.done, &[])?.is_truthy()? {
        return ended(exchange.as_borrowed(), task.as_borrowed());
    }
    let key = record::value_of::<Exchange>(exchange.as_borrowed()).key;
    let hub = value.hub.get();
    hub.keep_task(task, exchange, key);
    let callback = exchange::end_callback(exchange.as_borrowed())?;
    call_method(task.as_borrowed(), &names.add_done_callback, &[callback.as_borrowed()])?;
    if hub.settings.tells {
        hub.hooks.bind(py).call_method1(name!("task_begun"), (task,))?;
    }
    Ok(())
}

/// Sees to requests that nobody would end any more. asyncio forgets the callbacks of a future where it has no memory to
/// schedule one: of a task that has ended, and of what a task waits for. Before memory was refused there are none.
pub(super) fn end_forgotten(hub: &Bound<'_, HttpServer>) -> Result<(), Raised> {
    let py = hub.py();
    if !was_memory_refused() {
        return Ok(());
    }
    let mut outcome = Ok(());
    for (key, exchange, task) in hub.get().waiting(py) {
        if let Err(raised) = end_if_forgotten(hub.get(), key, exchange.as_borrowed(), task.as_borrowed()) {
            outcome = Err(raised.take(py));
        }
    }
    Ok(outcome?)
}

fn end_if_forgotten(
    hub: &HttpServer,
    key: u64,
    exchange: Argument<'_>,
    task: Argument<'_>,
) -> Result<(), Raised> {
    let py = task.py();
    let names = names(py)?;
    let is_done = |future: Argument<'_>| Ok::<_, Raised>(call_method(future, &names.done, &[])?.is_truthy()?);
    if is_done(task)? {
        return ended(exchange, task);
    }
    let waits_for = match task.getattr_opt(name!("_fut_waiter"))? {
        Some(future) if !future.is_none() && is_done(future.as_borrowed())? => Some(future.into()),
        _ => None,
    };
    // Whoever is to be woken has been by the next tick.
    if hub.note_done_waiter(py, key, waits_for) {
        return stop_following(&exchange.to_owned(), &task.to_owned(), no_memory());
    }
    Ok(())
}

/// A request's task has ended.
pub(super) fn ended(exchange: Argument<'_>, task: Argument<'_>) -> Result<(), Raised> {
    let py = exchange.py();
    let names = names(py)?;
    let outcome = match call_method(task, &names.exception, &[]) {
        Ok(error) if error.is_none() => Ok(()),
        // Such an exception has left the loop already, when the task raised it.
        Ok(error) if leaves_loop(&error) => Err(new_error::<CancelledError>("")),
        Ok(error) => Err(PyErr::from_value(error)),
        Err(raised) => Err(raised.take(py)),
    };
    settle(exchange, outcome)
}

fn leaves_loop(error: &Bound<'_, PyAny>) -> bool {
    error.is_instance_of::<PySystemExit>() || error.is_instance_of::<PyKeyboardInterrupt>()
}

/// Sees to what an application has left undone.
#[inline]
fn settle(exchange: Argument<'_>, outcome: PyResult<()>) -> Result<(), Raised> {
    let py = exchange.py();
    let inner = record::value_of::<Exchange>(exchange);
    if !inner.note_end() {
        return Ok(());
    }
    let protocol = inner.protocol.bind_borrowed(py);
    let value = protocol_of(protocol);
    let kept = value.hub.get().end_request(py, inner.key);
    let counted = match kept {
        Some(task) if value.hub.get().settings.tells => {
            let hooks = value.hub.get().hooks.bind(py);
            hooks.call_method1(name!("task_ended"), (task.bind(py),)).map(drop)
        }
        _ => Ok(()),
    };
    let seen = see_to(protocol, inner, outcome).map_err(|raised| raised.take(py));
    Ok(counted.and(seen)?)
}

/// What the end of a task leaves to be done for the client.
#[inline]
fn see_to(protocol: Argument<'_>, inner: &Exchange, outcome: PyResult<()>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let stage = value.body.with(py, |body| {
        let is_disconnected = body.is_disconnected();
        let request = body.current(inner.number)?;
        Some((matches!(request.answer, Answer::Owed | Answer::Started(_)), is_disconnected))
    });
    match (outcome, stage) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some((is_unanswered, is_disconnected))) => {
            // Whoever was told that the client is gone may leave it at that.
            let told = if is_disconnected {
                Ok(())
            } else {
                let what = if is_unanswered { "without a response" } else { "in the middle of its response" };
                value.hub.get().report(py, &format!("The ASGI application returned {what}"), None)
            };
            fail_telling(protocol, Some(is_unanswered), told)
        }
        (Err(error), stage) => failed(protocol, error, stage),
    }
}

#[cold]
fn failed(protocol: Argument<'_>, error: PyErr, stage: Option<(bool, bool)>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let is_gone = stage.map_or_else(
        || value.body.with(py, |body| body.is_disconnected()),
        |(_, is_disconnected)| is_disconnected,
    );
    let is_expected = error.is_instance_of::<CancelledError>(py)
        || (is_gone && comes_of_disconnect(error.value(py), CHAIN)?);
    let told = match protocol::failure(py, error.into()) {
        Ok(_) if is_expected => Ok(()),
        Ok(error) => value.hub.get().report(py, "Exception in ASGI application", Some(&error)),
        Err(leaving) => Err(leaving),
    };
    fail_telling(protocol, stage.map(|(is_unanswered, _)| is_unanswered), told)
}

/// Whether an exception goes back to the one that `send` raises once the client is gone: frameworks turn that into one of
/// their own, and task groups put it into a group.
fn comes_of_disconnect(error: &Bound<'_, PyAny>, steps: usize) -> PyResult<bool> {
    if error.is_none() || steps == 0 {
        return Ok(false);
    }
    if error.is_instance_of::<PyConnectionError>() {
        return Ok(true);
    }
    let py = error.py();
    if error.is_instance_of::<PyBaseExceptionGroup>() {
        for member in error.getattr(name!("exceptions").of(py)?)?.try_iter()? {
            if !comes_of_disconnect(&member?, steps - 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let cause = error.getattr(name!("__cause__").of(py)?)?;
    let before = if cause.is_none() { error.getattr(name!("__context__").of(py)?)? } else { cause };
    comes_of_disconnect(&before, steps - 1)
}

/// Sees to the client of a request that is still open, and only then lets out what was raised before, be it something that
/// leaves the loop: no client is left waiting.
#[cold]
fn fail_telling(
    protocol: Argument<'_>,
    is_unanswered: Option<bool>,
    told: Result<(), Raised>,
) -> Result<(), Raised> {
    let py = protocol.py();
    let told = told.map_err(|raised| raised.take(py));
    let failed = is_unanswered.map_or(Ok(()), |is_unanswered| fail(protocol, is_unanswered));
    let failed = failed.map_err(|raised| raised.take(py));
    Ok(told.and(failed)?)
}

/// Answers for an application that has not: with 500 if nothing has left, otherwise by cutting the response short.
#[cold]
fn fail(protocol: Argument<'_>, is_unanswered: bool) -> Result<(), Raised> {
    if is_unanswered {
        return respond::answer_last(protocol, 500, "Internal Server Error\n");
    }
    ending::abandon(protocol)
}
