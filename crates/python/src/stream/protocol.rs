//! What a protocol in Rust has of a stream: bytes in without an object made of them, and the methods without a call.
//!
//! The loop's receive buffer is taken out of the loop while the protocol works on what is in it, since that may run code
//! of the user's, which may receive something itself.

use pyo3::prelude::*;
use reactor::socket;

use super::read::{Plan, on_end, on_error};
use super::{ReadMode, Stream, end, info, settle, write as out};
use crate::ffi::bytes::Bytes;
use crate::ffi::call::in_context;
use crate::ffi::error::no_memory;
use crate::ffi::method::Argument;
use crate::ffi::this::{This, value_of};
use crate::ffi::trampoline::ErrorSet;
use crate::registry::SourceKind;
use crate::stream_protocol::StreamProtocol;
use crate::transport::Inner as _;

/// One read, and what it brought to the protocol, in the connection's context.
pub(super) fn receive(
    transport: Argument<'_>,
    stream: &Stream,
    plan: &Plan<'_>,
    native: &StreamProtocol,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let owner = stream.owner.get();
    let mut inbound = owner.inbound.with(py, std::mem::take);
    let received = match inbound.receive(|room| socket::receive(plan.descriptor, room)) {
        Ok([]) => Ok(None),
        Ok(content) => {
            let protocol = plan.callee.protocol.as_borrowed();
            Ok(Some(in_context(plan.callee.context.as_borrowed(), || (native.received)(protocol, content))))
        }
        Err(error) => Err(error),
    };
    owner.inbound.with(py, |place| *place = inbound);
    match received {
        Ok(Some(Ok(()))) => Ok(()),
        Ok(Some(Err(raised))) => {
            end::fail(transport, raised, "Fatal error: protocol.data_received() call failed.")
        }
        Ok(None) => on_end(transport, plan),
        Err(error) => on_error(transport, &error),
    }
}

/// Whether a transport is a stream of ours, so that the functions below take it.
pub(crate) fn is_stream(transport: Argument<'_>) -> PyResult<bool> {
    Ok(This::<Stream>::cast(transport).is_some())
}

/// Whether `connection_lost` is due or was called. It may be asked within a borrow of the protocol's own.
#[inline]
pub(crate) fn is_lost(transport: Argument<'_>) -> bool {
    value_of::<Stream>(transport).inner.with(transport.py(), |inner| inner.state.is_lost())
}

/// The peer's address and our own, without a dict to keep them in as `get_extra_info()` has one.
pub(crate) fn addresses<'py>(transport: &Bound<'py, PyAny>) -> PyResult<[Bound<'py, PyAny>; 2]> {
    info::addresses(transport.py(), value_of::<Stream>(transport.as_borrowed()))
}

/// Writes a head, content that is kept by reference where that is worth it, and what follows it.
#[inline]
pub(crate) fn write(
    transport: Argument<'_>,
    head: &[u8],
    content: Option<Bytes>,
    tail: &[u8],
) -> Result<(), ErrorSet> {
    let is_empty = head.is_empty() && tail.is_empty() && content.is_none();
    let mut is_torn = false;
    let put = out::put("write", transport, is_empty, |inner| {
        // What was to come before this is part of it.
        inner.tells_turn_end = false;
        is_torn = true;
        inner.queue.push_copied(head)?;
        if let Some(content) = content {
            inner.queue.push_shared(content)?;
        }
        inner.queue.push_copied(tail)?;
        is_torn = false;
        Ok(())
    });
    if is_torn {
        // Nothing may follow a part of it.
        end::lose(transport, Some(no_memory()))?;
    }
    put
}

/// Has the stream tell its protocol when the turn ends, before it sends what was written.
pub(crate) fn tell_at_turn_end(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let is_new = stream.inner.with(py, |inner| {
        inner.tells_turn_end = true;
        !std::mem::replace(&mut inner.is_listed, true)
    });
    if is_new {
        let object = transport.to_owned().into();
        stream.owner.get().queues.with(py, |queues| queues.unsent.push((SourceKind::Stream, object)));
    }
    Ok(())
}

/// Tells the protocol what it has asked to be told.
#[cold]
pub(super) fn tell_turn_ends(transport: Argument<'_>, stream: &Stream) -> Result<(), ErrorSet> {
    let py = transport.py();
    let (callee, read_mode) = stream.inner.with(py, |inner| {
        inner.tells_turn_end = false;
        (inner.callee(py), inner.read_mode)
    });
    match (callee, read_mode) {
        (Some(callee), ReadMode::StreamProtocol(native)) => (native.turn_ends)(callee.protocol.as_borrowed()),
        _ => Ok(()),
    }
}

/// `transport.pause_reading()`.
pub(crate) fn pause_reading(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let stream = value_of::<Stream>(transport);
    if stream.inner.with(transport.py(), |inner| inner.state.pause_reading()) {
        settle(transport)?;
    }
    Ok(())
}

/// `transport.resume_reading()`.
pub(crate) fn resume_reading(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let stream = value_of::<Stream>(transport);
    if stream.inner.with(transport.py(), |inner| inner.state.resume_reading()) {
        settle(transport)?;
    }
    Ok(())
}

/// `transport.close()`.
pub(crate) fn close(transport: Argument<'_>) -> Result<(), ErrorSet> {
    end::close(transport)
}
