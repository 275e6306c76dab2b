//! Calling the endpoint of a request, and what follows from what it returns or raises.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyConnectionError, PyException, PyTypeError};
use pyo3::prelude::*;
use wire::{Ending, Outcome};

use super::answer::{self, Answer};
use super::body;
use super::detach::detach;
use super::kind::Kind;
use super::reading;
use super::request::{Request, Stage, Task};
use super::routes::{self, Found, Routes};
use super::values;
use crate::ffi::at_import::AtImport;
use crate::ffi::call::{call_one, call_three, call_two};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::BoundFunction;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;
use crate::server::driver;
use crate::server::following::{self, Followed};
use crate::server::shared::HttpServer;
use crate::tasks;

/// The callback for the end of a task.
static ENDED: AtImport<BoundFunction<Request>> = AtImport::new();

/// Creates the callback for the end of a task.
pub(super) fn load(py: Python<'_>) -> PyResult<()> {
    ENDED.make(py, following::callback)
}

/// Calls the endpoint of a request. A plain function waits until the content is there as a whole: it can't wait for it
/// itself.
#[inline]
pub(super) fn begin(
    request: This<'_, Request>,
    http_server: &HttpServer,
    routes: &Routes,
    is_whole: bool,
) -> Result<(), ErrorSet> {
    let py = request.py();
    let Found::Entry { place, .. } = request.value().found else {
        let called = call_fallback(request, routes);
        return settle(request, http_server, routes, called);
    };
    let entry = routes.entry(place);
    match entry.kind {
        Kind::Plain if !is_whole => {
            request.note_task(Task::Gatherer);
            let task = body::make(request, body::What::Value(values::Kind::Body))
                .and_then(|coroutine| following::start(http_server, coroutine));
            following::follow(request, http_server, task)
        }
        Kind::Plain => {
            let called = call_one(entry.endpoint.bind_borrowed(py), request.object());
            settle(request, http_server, routes, called)
        }
        Kind::Async => {
            let task = call_one(entry.endpoint.bind_borrowed(py), request.object())
                .and_then(|coroutine| following::start(http_server, coroutine));
            following::follow(request, http_server, task)
        }
        // Such an application is not called with a request.
        Kind::Asgi | Kind::WebSocket => Ok(()),
    }
}

/// Calls the function for requests without a route.
#[cold]
fn call_fallback<'py>(request: This<'py, Request>, routes: &Routes) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = request.py();
    let allowed = match request.value().found {
        Found::BadPath(reason) => {
            let class = py.import(name!("vitok.http.native.errors"))?.getattr(name!("HTTPError"))?;
            return Err(PyErr::from_value(class.call1((400, reason.to_string()))?).into());
        }
        Found::NotAllowed => {
            let path = request.with_head(py, |head| routes::path_of(head).to_vec())?;
            make::tuple(py, routes.allowed_names(py, &path)?)?.into_any()
        }
        _ => py.None().into_bound(py),
    };
    call_two(routes.fallback.bind_borrowed(py), [request.object(), allowed.as_borrowed()])
}

/// Goes on with what an endpoint has returned or raised.
#[inline]
fn settle<'py>(
    request: This<'py, Request>,
    http_server: &HttpServer,
    routes: &Routes,
    called: Result<Bound<'py, PyAny>, ErrorSet>,
) -> Result<(), ErrorSet> {
    let read =
        |value| answer::read(request, routes, value).map_err(|raised| answer::named(request, routes, raised));
    let answer = called.and_then(read);
    match answer {
        Ok(Answer::Later(coroutine)) => {
            let task = following::start(http_server, coroutine);
            following::follow(request, http_server, task)
        }
        Ok(Answer::Streamed(response)) => {
            request.note_task(Task::Sender);
            let task = sender(request, routes, response.as_any())
                .and_then(|coroutine| following::start(http_server, coroutine));
            following::follow(request, http_server, task)
        }
        Ok(answer) => match answer::respond(request, answer) {
            Ok(()) => end(request),
            Err(raised) => fail(request, raised.take(request.py())),
        },
        Err(raised) => fail(request, raised.take(request.py())),
    }
}

