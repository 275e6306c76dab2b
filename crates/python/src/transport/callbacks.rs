//! Notifies a protocol of the beginning and the end of its transport, and the exception handler of the protocol's
//! exceptions.
//!
//! All of these may run user code, so their callers hold no borrow.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::state::{Inner, Transport};
use crate::ffi::call::call_method;
use crate::ffi::handle_object::Flags;
use crate::ffi::handle_pool::{Content, make_handle};
use crate::ffi::name::Text;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::handle;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::protocol::{self, Callee};

/// Refuses an object that is not a protocol, such as the coroutine of an `async` factory, before anything is created
/// for it: asyncio's constructors look `connection_made` up, too.
pub(crate) fn check_protocol(protocol: &Bound<'_, PyAny>) -> PyResult<()> {
    protocol.getattr(name!("connection_made")).map(drop)
}

/// Calls `connection_made`. Its exception is passed to the exception handler, and the connection stays open, as in
/// asyncio.
pub(crate) fn call_connection_made<'py>(
    owner: &Bound<'py, EventLoop>,
    callee: &Callee<'py>,
    transport: Borrowed<'py>,
) -> Result<(), ErrorSet> {
    let name = name!("connection_made");
    match callee.call(name, &[transport]) {
        Ok(_) => Ok(()),
        Err(raised) => report_as_callback(owner, callee, name, transport, raised),
    }
}

/// Reports an exception of `connection_made` as asyncio does, where that is a callback of the loop.
#[cold]
fn report_as_callback<'py>(
    owner: &Bound<'py, EventLoop>,
    callee: &Callee<'py>,
    name: &Py<PyString>,
    transport: Borrowed<'py>,
    raised: ErrorSet,
) -> Result<(), ErrorSet> {
    let py = owner.py();
    let error = protocol::failure(py, raised)?;
    let method = callee.protocol.getattr(name)?;
    let made = handle::make_unscheduled(
        owner.into(),
        method.as_borrowed(),
        &[transport],
        Some(callee.context.as_borrowed()),
    )?;
    handle::report(py, &made, error.into())
}

/// Wakes the future of a caller that waits for a transport to be connected, unless it is done.
pub(crate) fn wake(waiter: Borrowed<'_>) -> Result<(), ErrorSet> {
    if !waiter.is_none() && !waiter.call_method0(name!("cancelled"))?.is_truthy()? {
        waiter.call_method1(name!("set_result"), (waiter.py().None(),))?;
    }
    Ok(())
}

/// Returns whether another thread than the calling one runs the loop.
#[inline(always)]
pub(crate) fn runs_elsewhere(state: &EventLoop) -> bool {
    state.is_running() && !state.is_own_thread()
}

/// Schedules a call for the loop's next turn, in the given context or in a copy of the current one. If another thread
/// runs the loop it is woken: transports are not thread-safe by asyncio's rules, but the end of one that was closed in
/// another thread must not wait for an event.
pub(crate) fn schedule<'py>(
    owner: &Bound<'py, EventLoop>,
    callback: Borrowed<'py>,
    arguments: &[Borrowed<'py>],
    context: Option<Borrowed<'py>>,
) -> Result<(), ErrorSet> {
    let py = owner.py();
    let state = owner.get();
    state.check_open()?;
    let content = Content { callback, arguments, context, flags: Flags::NONE, when: 0.0, tracked: true };
    let handle = make_handle(owner.into(), content)?;
    if runs_elsewhere(state) {
        return Ok(state.post(py, handle)?);
    }
    state.push_ready(py, handle);
    Ok(())
}

/// Calls `connection_lost`. The handle that calls this has entered the connection's context.
pub(crate) fn call_connection_lost(callee: Option<Callee<'_>>, error: Borrowed<'_>) -> PyResult<()> {
    let Some(callee) = callee else { return Ok(()) };
    let name = name!("connection_lost");
    let told = call_method(callee.protocol.as_borrowed(), name, &[error]);
    told.map(drop).map_err(|raised| raised.take(error.py()))
}

/// Passes an exception of a protocol to the exception handler; the transport stays open.
#[inline(always)]
pub(crate) fn report_failure(
    owner: &Bound<'_, EventLoop>,
    protocol: &Bound<'_, PyAny>,
    transport: Borrowed<'_>,
    outcome: Result<Bound<'_, PyAny>, ErrorSet>,
    message: &str,
) -> Result<(), ErrorSet> {
    match outcome {
        Ok(_) => Ok(()),
        Err(raised) => {
            let error = protocol::failure(owner.py(), raised)?;
            protocol::report(owner, message, &error, transport, Some(protocol))
        }
    }
}

/// Reports an error that ends a transport: errors of the network go to the log of debug mode, all others to the
/// exception handler, as in asyncio.
#[cold]
pub(crate) fn report_fatal<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: &PyErr,
    message: &str,
    is_network_error: bool,
) -> PyResult<()> {
    let py = transport.py();
    let owner = transport.owner.bind(py);
    if !is_network_error {
        let protocol = transport.callee(py).map(|callee| callee.protocol);
        let reported = protocol::report(owner, message, error, transport.object(), protocol.as_ref());
        return reported.map_err(|raised| raised.take(py));
    }
    if owner.get().modes.any(Modes::DEBUG) {
        owner.get().imports.hooks.log_network_error(
            py,
            transport.object(),
            Text(message),
            error.value(py),
        )?;
    }
    Ok(())
}
