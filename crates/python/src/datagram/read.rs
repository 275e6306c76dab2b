//! Datagrams in: from readiness to `datagram_received`.
//!
//! While datagrams come one by one, each readiness leads to one receive through the loop's buffer; while they come
//! together, one call receives several. The protocol may close, pause or replace itself in each callback; so the state
//! is read again before each. Datagrams already received when it pauses are held for `resume_reading()`.

use std::io;

use pyo3::prelude::*;
use reactor::socket::{self, DATAGRAMS_PER_CALL, DatagramBatch};
use reactor::{Address, Readiness};

use super::state::{Arrived, Endpoint};
use super::{end, route, write};
use crate::error::os_error;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::schedule;

/// The largest UDP datagram: its length has 16 bits. The loop has the room of a batch, 2 MiB of address space.
const LARGEST: usize = 64 * 1024;

/// The most calls for several datagrams after one readiness. With 32 per call that keeps the loop from its other work
/// for 64 callbacks, as long as accepting connections does.
const CALLS_AT_ONCE: usize = 2;

const FAILED: &str = "Fatal read error on datagram transport";

/// Handles an event of an endpoint.
#[inline]
pub(crate) fn on_ready(endpoint: This<'_, Endpoint>, readiness: Readiness) -> Result<(), ErrorSet> {
    if readiness.readable() {
        on_readable(endpoint)?;
    }
    if readiness.writable() {
        write::on_writable(endpoint)?;
    }
    Ok(())
}

fn on_readable(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    deliver_held(endpoint)?;
    let several = endpoint.inner.with(endpoint.py(), |inner| {
        // Datagrams of a Unix socket are as long as its buffer, for which a batch has no room.
        let may_batch = inner.family != libc::AF_UNIX;
        inner.state.may_read().then(|| may_batch && inner.batching.is_due())
    });
    match several {
        None => Ok(()),
        Some(false) => receive_one(endpoint),
        Some(true) => receive_several(endpoint),
    }
}

fn receive_one(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let descriptor = endpoint.inner.with(py, |inner| inner.descriptor(py));
    let mut from = Address::UNSPECIFIED;
    let owner = endpoint.owner.get();
    let received = owner.inbound.with(py, |buffer| {
        let received = buffer.receive(|room| {
            let (datagram, sender) = socket::receive_from(descriptor, room)?;
            from = sender;
            owner.counters.received(Ok(datagram))
        });
        match received {
            Ok(content) => make::bytes(py, content).map(|data| Ok(data.into_any())),
            Err(error) => Ok(Err(error)),
        }
    });
    match received {
        Ok(Ok(data)) => match route::sender(endpoint, from) {
            Ok(from) => deliver(endpoint, &data, &from),
            Err(raised) => end::fail(endpoint, raised, FAILED),
        },
        Ok(Err(error)) => on_error(endpoint, &error),
        Err(raised) => end::fail(endpoint, raised, FAILED),
    }
}

fn receive_several(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let owner = endpoint.owner.get();
    let spare = owner.batch.with(py, Option::take);
    let mut batch = spare.unwrap_or_else(|| DatagramBatch::new(DATAGRAMS_PER_CALL, LARGEST));
    if batch.prepare().is_err() {
        return receive_one(endpoint);
    }
    let outcome = fill_and_deliver(endpoint, &mut batch);
    let other = owner.batch.with(py, |place| place.replace(batch));
    drop(other);
    outcome
}

fn fill_and_deliver(endpoint: This<'_, Endpoint>, batch: &mut DatagramBatch) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    for _ in 0..CALLS_AT_ONCE {
        let Some(descriptor) =
            endpoint.inner.with(py, |inner| inner.state.may_read().then(|| inner.descriptor(py)))
        else {
            return Ok(());
        };
        let received = batch.receive(descriptor);
        endpoint.inner.with(py, |inner| inner.batching.note(received.as_ref().copied().unwrap_or_default()));
        let count = match received {
            Ok(count) => count,
            Err(error) => return on_error(endpoint, &error),
        };
        deliver_batch(endpoint, batch, count)?;
        if count < DATAGRAMS_PER_CALL {
            return Ok(());
        }
    }
    Ok(())
}

fn deliver_batch(endpoint: This<'_, Endpoint>, batch: &DatagramBatch, count: usize) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let mut raised = None;
    for index in 0..count {
        let (content, from) = batch.datagram(index);
        endpoint.owner.get().counters.bytes_received.add(content.len());
        let (must_wait, is_closing) = endpoint
            .inner
            .with(py, |inner| (!inner.state.may_read() || !inner.held.is_empty(), inner.state.is_closing()));
        if is_closing {
            break;
        }
        let arrived =
            make::bytes(py, content).and_then(|data| Ok((data.into_any(), route::sender(endpoint, from)?)));
        let (data, from) = match arrived {
            Ok(arrived) => arrived,
            Err(failure) => {
                end::fail(endpoint, failure, FAILED)?;
                break;
            }
        };
        if must_wait || raised.is_some() {
            let arrived = Arrived { data: data.into(), from: from.into() };
            endpoint.inner.with(py, |inner| inner.held.push_back(arrived));
        } else if let Err(leaving) = deliver(endpoint, &data, &from) {
            // An exception that leaves the loop must not lose the datagrams after it.
            raised = Some(leaving.take(py));
        }
    }
    match raised {
        None => Ok(()),
        Some(error) => schedule_held(endpoint).and(Err(error.into())),
    }
}

/// Calls `protocol.datagram_received(data, from)`. Its exception is reported, and the endpoint stays open, as in
/// asyncio.
#[inline(always)]
fn deliver(
    endpoint: This<'_, Endpoint>,
    data: &Bound<'_, PyAny>,
    from: &Bound<'_, PyAny>,
) -> Result<(), ErrorSet> {
    let Some(callee) = endpoint.callee(endpoint.py()) else { return Ok(()) };
    let name = name!("datagram_received");
    match callee.call(name, &[data.as_borrowed(), from.as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => end::report(endpoint, raised, "Exception in protocol.datagram_received()"),
    }
}

/// Delivers datagrams that waited for `resume_reading()`.
pub(super) fn deliver_held(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    loop {
        let next = endpoint
            .inner
            .with(py, |inner| if inner.state.may_read() { inner.held.pop_front() } else { None });
        let Some(Arrived { data, from }) = next else { return Ok(()) };
        if let Err(leaving) = deliver(endpoint, data.bind(py), from.bind(py)) {
            let error = leaving.take(py);
            return schedule_held(endpoint).and(Err(error.into()));
        }
    }
}

/// Schedules the delivery of held datagrams for the loop's next turn: the kernel may have no further event.
pub(super) fn schedule_held(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    if endpoint.inner.with(py, |inner| inner.held.is_empty()) {
        return Ok(());
    }
    let deliver = endpoint.object().getattr(name!("_deliver_held"))?;
    schedule(endpoint.owner.bind(py), deliver.as_borrowed(), &[], None)
}

/// Reports an error of the kernel to the protocol. It may concern a datagram that was sent before.
#[cold]
fn on_error(endpoint: This<'_, Endpoint>, error: &io::Error) -> Result<(), ErrorSet> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(());
    }
    end::call_error_received(endpoint, &os_error(error))
}
