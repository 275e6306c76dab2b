//! The interface of a stream to a protocol in Rust: received bytes without an object, and methods without a Python
//! call.
//!
//! The loop's receive buffer is taken out of the loop while the protocol uses it, since that may run user code, which
//! may itself receive.

use reactor::socket;

use super::state::{Plan, Received, Stream};
use super::write::enqueue;
use crate::ffi::bytes::Bytes;
use crate::ffi::call::in_context;
use crate::ffi::error::no_memory;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::stream_protocol::StreamProtocol;
use crate::transport;

/// Reads once, and passes the bytes to the protocol, in the connection's context.
pub(super) fn receive(
    stream: This<'_, Stream>,
    plan: &Plan<'_>,
    native: &StreamProtocol,
) -> Result<Received, ErrorSet> {
    let py = stream.py();
    let owner = stream.owner.get();
    let mut inbound = owner.inbound.with(py, std::mem::take);
    let counters = &owner.counters;
    let received = match inbound.receive(|room| counters.received(socket::receive(plan.descriptor, room))) {
        Ok([]) => Ok(Received::End),
        Ok(content) => {
            let protocol = plan.callee.protocol.as_borrowed();
            let told = in_context(plan.callee.context.as_borrowed(), || (native.received)(protocol, content));
            told.map(|()| Received::Handled)
        }
        Err(error) => Ok(Received::Refused(error)),
    };
    owner.inbound.with(py, |place| *place = inbound);
    received
}

/// Returns whether `connection_lost` is due or was called. It may be called within a borrow of the protocol.
#[inline]
pub(crate) fn is_lost(stream: This<'_, Stream>) -> bool {
    stream.inner.with(stream.py(), |inner| inner.state.is_lost())
}

/// Writes a head, content that is kept by reference if that pays, and what follows it.
#[inline]
pub(crate) fn write_parts(
    stream: This<'_, Stream>,
    head: &[u8],
    content: Option<Bytes>,
    tail: &[u8],
) -> Result<(), ErrorSet> {
    let is_empty = head.is_empty() && tail.is_empty() && content.is_none();
    let mut is_torn = false;
    let enqueued = enqueue("write", stream, is_empty, |inner| {
        // The call before this write is included in it.
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
        // No other bytes may follow a part of the message.
        transport::force_close(stream, Some(no_memory()))?;
    }
    enqueued
}

/// Requests a call of the protocol when the turn ends, before the stream sends what was written.
pub(crate) fn tell_at_turn_end(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let is_new = stream.inner.with(py, |inner| {
        inner.tells_turn_end = true;
        !std::mem::replace(&mut inner.common.is_listed, true)
    });
    if is_new {
        let object = stream.object().to_owned().into();
        stream.owner.get().queues.with(py, |queues| queues.unsent.push(object));
    }
    Ok(())
}
