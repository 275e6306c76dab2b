//! Datagrams in: from readiness to `datagram_received`.
//!
//! Where datagrams come one by one, each readiness is one receive through the loop's buffer; where they come together,
//! one call brings several. The protocol may close, pause or hand the endpoint on in each callback; so before each the
//! state is asked anew. What was received already when it pauses is held for `resume_reading()`.

use std::io;

use pyo3::prelude::*;
use reactor::socket::{self, DATAGRAMS_PER_CALL, DatagramBatch};
use reactor::{Address, Readiness};

use super::state::{Arrived, Endpoint, deliver_held_method, settle};
use super::{end, route, write};
use crate::error::os_error;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{Transport, schedule};

/// What a UDP datagram holds at most: its length has 16 bits. The room of a batch is the loop's, 2 MiB of address space.
const LARGEST: usize = 64 * 1024;

/// Calls for several datagrams that one readiness leads to at most. With 32 to a call that is what keeps the loop from
/// its other work for 64 callbacks, as long as accepting connections does.
const CALLS_AT_ONCE: usize = 2;

const FAILED: &str = "Fatal read error on datagram transport";

/// The kernel has something to say about an endpoint.
#[inline]
pub(crate) fn on_ready(transport: Argument<'_>, readiness: Readiness) -> Result<(), ErrorSet> {
    if readiness.readable() {
        on_readable(transport)?;
    }
    if readiness.writable() {
        write::on_writable(transport)?;
    }
    Ok(())
}

fn on_readable(transport: Argument<'_>) -> Result<(), ErrorSet> {
    deliver_held(transport)?;
    let endpoint = value_of::<Endpoint>(transport);
    let several = endpoint.inner.with(transport.py(), |inner| {
        // Datagrams of a Unix socket are as long as its buffer, for which a batch has no room.
        let may_batch = inner.family != libc::AF_UNIX;
        inner.state.may_read().then(|| may_batch && inner.look.is_due())
    });
    match several {
        None => Ok(()),
        Some(false) => receive_one(transport, endpoint),
        Some(true) => receive_several(transport, endpoint),
    }
}

fn receive_one(transport: Argument<'_>, endpoint: &Endpoint) -> Result<(), ErrorSet> {
    let py = transport.py();
    let descriptor = endpoint.inner.with(py, |inner| inner.descriptor(py));
    let mut from = Address::UNSPECIFIED;
    let received = endpoint.owner.get().inbound.with(py, |buffer| {
        let received = buffer.receive(|room| {
            let (length, sender) = socket::receive_from(descriptor, room)?;
            from = sender;
            Ok(length)
        });
        match received {
            Ok(content) => make::bytes(py, content).map(|data| Ok(data.into_any())),
            Err(error) => Ok(Err(error)),
        }
    });
    match received {
        Ok(Ok(data)) => match route::sender(transport, from) {
            Ok(from) => deliver(transport, &data, &from),
            Err(raised) => end::fail(transport, raised, FAILED),
        },
        Ok(Err(error)) => on_error(transport, &error),
        Err(raised) => end::fail(transport, raised, FAILED),
    }
}

fn receive_several(transport: Argument<'_>, endpoint: &Endpoint) -> Result<(), ErrorSet> {
    let py = transport.py();
    let owner = endpoint.owner.get();
    let spare = owner.batch.with(py, Option::take);
    let mut batch = spare.unwrap_or_else(|| DatagramBatch::new(DATAGRAMS_PER_CALL, LARGEST));
    if batch.prepare().is_err() {
        return receive_one(transport, endpoint);
    }
    let outcome = fill_and_deliver(transport, endpoint, &mut batch);
    let other = owner.batch.with(py, |place| place.replace(batch));
    drop(other);
    outcome
}

