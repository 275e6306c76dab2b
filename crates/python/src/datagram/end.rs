//! The end of an endpoint, its errors, and exceptions of its protocol.

use pyo3::prelude::*;

use super::state::Endpoint;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol;
use crate::transport::{force_close, report_fatal};

/// Reports a fault or a lack of memory, and loses the endpoint.
#[cold]
pub(super) fn fail(endpoint: This<'_, Endpoint>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let error = protocol::failure(endpoint.py(), raised)?;
    let reported = report_fatal(endpoint, &error, message, false);
    force_close(endpoint, Some(error))?;
    Ok(reported?)
}

/// Reports an exception of the protocol; the endpoint stays open.
#[cold]
pub(super) fn report(endpoint: This<'_, Endpoint>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let error = protocol::failure(endpoint.py(), raised)?;
    Ok(report_fatal(endpoint, &error, message, false)?)
}

/// Calls `protocol.error_received(error)`, from the loop.
#[cold]
pub(super) fn call_error_received(endpoint: This<'_, Endpoint>, error: &PyErr) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let Some(callee) = endpoint.callee(py) else { return Ok(()) };
    let name = name!("error_received");
    match callee.call(name, &[error.value(py).as_any().as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => report(endpoint, raised, "Exception in protocol.error_received()"),
    }
}

/// Closes the socket object, once, and releases held datagrams and addresses.
pub(super) fn close_socket(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let (socket, released) = endpoint.inner.with(py, |inner| {
        let known = (std::mem::take(&mut inner.peers), inner.last_from.take(), inner.last_to.take());
        (inner.socket.take(), (std::mem::take(&mut inner.held), known))
    });
    let closed = socket.map_or(Ok(()), |socket| socket.bind(py).call_method0(name!("close")).map(drop));
    drop(released);
    Ok(closed?)
}
