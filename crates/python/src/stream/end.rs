//! The end of a connection: by `close()`, by `abort()`, by an error, or because nobody wants it any more.
//!
//! However it comes, `connection_lost` is called once, by the loop, never inside the call that caused it; then the socket
//! is closed, once, by whoever owns it.

use std::os::fd::AsRawFd;

use pyo3::exceptions::{PyConnectionError, PyMemoryError};
use pyo3::prelude::*;
use reactor::socket;
use stream::WriteEnd;

use super::{Socket, Stream, write};
use crate::error::os_error;
use crate::ffi::call::call_method;
use crate::ffi::error::new_error;
use crate::ffi::method::Argument;
use crate::ffi::name::Text;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::Modes;
use crate::name;
use crate::protocol;
use crate::transport::{self, Transport, conclude, detach};

/// `transport.close()`: what was written is sent first.
pub(super) fn close(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    if stream.inner.with(py, |inner| inner.state.is_closing()) {
        return Ok(());
    }
    write::flush(transport)?;
    let closing = stream.inner.with(py, |inner| inner.state.close(inner.queue.is_empty()));
    conclude::<Stream>(transport, closing, None)
}

/// `transport.abort()`: what the turn has written so far still leaves, as it would have in asyncio, if there is room.
pub(super) fn abort(transport: Argument<'_>) -> Result<(), ErrorSet> {
    write::flush(transport)?;
    lose(transport, None)
}

/// `transport.write_eof()`.
pub(super) fn end_writing(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    write::flush(transport)?;
    let (end, descriptor) = stream
        .inner
        .with(py, |inner| (inner.state.end_writing(!inner.queue.is_empty()), inner.descriptor(py)));
    match end {
        WriteEnd::Nothing | WriteEnd::AfterDrain => Ok(()),
        WriteEnd::Shutdown => {
            socket::shutdown_write(descriptor).map_err(|error| os_error(&error))?;
            Ok(())
        }
    }
}

/// The protocol raised. What is not the network's doing is reported, and the connection is lost to it.
#[cold]
pub(super) fn fail(transport: Argument<'_>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let py = transport.py();
    let error = protocol::failure(py, raised)?;
    let stream = value_of::<Stream>(transport);
    let owner = stream.owner.bind(py);
    let protocol = stream.callee(py).map(|callee| callee.protocol);
    let reported = if !protocol::is_network_error(py, &error) {
        protocol::report(owner, message, &error, transport, protocol.as_ref())
            .map_err(|raised| raised.take(py))
    } else if owner.get().modes.any(Modes::DEBUG) {
        let hooks = &owner.get().imports.hooks;
        hooks.log_network_error(py, transport, Text(message), error.value(py)).map(drop)
    } else {
        Ok(())
    };
    // What it wrote before it raised leaves, as it would have in asyncio.
    let flushed = write::flush(transport).map_err(|raised| raised.take(py));
    // Whatever could not be said: nobody else would end the connection.
    lose(transport, Some(error))?;
    Ok(reported.and(flushed)?)
}

/// The connection is lost, to an error or by `abort()`. What waits to be sent is forgotten.
pub(super) fn lose(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), ErrorSet> {
    transport::lose::<Stream>(transport, error)
}

/// A transport that could not be begun, and that nobody was told of. A socket object is not closed: it may be the caller's.
#[cold]
pub(super) fn give_up(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let stream = value_of::<Stream>(transport);
    let socket =
        stream.inner.with(transport.py(), |inner| std::mem::replace(&mut inner.socket, Socket::Closed));
    drop(socket);
    release(transport)
}

/// Closes the socket and lets go of everything.
pub(super) fn release(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let (socket, token, protocol, server, waiter) = stream.inner.with(py, |inner| {
        let socket = std::mem::replace(&mut inner.socket, Socket::Closed);
        (socket, inner.token.take(), inner.protocol.take(), inner.server.take(), inner.file_waiter.take())
    });
    detach(stream, py, token);
    // Taken out of the interpreter: the server is not to be called with an exception set.
    let closed = close_socket(py, socket).map_err(|raised| raised.take(py));
    drop(protocol);
    if let Some(server) = server {
        let name = name!("_detach");
        let detach = || call_method(server.bind(py).as_borrowed(), name, &[transport]);
        let detached = detach().or_else(|raised| match raised.take(py) {
            // What had no memory to begin with may have it now; a server that counts the connection on never ends.
            error if error.is_instance_of::<PyMemoryError>(py) => detach(),
            error => Err(error.into()),
        });
        detached?;
    }
    if let Some(waiter) = waiter
        && !waiter.bind(py).call_method0(name!("done"))?.is_truthy()?
    {
        let error = new_error::<PyConnectionError>("Connection is closed by peer");
        waiter.bind(py).call_method1(name!("set_exception"), (error.into_value(py),))?;
    }
    Ok(closed?)
}

fn close_socket(py: Python<'_>, socket: Socket) -> Result<(), ErrorSet> {
    match socket {
        Socket::Owned(file) => {
            let closed = if socket::lingers(file.as_raw_fd()) {
                py.detach(|| socket::close(file))
            } else {
                socket::close(file)
            };
            Ok(closed.map_err(|error| os_error(&error))?)
        }
        Socket::Object(object) => {
            object.bind(py).call_method0(name!("close"))?;
            Ok(())
        }
        Socket::Closed => Ok(()),
    }
}
