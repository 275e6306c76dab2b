//! Bytes in: one read for each readiness, passed straight to the protocol.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::socket;
use stream::Closing;

use super::state::{Pipe, open_descriptor, stop_blocking};
use crate::error::os_error;
use crate::ffi::bytes;
use crate::ffi::constants::{none, truth};
use crate::ffi::detached::detached_with;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol::Callee;
use crate::transport::{self, connection_lost, report_fatal, schedule, schedule_lost, update_interest};

const FAILED: &str = "Fatal read error on pipe transport";

/// The size of a read into an object of its own, without the loop's buffer: what a pipe holds on Linux.
const READ_WHEN_READY: usize = 64 * 1024;

/// Reads the available bytes, or the end of the pipe.
pub(crate) fn on_readable(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let owner = pipe.owner.bind(py);
    let descriptor = open_descriptor(pipe)?;
    let callee =
        pipe.inner.with(py, |inner| if inner.end.state.may_read() { inner.common.callee(py) } else { None });
    let Some(callee) = callee else { return Ok(()) };
    match receive(pipe, descriptor.raw())? {
        Ok(Some(data)) => {
            let told = callee.call(name!("data_received"), &[data.as_borrowed()]);
            // An exception of the protocol leaves the pipe open, as in asyncio.
            let message = "Exception in callback protocol.data_received()";
            transport::report_failure(owner, &callee.protocol, pipe.object(), told, message)
        }
        Ok(None) if socket::is_open_terminal(descriptor.raw()) => on_end_of_input(pipe, &callee),
        Ok(None) => on_end(pipe, &callee),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => on_error(pipe, &error),
    }
}

/// Reads once. A file that may block is kept from that first, and where that fails the thread detaches: another process
/// may be faster.
fn receive<'py>(
    pipe: This<'py, Pipe>,
    descriptor: RawFd,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    let py = pipe.py();
    let outcome = receive_now(pipe, descriptor)?;
    if !may_block(&outcome) {
        return Ok(outcome);
    }
    if let Some(number) = stop_blocking(pipe, false) {
        let outcome = receive_now(pipe, number.raw())?;
        if !may_block(&outcome) {
            return Ok(outcome);
        }
    }
    let counters = &pipe.owner.get().counters;
    bytes::filled(py, READ_WHEN_READY, |room| {
        counters.received(detached_with(py, room, |room| socket::read_when_ready(descriptor, room)))
    })
}

fn receive_now<'py>(
    pipe: This<'py, Pipe>,
    descriptor: RawFd,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    let owner = pipe.owner.get();
    transport::receive(pipe.py(), owner, |room| owner.counters.received(socket::read(descriptor, room)))
}

fn may_block<T>(outcome: &io::Result<T>) -> bool {
    matches!(outcome, Err(error) if error.kind() == io::ErrorKind::Unsupported)
}

/// Asks the protocol at the next turn whether the end of what was typed so far is the end of the terminal.
#[cold]
fn on_end_of_input(pipe: This<'_, Pipe>, callee: &Callee<'_>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let method = pipe.object().get_type().getattr(name!("_ask_protocol"))?;
    let context = Some(callee.context.as_borrowed());
    schedule(pipe.owner.bind(py), method.as_borrowed(), &[pipe.object()], context)?;
    pipe.inner.with(py, |inner| inner.asks_protocol = true);
    update_interest(pipe)
}

/// Does that, in the transport's context, and reads on or ends the transport.
pub(super) fn ask_protocol(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let owner = pipe.owner.bind(py);
    let callee = pipe.inner.with(py, |inner| {
        inner.asks_protocol = false;
        if inner.end.state.is_closing() { None } else { inner.common.callee(py) }
    });
    let Some(callee) = callee else { return Ok(()) };
    let answer = owner.get().imports.hooks.reads_on(py, &callee.protocol);
    let reads_on = answer.as_ref().is_ok_and(|answer| answer.is(truth(py, true)));
    let answer = answer.map_err(ErrorSet::from);
    let message = "Exception in callback protocol.eof_received()";
    let told = transport::report_failure(owner, &callee.protocol, pipe.object(), answer, message);
    let told = told.map_err(|raised| raised.take(py));
    let is_lost = !reads_on && pipe.inner.with(py, |inner| inner.end.state.lose()) == Closing::Lose;
    let settled = update_interest(pipe).map_err(|raised| raised.take(py));
    if is_lost {
        // Also while an exception leaves the loop: nothing else would end the pipe.
        connection_lost(pipe, none(py).as_borrowed())?;
    }
    Ok(told.and(settled)?)
}

/// Ends the pipe because every writer has left. Unlike a socket's, the result of `eof_received` keeps nothing open.
#[cold]
fn on_end(pipe: This<'_, Pipe>, callee: &Callee<'_>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let owner = pipe.owner.bind(py);
    if pipe.inner.with(py, |inner| inner.end.state.lose()) != Closing::Lose {
        return Ok(());
    }
    let settled = update_interest(pipe).map_err(|raised| raised.take(py));
    let method = callee.protocol.getattr(name!("eof_received"));
    let scheduled = method.map_err(ErrorSet::from).and_then(|method| {
        schedule(owner, method.as_borrowed(), &[], Some(callee.context.as_borrowed())).map(|()| none(py))
    });
    let told = transport::report_failure(owner, &callee.protocol, pipe.object(), scheduled, FAILED);
    let told = told.map_err(|raised| raised.take(py));
    // Also after a failed report: nothing else would end the pipe.
    schedule_lost(pipe, None)?;
    Ok(settled.and(told)?)
}

#[cold]
fn on_error(pipe: This<'_, Pipe>, error: &io::Error) -> Result<(), ErrorSet> {
    // A terminal whose other side is gone returns EIO: that is its way to end.
    let is_hangup = error.raw_os_error() == Some(libc::EIO);
    let error = os_error(error);
    let told = report_fatal(pipe, &error, FAILED, is_hangup);
    transport::force_close(pipe, Some(error))?;
    Ok(told?)
}
