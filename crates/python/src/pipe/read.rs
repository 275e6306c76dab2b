//! Bytes in: one read for each readiness, straight to the protocol.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::socket;
use stream::Closing;

use super::end;
use super::state::{Pipe, open_descriptor, settle};
use crate::error::os_error;
use crate::ffi::answer::none;
use crate::ffi::bytes;
use crate::ffi::method::Argument;
use crate::ffi::name::Text;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::protocol::{self, Callee};
use crate::transport::{self, Inner as _, schedule, schedule_lost};

/// How much is read into an object of its own, without the loop's buffer: what a pipe holds on Linux.
const READ_WHEN_READY: usize = 64 * 1024;

/// There is something to read, or the writer has left.
pub(crate) fn on_readable(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let owner = pipe.owner.bind(py);
    let descriptor = open_descriptor(transport)?;
    let callee =
        pipe.inner.with(py, |inner| if inner.end.state.may_read() { inner.callee(py) } else { None });
    let Some(callee) = callee else { return Ok(()) };
    match receive(owner, descriptor)? {
        Ok(Some(data)) => {
            let told = callee.call(name!("data_received"), &[data.as_borrowed()]);
            // What the protocol raises is its own affair, as in asyncio: the pipe stays open.
            let message = "Exception in callback protocol.data_received()";
            transport::report_failure(owner, &callee, transport, told, message)
        }
        Ok(None) => on_end(transport, &callee),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => on_error(transport, &callee, &error),
    }
}

/// One read. Where somebody has made the descriptor block, and may be quicker, the GIL is free meanwhile.
fn receive<'py>(
    owner: &Bound<'py, EventLoop>,
    descriptor: RawFd,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    let py = owner.py();
    match transport::receive(py, owner.get(), |room| socket::read(descriptor, room))? {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            bytes::filled(py, READ_WHEN_READY, |room| py.detach(|| socket::read_when_ready(descriptor, room)))
        }
        outcome => Ok(outcome),
    }
}

/// Every writer has left. Unlike a socket's, the answer of `eof_received` keeps nothing open.
#[cold]
fn on_end(transport: Argument<'_>, callee: &Callee<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let owner = pipe.owner.bind(py);
    if pipe.inner.with(py, |inner| inner.end.state.lose()) != Closing::Lose {
        return Ok(());
    }
    let settled = settle(transport).map_err(|raised| raised.take(py));
    let method = callee.protocol.getattr(name!("eof_received"));
    let scheduled = method.map_err(ErrorSet::from).and_then(|method| {
        schedule(owner, method.as_borrowed(), &[], Some(callee.context.as_borrowed())).map(|()| none(py))
    });
    let message = "Fatal read error on pipe transport";
    let told = transport::report_failure(owner, callee, transport, scheduled, message);
    let told = told.map_err(|raised| raised.take(py));
    // Whatever could not be said: nobody else would end the pipe.
    schedule_lost::<Pipe>(transport, None)?;
    Ok(settled.and(told)?)
}

#[cold]
fn on_error(transport: Argument<'_>, callee: &Callee<'_>, error: &io::Error) -> Result<(), ErrorSet> {
    const MESSAGE: &str = "Fatal read error on pipe transport";
    let py = transport.py();
    let owner = value_of::<Pipe>(transport).owner.bind(py);
    let is_hangup = error.raw_os_error() == Some(libc::EIO);
    let error = os_error(error);
    // A terminal whose other side is gone says EIO: that is its way to end.
    let told = if !is_hangup {
        protocol::report(owner, MESSAGE, &error, transport, Some(&callee.protocol))
            .map_err(|raised| raised.take(py))
    } else if owner.get().modes.any(Modes::DEBUG) {
        let hooks = &owner.get().imports.hooks;
        hooks.log_network_error(py, transport, Text(MESSAGE), error.value(py)).map(drop)
    } else {
        Ok(())
    };
    end::lose(transport, Some(error))?;
    Ok(told?)
}
