//! The end of a connection: of its sending side, by an error of the protocol, and of the socket.

use std::os::fd::AsRawFd;

use pyo3::exceptions::PyConnectionError;
use pyo3::prelude::*;
use reactor::socket;
use stream::WriteEnd;

use super::state::{Inner, Socket, Stream};
use super::write;
use crate::error::os_error;
use crate::ffi::detached::detached_with;
use crate::ffi::error::new_error;
use crate::ffi::interpreter::check_signals;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol;
use crate::transport::{dispose, force_close, report_fatal};

/// Implements `transport.write_eof()`.
pub(super) fn end_writing(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    write::flush(stream)?;
    let ended = stream.inner.with(py, |inner| match inner.state.end_writing(!inner.queue.is_empty()) {
        WriteEnd::Nothing | WriteEnd::AfterDrain => Ok(()),
        // Within the borrow, so that no other thread closes the descriptor meanwhile.
        WriteEnd::Shutdown => socket::shutdown_write(inner.descriptor(py)),
    });
    Ok(ended.map_err(|error| os_error(&error))?)
}

/// Handles an exception of the protocol: it is reported, unless the network caused it, and the connection is lost.
#[cold]
pub(super) fn fail(stream: This<'_, Stream>, raised: ErrorSet, message: &str) -> Result<(), ErrorSet> {
    let py = stream.py();
    let error = protocol::failure(py, raised)?;
    let reported = report_fatal(stream, &error, message, protocol::is_network_error(py, &error));
    // Bytes that it wrote before are sent, as they would have been in asyncio.
    let flushed = write::flush(stream).map_err(|raised| raised.take(py));
    // Also after a failed report: nothing else would end the connection.
    force_close(stream, Some(error))?;
    Ok(reported.and(flushed)?)
}

/// Releases a transport that could not be started, without telling anybody. A socket object is not closed: it may be
/// the caller's.
#[cold]
pub(super) fn give_up(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let socket = stream.inner.with(stream.py(), Inner::take_socket);
    drop(socket);
    dispose(stream)
}

/// Closes the socket through its owner, once.
pub(super) fn close_socket(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    match stream.inner.with(py, Inner::take_socket) {
        Socket::Owned(file) => {
            let closed = if socket::lingers(file.as_raw_fd()) {
                let closed = detached_with(py, file, socket::close);
                // One may have ended the wait. The next Python code may be a callback of a weak reference, which would
                // swallow its exception.
                check_signals(py)?;
                closed
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

/// Handles the close of the socket: the server no longer counts the connection, and a waiting `sendfile` is woken.
pub(super) fn after_close(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let (server, waiter) = stream.inner.with(py, |inner| (inner.server.take(), inner.file_waiter.take()));
    if let Some(served) = server {
        served.detach(stream.object())?;
    }
    if let Some(waiter) = waiter
        && !waiter.bind(py).call_method0(name!("done"))?.is_truthy()?
    {
        let error = new_error::<PyConnectionError>("Connection is closed by peer");
        waiter.bind(py).call_method1(name!("set_exception"), (error.into_value(py),))?;
    }
    Ok(())
}