fn fill_and_deliver(
    transport: Argument<'_>,
    endpoint: &Endpoint,
    batch: &mut DatagramBatch,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    for _ in 0..CALLS_AT_ONCE {
        let Some(descriptor) =
            endpoint.inner.with(py, |inner| inner.state.may_read().then(|| inner.descriptor(py)))
        else {
            return Ok(());
        };
        let received = batch.receive(descriptor);
        endpoint.inner.with(py, |inner| inner.look.note(received.as_ref().copied().unwrap_or_default()));
        let count = match received {
            Ok(count) => count,
            Err(error) => return on_error(transport, &error),
        };
        deliver_batch(transport, endpoint, batch, count)?;
        if count < DATAGRAMS_PER_CALL {
            return Ok(());
        }
    }
    Ok(())
}

fn deliver_batch(
    transport: Argument<'_>,
    endpoint: &Endpoint,
    batch: &DatagramBatch,
    count: usize,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let mut raised = None;
    for index in 0..count {
        let (content, from) = batch.datagram(index);
        let (must_wait, is_closing) = endpoint
            .inner
            .with(py, |inner| (!inner.state.may_read() || !inner.held.is_empty(), inner.state.is_closing()));
        if is_closing {
            break;
        }
        let arrived =
            make::bytes(py, content).and_then(|data| Ok((data.into_any(), route::sender(transport, from)?)));
        let (data, from) = match arrived {
            Ok(arrived) => arrived,
            Err(failure) => {
                end::fail(transport, failure, FAILED)?;
                break;
            }
        };
        if must_wait || raised.is_some() {
            let arrived = Arrived { data: data.into(), from: from.into() };
            endpoint.inner.with(py, |inner| inner.held.push_back(arrived));
        } else if let Err(leaving) = deliver(transport, &data, &from) {
            // What has to leave the loop must not cost the datagrams behind it.
            raised = Some(leaving.take(py));
        }
    }
    match raised {
        None => Ok(()),
        Some(error) => schedule_held(transport).and(Err(error.into())),
    }
}

/// `protocol.datagram_received(data, from)`. Its exception is reported, and the endpoint lives on, as in asyncio.
#[inline(always)]
fn deliver(
    transport: Argument<'_>,
    data: &Bound<'_, PyAny>,
    from: &Bound<'_, PyAny>,
) -> Result<(), ErrorSet> {
    let endpoint = value_of::<Endpoint>(transport);
    let Some(callee) = endpoint.callee(transport.py()) else { return Ok(()) };
    let name = name!("datagram_received");
    match callee.call(name, &[data.as_borrowed(), from.as_borrowed()]) {
        Ok(_) => Ok(()),
        Err(raised) => end::report(transport, raised, "Exception in protocol.datagram_received()"),
    }
}

/// What waited for `resume_reading()`.
pub(super) fn deliver_held(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    loop {
        let next = endpoint
            .inner
            .with(py, |inner| if inner.state.may_read() { inner.held.pop_front() } else { None });
        let Some(Arrived { data, from }) = next else { return Ok(()) };
        if let Err(leaving) = deliver(transport, data.bind(py), from.bind(py)) {
            let error = leaving.take(py);
            return schedule_held(transport).and(Err(error.into()));
        }
    }
}

/// `transport.resume_reading()`.
pub(super) fn resume(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let endpoint = value_of::<Endpoint>(transport);
    if endpoint.inner.with(transport.py(), |inner| inner.state.resume_reading()) {
        schedule_held(transport)?;
        settle(transport)?;
    }
    Ok(())
}

/// Has the loop deliver what is held at its next turn: the kernel may have nothing more to report.
fn schedule_held(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let endpoint = value_of::<Endpoint>(transport);
    if endpoint.inner.with(py, |inner| inner.held.is_empty()) {
        return Ok(());
    }
    schedule(endpoint.owner.bind(py), deliver_held_method(py)?, &[transport], None)
}

/// The kernel refused, or tells what became of a datagram that was sent before: the protocol hears of it.
#[cold]
fn on_error(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(());
    }
    end::tell_error(transport, &os_error(error))
}
