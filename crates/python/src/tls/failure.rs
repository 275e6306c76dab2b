//! Errors that end a connection, and the caller that waits for its beginning.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::state::Tls;
use crate::ffi::constants::none;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::loop_state::Modes;
use crate::name;
use crate::protocol;

/// Ends the connection because of an exception, which is reported unless the network is the cause.
#[cold]
pub(super) fn fail(tls: This<'_, Tls>, error: &PyErr, message: &str) -> Result<(), ErrorSet> {
    let py = tls.py();
    let below = tls.below(py);
    let closed = match &below {
        Some(below) => below.force_close(py, Some(error)),
        None => Ok(()),
    };
    and_also(py, closed, || {
        let owner = tls.owner.bind(py);
        let hooks = &owner.get().imports.hooks;
        if protocol::is_network_error(py, error) {
            if owner.get().modes.any(Modes::DEBUG) {
                hooks.log_network_error(py, tls.object(), Text(message), error.value(py))?;
            }
            return Ok(());
        }
        let transport = below.map_or_else(|| none(py), |below| below.object().bind(py).clone());
        protocol::report(owner, message, error, transport.as_borrowed(), Some(&tls.object().to_owned()))
    })
}

/// Ends the connection because of an exception that asyncio's `except Exception` catches; any other goes on.
#[cold]
pub(super) fn fail_if_caught(tls: This<'_, Tls>, error: PyErr) -> Result<(), ErrorSet> {
    if error.is_instance_of::<PyException>(tls.py()) {
        fail(tls, &error, "Fatal error on SSL protocol")
    } else {
        Err(error.into())
    }
}

/// Wakes the caller that waits for the end of the handshake.
pub(super) fn wake(tls: This<'_, Tls>, error: Option<&PyErr>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let Some(waiter) = tls.inner.with(py, |inner| inner.waiter.take()) else { return Ok(()) };
    let waiter = waiter.bind(py);
    if waiter.call_method0(name!("cancelled"))?.is_truthy()? {
        return Ok(());
    }
    match error {
        Some(error) => waiter.call_method1(name!("set_exception"), (error.value(py),))?,
        None => waiter.call_method1(name!("set_result"), (py.None(),))?,
    };
    Ok(())
}