/// Returns a coroutine that sends a response with a source.
fn sender<'py>(
    request: This<'py, Request>,
    routes: &Routes,
    response: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = request.py();
    let Some(send) = &routes.send else {
        return Err(new_error::<PyTypeError>("this application sends no response with a source").into());
    };
    call_three(send.bind_borrowed(py), [response.as_borrowed(), request.object(), request.object()])
}

/// Handles an exception by the application's function, once; otherwise the request fails.
#[cold]
pub(super) fn fail(request: This<'_, Request>, error: PyErr) -> Result<(), ErrorSet> {
    let py = request.py();
    // A client that has left gets no response, and that is no error of the application.
    let is_of_end = error.is_instance_of::<PyConnectionError>(py) && reading::is_disconnected(request);
    let is_handled = !is_of_end && error.is_instance_of::<PyException>(py) && request.enter(Stage::Handled);
    if !is_handled {
        return complete(request, Err(error));
    }
    request.note_task(Task::Value);
    let http_server = request.value().connection(py)?.0.value().http_server.get();
    let routes = request.value().routes();
    let on_exception = routes.on_exception.bind_borrowed(py);
    // Before Python 3.12 only this gives the exception its traceback.
    let error = error.into_value(py);
    let called = call_two(on_exception, [request.object(), error.bind(py).as_any().as_borrowed()]);
    settle(request, http_server, routes, called)
}

impl Followed for Request {
    fn key(&self) -> u64 {
        self.key
    }

    fn callback(py: Python<'_>) -> PyResult<&BoundFunction<Self>> {
        ENDED.get(py)
    }

    fn has_ended(&self) -> bool {
        self.is_past(Stage::Ended)
    }

    fn task_ended(this: This<'_, Self>, task: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = this.py();
        if this.is_past(Stage::Ended) {
            return Ok(());
        }
        let http_server = this.value().connection(py)?.0.value().http_server.get();
        match tasks::result(task) {
            Ok(_) if this.is_task(Task::Sender) => complete(this, Ok(())),
            Ok(_) if this.is_task(Task::Gatherer) => {
                this.note_task(Task::Value);
                begin(this, http_server, this.value().routes(), true)
            }
            Ok(value) => settle(this, http_server, this.value().routes(), Ok(value)),
            Err(raised) => match raised.take(py) {
                // Such an exception has left the loop already, when the task raised it.
                error if following::leaves_loop(py, &error) => {
                    complete(this, Err(new_error::<CancelledError>("")))
                }
                error => fail(this, error),
            },
        }
    }

    fn fails(this: This<'_, Self>, error: PyErr) -> Result<(), ErrorSet> {
        fail(this, error)
    }
}

/// Ends a request that is answered.
#[inline]
fn end(request: This<'_, Request>) -> Result<(), ErrorSet> {
    if !request.enter(Stage::Ended) {
        return Ok(());
    }
    following::count_end(request.value().connection(request.py())?.0, request.key)
}

/// Ends a request, and completes the response that the client waits for, before what was raised is reported, or leaves
/// the loop.
fn complete(request: This<'_, Request>, outcome: PyResult<()>) -> Result<(), ErrorSet> {
    let py = request.py();
    let counted = end(request);
    let (protocol, id) = request.value().connection(py)?;
    detach(request);
    let how = if outcome.is_ok() { Outcome::Ended } else { Outcome::Failed };
    let (finished, performed) = driver::finish(protocol, id, how);
    let performed = and_also(py, counted, || performed);
    if outcome.is_ok() && finished.ending == Ending::Complete {
        return performed;
    }
    let http_server = protocol.value().http_server.get();
    and_also(py, following::report_end(http_server, py, outcome.err(), finished, true), || performed)
}
