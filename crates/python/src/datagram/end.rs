//! The end of an endpoint: by `close()`, by `abort()`, by a mistake, or because nobody wants it any more; and what its
//! protocol raises, or has to be told of.
//!
//! However the end comes, `connection_lost` is called once, by the loop, never inside the call that caused it; then the
//! socket is closed, once.

use pyo3::prelude::*;

use super::state::Endpoint;
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol;
use crate::transport::{self, Transport, conclude, detach};

/// `transport.close()`: what waits is sent first. What was received and not delivered is dropped.
pub(super) fn close(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let (closing, held) = endpoint
        .inner
        .with(py, |inner| (inner.state.close(inner.queue.is_empty()), std::mem::take(&mut inner.held)));
    drop(held);
    conclude::<Endpoint>(transport, closing, None)
}

/// The endpoint is lost, to an error or by `abort()`. What waits to be sent is forgotten.
pub(super) fn lose(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), ErrorSet> {
    transport::lose::<Endpoint>(transport, error)
}

/// A mistake, or a lack of memory: it is reported, and the endpoint is lost to it.
#[cold]
pub(super) fn fail(transport: Argument<'_>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let py = transport.py();
    let error = protocol::failure(py, raised)?;
    let reported = tell_handler(transport, &error, message).map_err(|raised| raised.take(py));
    lose(transport, Some(error))?;
    Ok(reported?)
}

/// An exception of the protocol's, which the endpoint outlives.
#[cold]
pub(super) fn report(transport: Argument<'_>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let error = protocol::failure(transport.py(), raised)?;
    tell_handler(transport, &error, message)
}

fn tell_handler(transport: Argument<'_>, error: &PyErr, message: &str) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let protocol = endpoint.callee(py).map(|callee| callee.protocol);
    protocol::report(endpoint.owner.bind(py), message, error, transport, protocol.as_ref())
}

/// `protocol.error_received(error)`, called by the loop.
#[cold]
pub(super) fn tell_error(transport: Argument<'_>, error: &PyErr) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let Some(callee) = endpoint.callee(py) else { return Ok(()) };
    let name = name!("error_received");
    match callee.call(name, &[error.value(py).as_any().as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => report(transport, raised, "Exception in protocol.error_received()"),
    }
}

/// Closes the socket and lets go of everything.
pub(super) fn release(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let (socket, token, released) = endpoint.inner.with(py, |inner| {
        let known = (std::mem::take(&mut inner.peers), inner.last_from.take(), inner.last_to.take());
        (inner.socket.take(), inner.token.take(), (inner.protocol.take(), known))
    });
    detach(endpoint, py, token);
    let closed = socket.map(|socket| socket.bind(py).call_method0(name!("close")).map(drop));
    drop(released);
    Ok(closed.unwrap_or(Ok(()))?)
}
