//! Feeds asyncio's own `StreamReader` without a Python frame: received bytes go into its buffer, and its waiter is
//! woken.
//!
//! This repeats `StreamReaderProtocol.data_received` and `StreamReader.feed_data` step by step. It is used only for
//! exactly those classes with exactly those methods, which is checked at every read, because tools replace methods on
//! classes and on instances. Everything else, including the end of the stream and exceptions, goes through the methods.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyInt, PyString, PyWeakrefMethods, PyWeakrefReference};
use reactor::socket;

use super::state::{ReadMode, Received, Stream};
use crate::buffer;
use crate::ffi::call::{bound_function, call_method};
use crate::ffi::trampoline::ErrorSet;
use crate::imports::{Imports, StreamReaders};
use crate::loop_state::EventLoop;
use crate::name;
use crate::stream_protocol;

/// Returns how received bytes are passed to a protocol, by its class.
pub(crate) fn read_mode_of(owner: &Bound<'_, EventLoop>, protocol: &Bound<'_, PyAny>) -> PyResult<ReadMode> {
    let class = owner.get().imports.buffered_protocol.bind(owner.py());
    if protocol.is_instance(class)? {
        return Ok(ReadMode::Buffer);
    }
    if let Some(native) = stream_protocol::of(protocol) {
        return Ok(ReadMode::StreamProtocol(native));
    }
    Ok(if may_feed(protocol)? { ReadMode::Reader } else { ReadMode::Bytes })
}

/// Returns whether the protocol's class is the one whose readers can be fed.
fn may_feed(protocol: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(known) = known(protocol.py())? else { return Ok(false) };
    Ok(protocol.get_type().is(&known.protocol))
}

/// Returns the reader of a protocol, if it can be fed now.
pub(crate) fn reader_of<'py>(protocol: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    let py = protocol.py();
    let Some(known) = known(py)? else { return Ok(None) };
    if !has_method(protocol, name!("data_received"), &known.data_received)? {
        return Ok(None);
    }
    let held = protocol.getattr(name!("_stream_reader_wr"))?;
    let Some(reader) = held.cast::<PyWeakrefReference>().ok().and_then(PyWeakrefMethods::upgrade) else {
        return Ok(None);
    };
    let is_plain = reader.get_type().is(&known.reader)
        && has_method(&reader, name!("feed_data"), &known.feed_data)?
        && has_method(&reader, name!("_wakeup_waiter"), &known.wakeup_waiter)?
        && !reader.getattr(name!("_eof"))?.is_truthy()?;
    Ok(is_plain.then_some(reader))
}

/// Receives into a reader's buffer and wakes its waiter.
pub(super) fn receive(stream: &Stream, reader: &Bound<'_, PyAny>) -> Result<Received, ErrorSet> {
    let py = reader.py();
    let array = buffer_of(reader)?;
    let Some(descriptor) = stream.descriptor_to_read(py) else { return Ok(Received::Handled) };
    let owner = stream.owner.get();
    let received = owner.inbound.with(py, |inbound| {
        match inbound.receive(|room| owner.counters.received(socket::receive(descriptor, room))) {
            Ok([]) => Ok(Received::End),
            Ok(content) => buffer::extend(&array, content).map(|()| Received::Handled),
            Err(error) => Ok(Received::Refused(error)),
        }
    })?;
    if matches!(received, Received::Handled) {
        after_feed(owner, reader, &array)?;
    }
    Ok(received)
}

/// Puts bytes that were received in another way into a reader's buffer and wakes its waiter.
pub(crate) fn feed(owner: &EventLoop, reader: &Bound<'_, PyAny>, content: &[u8]) -> Result<(), ErrorSet> {
    let array = buffer_of(reader)?;
    buffer::extend(&array, content)?;
    after_feed(owner, reader, &array)
}

fn buffer_of<'py>(reader: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyByteArray>> {
    Ok(reader.getattr(name!("_buffer"))?.cast_into::<PyByteArray>()?)
}

/// Wakes the waiter of a reader that was fed, and pauses the transport of one that is full.
fn after_feed(
    owner: &EventLoop,
    reader: &Bound<'_, PyAny>,
    array: &Bound<'_, PyByteArray>,
) -> Result<(), ErrorSet> {
    let py = reader.py();
    let waiter = wake(reader)?;
    if is_over(&reader.getattr(name!("_limit"))?, array.len())? {
        Imports::of(py)?.hooks.pause_for_reader(py, reader)?;
    } else {
        match waiter {
            Some(waiter) => owner.note_harmless_wakeup(&waiter),
            None => owner.note_harmless_event(py),
        }
    }
    Ok(())
}

/// Returns whether a reader holds more than twice its limit, which is a number of any type.
#[inline(always)]
fn is_over(limit: &Bound<'_, PyAny>, length: usize) -> PyResult<bool> {
    match limit.cast_exact::<PyInt>().ok().and_then(|limit| limit.extract::<usize>().ok()) {
        Some(limit) => Ok(length > limit.saturating_mul(2)),
        None => limit.mul(2)?.lt(length),
    }
}

/// Wakes the waiter of a reader, if there is one, and returns its future.
fn wake<'py>(reader: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    let waiter = reader.getattr(name!("_waiter"))?;
    if waiter.is_none() {
        return Ok(None);
    }
    let none = reader.py().None().into_bound(reader.py());
    reader.setattr(name!("_waiter"), &none)?;
    if !call_method(waiter.as_borrowed(), name!("cancelled"), &[])?.is_truthy()? {
        call_method(waiter.as_borrowed(), name!("set_result"), &[none.as_borrowed()])?;
    }
    Ok(Some(waiter))
}

/// Returns whether a method of an object is still the function that its class had at import.
#[inline(always)]
fn has_method(object: &Bound<'_, PyAny>, name: &Py<PyString>, function: &Py<PyAny>) -> PyResult<bool> {
    let method = object.getattr(name)?;
    Ok(bound_function(method.as_borrowed()).is_some_and(|own| own.is(function)))
}

fn known(py: Python<'_>) -> PyResult<Option<&'static StreamReaders>> {
    Ok(Imports::of(py)?.stream_readers.as_ref())
}
