//! The task of a request: the application is called, and the end of its task completes the response.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;
use wire::{Ending, Outcome};

use super::callables;
use super::cycle::RequestCycle;
use crate::ffi::at_import::AtImport;
use crate::ffi::call::call_three;
use crate::ffi::error::new_error;
use crate::ffi::method::BoundFunction;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;
use crate::server::connection::Protocol;
use crate::server::driver;
use crate::server::following::{self, Followed};
use crate::server::shared::HttpServer;
use crate::tasks;

/// The callback for the end of a task.
static ENDED: AtImport<BoundFunction<RequestCycle>> = AtImport::new();

/// Creates the callback for the end of a task.
pub(super) fn load(py: Python<'_>) -> PyResult<()> {
    ENDED.make(py, following::callback)
}

/// Calls the application with a scope, and starts its task.
#[inline]
pub(super) fn call<'py>(
    cycle: This<'py, RequestCycle>,
    http_server: &HttpServer,
    application: &Bound<'py, PyAny>,
    scope: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (receive, send) = callables::of(cycle)?;
    let arguments = [scope.as_borrowed(), receive.as_borrowed(), send.as_borrowed()];
    following::start(http_server, call_three(application.as_borrowed(), arguments)?)
}

impl Followed for RequestCycle {
    fn key(&self) -> u64 {
        self.key
    }

    fn callback(py: Python<'_>) -> PyResult<&BoundFunction<Self>> {
        ENDED.get(py)
    }

    fn has_ended(&self) -> bool {
        Self::has_ended(self)
    }

    #[inline]
    fn task_ended(this: This<'_, Self>, task: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = this.py();
        let outcome = match tasks::exception(task) {
            Ok(error) if error.is_none() => Ok(()),
            Ok(error) => match PyErr::from_value(error) {
                // Such an exception has left the loop already, when the task raised it.
                error if following::leaves_loop(py, &error) => Err(new_error::<CancelledError>("")),
                error => Err(error),
            },
            Err(raised) => Err(raised.take(py)),
        };
        complete_request(this, outcome)
    }

    #[cold]
    fn fails(this: This<'_, Self>, error: PyErr) -> Result<(), ErrorSet> {
        complete_request(this, Err(error))
    }
}

/// Completes a request whose application has ended.
#[inline(always)]
fn complete_request(cycle: This<'_, RequestCycle>, outcome: PyResult<()>) -> Result<(), ErrorSet> {
    let py = cycle.py();
    if !cycle.note_end() {
        return Ok(());
    }
    let protocol = cycle.value().protocol.this(py);
    let counted = following::count_end(protocol, cycle.key);
    and_also(py, counted, || complete_response(protocol, cycle, outcome))
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
    let told = following::report_end(http_server, py, outcome.err(), finished, false);
    let told = told.and_then(|()| match has_failed {
        true => Ok(http_server.notify(py, name!("websocket_failed"), (protocol,))?),
        false => Ok(()),
    });
    let told = told.map_err(|raised| raised.take(py));
    Ok(told.and(performed)?)
}
