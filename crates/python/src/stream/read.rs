//! Bytes in: one read for each readiness, passed straight to the protocol.
//!
//! A plain protocol gets `bytes`: short reads go through the loop's one buffer and are copied to their size, long ones
//! are received into the object itself. A `BufferedProtocol` has the kernel write into its own buffer. The protocol may
//! do anything to the transport; so the state is read again after each of its methods.

use std::io;
use std::os::fd::RawFd;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use reactor::{Readiness, socket};

use super::reader;
use super::state::{Plan, ReadMode, Received, Stream};
use super::{end, protocol, write};
use crate::buffer::View;
use crate::error::os_error;
use crate::ffi::bytes;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol::is_network_error;
use crate::transport::{self, close, force_close, update_interest};

/// The size from which on a read goes into a `bytes` object of its own instead of through the loop's buffer: above it a
/// copy costs more than cutting the object to size.
const OWN_OBJECT: usize = 64 * 1024;

/// What the exception handler is told of an exception of `data_received`.
pub(crate) const DATA_FAILED: &str = "Fatal error: protocol.data_received() call failed.";

/// Handles an event of a stream.
#[inline]
pub(crate) fn on_ready(stream: This<'_, Stream>, readiness: Readiness) -> Result<(), ErrorSet> {
    if readiness.readable() {
        on_readable(stream)?;
    }
    if readiness.writable() {
        write::on_writable(stream)?;
    }
    Ok(())
}

fn on_readable(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let plan = stream.inner.with(py, |inner| {
        if !inner.state.may_read() {
            return None;
        }
        let callee = inner.common.callee(py)?;
        let (read_mode, size) = (inner.read_mode, inner.read_size);
        Some(Plan { callee, read_mode, size, descriptor: inner.descriptor(py) })
    });
    let Some(plan) = plan else { return Ok(()) };
    let descriptor = match plan.read_mode {
        ReadMode::Bytes => plan.descriptor,
        ReadMode::Buffer => return receive_into_buffer(stream, &plan),
        ReadMode::Reader => match receive_for_reader(stream, &plan)? {
            Some(descriptor) => descriptor,
            None => return Ok(()),
        },
        ReadMode::StreamProtocol(native) => {
            let received = protocol::receive(stream, &plan, native);
            return after_read(stream, &plan, received, native.failure);
        }
    };
    receive_bytes(stream, &plan, descriptor)
}

/// Reads into asyncio's own reader. If a class or method was replaced, it returns the number to read for `data_received`.
fn receive_for_reader(stream: This<'_, Stream>, plan: &Plan<'_>) -> Result<Option<RawFd>, ErrorSet> {
    let Some(reader) = reader::reader_of(&plan.callee.protocol)? else {
        return Ok(stream.descriptor_to_read(stream.py()));
    };
    after_read(stream, plan, reader::receive(stream.value(), &reader), DATA_FAILED).map(|()| None)
}

/// Handles the result of a read that called no Python code.
fn after_read(
    stream: This<'_, Stream>,
    plan: &Plan<'_>,
    received: Result<Received, ErrorSet>,
    failure: &str,
) -> Result<(), ErrorSet> {
    match received {
        Ok(Received::Handled) => Ok(()),
        Ok(Received::End) => on_end(stream, plan),
        Ok(Received::Refused(error)) => on_error(stream, &error),
        Err(raised) => end::fail(stream, raised, failure),
    }
}

#[inline(always)]
fn receive_bytes(stream: This<'_, Stream>, plan: &Plan<'_>, descriptor: RawFd) -> Result<(), ErrorSet> {
    let py = stream.py();
    let owner = stream.owner.get();
    let received = if plan.size.next() >= OWN_OBJECT {
        let size = plan.size.next();
        bytes::filled(py, size, |room| owner.counters.received(socket::receive(descriptor, room)))?
    } else {
        transport::receive(py, owner, |room| owner.counters.received(socket::receive(descriptor, room)))?
    };
    let data = match received {
        Ok(Some(data)) => data,
        Ok(None) => return on_end(stream, plan),
        Err(error) => return on_error(stream, &error),
    };
    let length = data.len()?;
    stream.inner.with(py, |inner| inner.read_size.note(length));
    match plan.callee.call(name!("data_received"), &[data.as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => end::fail(stream, raised, DATA_FAILED),
    }
}

fn receive_into_buffer(stream: This<'_, Stream>, plan: &Plan<'_>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let hint = make::integer(py, -1)?;
    let buffer = plan.callee.call(name!("get_buffer"), &[hint.as_any().as_borrowed()]);
    let buffer = match buffer.and_then(|buffer| non_empty(&buffer).map(|()| buffer)) {
        Ok(buffer) => buffer,
        Err(raised) => {
            return end::fail(stream, raised, "Fatal error: protocol.get_buffer() call failed.");
        }
    };
    let mut view = match View::writable(buffer.as_borrowed()) {
        Ok(view) => view,
        Err(raised) => {
            drop(raised.take(py));
            let text =
                format!("get_buffer() returned a {}, which cannot be written to", buffer.get_type().name()?);
            let raised = new_error::<PyTypeError>(text).into();
            return end::fail(stream, raised, "Fatal read error on socket transport");
        }
    };
    // A protocol that has paused in that call still gets the bytes for which it has made room, as in asyncio.
    let Some(descriptor) = stream.descriptor_to_read(py) else { return Ok(()) };
    let received = stream.owner.get().counters.received(socket::receive(descriptor, view.room()));
    let received = received.map(|received| received.len());
    // The protocol may resize its buffer as soon as it is notified of the data.
    drop(view);
    let count = match received {
        Ok(0) => return on_end(stream, plan),
        Ok(count) => count,
        Err(error) => return on_error(stream, &error),
    };
    let count = make::count(py, count)?;
    match plan.callee.call(name!("buffer_updated"), &[count.as_any().as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => end::fail(stream, raised, "Fatal error: protocol.buffer_updated() call failed."),
    }
}

fn non_empty(buffer: &Bound<'_, PyAny>) -> Result<(), ErrorSet> {
    if buffer.len()? == 0 {
        return Err(new_error::<PyRuntimeError>("get_buffer() returned an empty buffer").into());
    }
    Ok(())
}

/// Handles the end of the peer's side. A protocol whose `eof_received` returns a true value keeps writing.
#[cold]
fn on_end(stream: This<'_, Stream>, plan: &Plan<'_>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let answer = plan.callee.call(name!("eof_received"), &[]);
    let keep_open = match answer.and_then(|answer| Ok(answer.is_truthy()?)) {
        Ok(keep_open) => keep_open,
        Err(raised) => {
            return end::fail(stream, raised, "Fatal error: protocol.eof_received() call failed.");
        }
    };
    if keep_open {
        stream.inner.with(py, |inner| inner.state.peer_ended());
        return update_interest(stream);
    }
    close(stream)
}

#[cold]
fn on_error(stream: This<'_, Stream>, error: &io::Error) -> Result<(), ErrorSet> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(());
    }
    let error = os_error(error);
    debug_assert!(is_network_error(stream.py(), &error));
    force_close(stream, Some(error))
}
