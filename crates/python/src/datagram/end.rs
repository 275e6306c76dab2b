//! The end of an endpoint: by `close()`, by `abort()`, by a mistake, or because nobody wants it any more; and what its
//! protocol raises, or has to be told of.
//!
//! However the end comes, `connection_lost` is called once, by the loop, never inside the call that caused it; then the
//! socket is closed, once.

use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;
use stream::Closing;

use super::{Endpoint, class, settle};
use crate::ffi::method::Argument;
use crate::ffi::native::value_of;
use crate::ffi::raised::Raised;
use crate::protocol;
use crate::transport;
use crate::watches::Half;

/// `transport.close()`: what waits is sent first. What was received and not delivered is dropped.
pub(super) fn close(transport: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let (closing, held) = endpoint
        .body
        .with(py, |body| (body.state.close(body.queue.is_empty()), std::mem::take(&mut body.held)));
    drop(held);
    settle(transport)?;
    match closing {
        Closing::Lose => schedule_lost(transport, None),
        Closing::Drain | Closing::Nothing => Ok(()),
    }
}

/// The endpoint is lost, to an error or by `abort()`. What waits to be sent is forgotten.
pub(super) fn lose(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let (closing, released) = endpoint
        .body
        .with(py, |body| (body.state.lose(), (body.queue.drain(), std::mem::take(&mut body.held))));
    drop(released);
    settle(transport)?;
    match closing {
        Closing::Lose => schedule_lost(transport, error),
        Closing::Drain | Closing::Nothing => Ok(()),
    }
}

/// A mistake, or a lack of memory: it is reported, and the endpoint is lost to it.
#[cold]
pub(super) fn fail(transport: Argument<'_>, raised: Raised, message: &str) -> Result<(), Raised> {
    let error = report_error(transport, raised, message)?;
    lose(transport, Some(error))
}

/// An exception of the protocol's, which the endpoint outlives.
#[cold]
pub(super) fn report(transport: Argument<'_>, raised: Raised, message: &str) -> Result<(), Raised> {
    report_error(transport, raised, message).map(drop)
}

fn report_error(transport: Argument<'_>, raised: Raised, message: &str) -> Result<PyErr, Raised> {
    let py = transport.py();
    let error = protocol::failure(py, raised)?;
    let endpoint = value_of::<Endpoint>(transport);
    let protocol = endpoint.callee(py).map(|callee| callee.protocol);
    protocol::report(endpoint.owner.bind(py), message, &error, transport, protocol.as_ref())?;
    Ok(error)
}

/// `protocol.error_received(error)`, called by the loop.
#[cold]
pub(super) fn tell_error(transport: Argument<'_>, error: &PyErr) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let Some(callee) = endpoint.callee(py) else { return Ok(()) };
    let name = &endpoint.owner.get().imports.names.protocol.error_received;
    match callee.call(name, &[error.value(py).as_any().as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => report(transport, raised, "Exception in protocol.error_received()"),
    }
}

/// Has the loop call `connection_lost` at its next turn.
pub(super) fn schedule_lost(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let owner = endpoint.owner.bind(py);
    let context = endpoint.body.with(py, |body| body.context.clone_ref(py));
    let context = context.bind_borrowed(py);
    transport::schedule_lost(owner, class::connection_lost_method(py)?, transport, context, error)
}

/// Called by the loop: tells the protocol, then closes the socket, whatever the protocol raised.
pub(super) fn connection_lost(transport: Argument<'_>, error: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let told = transport::call_connection_lost(endpoint.owner.get(), endpoint.callee(py), error);
    let released = release(transport);
    told?;
    released
}

/// Closes the socket and lets go of everything.
fn release(transport: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    let (socket, token, released) = endpoint.body.with(py, |body| {
        let known = (std::mem::take(&mut body.peers), body.last_from.take(), body.last_to.take());
        (body.socket.take(), body.token.take(), (body.protocol.take(), known))
    });
    if let Some(token) = token {
        let (entry, told) = endpoint.owner.get().kernel.with(py, |kernel| kernel.detach(Half::First, token));
        drop(entry);
        // A kernel that does not know the descriptor any more has nothing to forget; what it reports goes to nobody.
        drop(told);
    }
    let closed = socket.map(|socket| socket.bind(py).call_method0("close").map(drop));
    drop(released);
    Ok(closed.unwrap_or(Ok(()))?)
}

/// `__del__`: an endpoint that is garbage while its socket is open was forgotten by somebody.
pub(super) fn finalize(transport: Argument<'_>) -> PyResult<()> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    if endpoint.body.with(py, |body| body.socket.is_none()) {
        return Ok(());
    }
    let text = format!("unclosed transport {}", class::represent(transport)?);
    let warned = endpoint
        .owner
        .get()
        .imports
        .hooks
        .bind(py)
        .call_method1("warn_of_resource", (text, py.get_type::<PyResourceWarning>(), transport));
    let released = endpoint.body.with(py, |body| {
        body.state.lose();
        (body.queue.drain(), std::mem::take(&mut body.held))
    });
    drop(released);
    release(transport).map_err(|raised| raised.take(py))?;
    warned.map(drop)
}
