//! From the event of a descriptor to its transport or listener, and from the list of written streams to each stream.
//!
//! The table says which kind of object it is; the object decides what to do with the event.

use std::os::fd::RawFd;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, Held, This};
use crate::ffi::trampoline::ErrorSet;
use crate::handle;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{ReadyEvent, Recipient, SourceKind};
use crate::transport::{alive, schedule_end};
use crate::{connect, datagram, listener, pipe, sock, stream, tls};

/// Delivers the events of one poll, in order. After an exception that leaves the loop the rest is left to the next
/// poll: the kernel reports it again. `delivered` is called after each.
pub(crate) fn deliver(
    this: &Bound<'_, EventLoop>,
    mut due: Vec<ReadyEvent>,
    mut delivered: impl FnMut(&ReadyEvent) -> Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    let (py, state) = (this.py(), this.get());
    let is_alone = due.len() == 1;
    let outcome = due.drain(..).try_for_each(|event| {
        on_ready(py, &event, is_alone).or_else(|raised| outlive(this, raised.take(py)))?;
        delivered(&event)
    });
    state.queues.with(py, |queues| queues.due = due);
    outcome
}

#[inline(always)]
fn on_ready(py: Python<'_>, due: &ReadyEvent, is_alone: bool) -> Result<(), ErrorSet> {
    let object = due.object.bind_borrowed(py);
    // Most events are those of streams, and the cast says so without the kind.
    if let Some(stream) = This::cast(object) {
        return stream::on_ready(stream, due.readiness);
    }
    match due.recipient {
        Recipient::Operation => sock::on_ready(object, due.readiness),
        Recipient::Source(SourceKind::Stream) => Ok(()),
        Recipient::Source(SourceKind::Datagram) => {
            as_one(object, |endpoint| datagram::on_ready(endpoint, due.readiness))
        }
        Recipient::Source(SourceKind::Listener) => listener::on_ready(object, is_alone),
        Recipient::Source(SourceKind::ReadPipe) => as_one(object, pipe::on_readable),
        Recipient::Source(SourceKind::WritePipe) => {
            as_one(object, |pipe| pipe::on_ready(pipe, due.readiness))
        }
    }
}

/// Calls a function with an object of the table, if it is a transport of this kind.
#[inline(always)]
fn as_one<T: Held>(
    object: Borrowed<'_>,
    act: impl FnOnce(This<'_, T>) -> Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    This::cast(object).map_or(Ok(()), act)
}

/// Reports a lack of memory like that of a callback, since it ends no run. Every other exception of an event leaves the
/// loop.
#[cold]
fn outlive(this: &Bound<'_, EventLoop>, error: PyErr) -> Result<(), ErrorSet> {
    let py = this.py();
    if !error.is_instance_of::<PyMemoryError>(py) {
        return Err(error.into());
    }
    let reported = handle::failure(py, "No memory to deliver an event", error.clone_ref(py))
        .and_then(|details| this.call_method1(name!("call_exception_handler"), (details,)));
    match reported {
        Err(failure) if failure.is_instance_of::<PyMemoryError>(py) => {
            error.write_unraisable(py, Some(this.as_any()));
            Ok(())
        }
        reported => Ok(reported.map(drop)?),
    }
}

/// Returns the open transport that a descriptor belongs to: a stream or a datagram endpoint.
pub(crate) fn transport_of<'py>(
    py: Python<'py>,
    state: &EventLoop,
    descriptor: RawFd,
) -> Option<Bound<'py, PyAny>> {
    let (kind, held) = state.registry.with(py, |registry| {
        let source = registry.table.source_of(descriptor)?;
        Some((source.kind, source.object.clone_ref(py)))
    })?;
    let transport = alive(held.into_bound(py))?;
    let is_its_own = match kind {
        SourceKind::Stream => This::cast(transport.as_borrowed()).is_some_and(stream::owns_descriptor),
        SourceKind::Datagram => true,
        SourceKind::Listener | SourceKind::ReadPipe | SourceKind::WritePipe => false,
    };
    is_its_own.then_some(transport)
}

/// Sends what streams have gathered during the turn.
pub(crate) fn flush(this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    let (py, state) = (this.py(), this.get());
    let (mut unsent, owed) = state
        .queues
        .with(py, |queues| (std::mem::take(&mut queues.unsent), std::mem::take(&mut queues.owed_ends)));
    let mut outcome = schedule_owed_ends(py, &owed).map_err(|raised| raised.take(py));
    // Each is flushed, whatever another's protocol raised in `resume_writing`.
    for transport in unsent.drain(..) {
        let transport = transport.bind_borrowed(py);
        let flushed = if let Some(stream) = This::cast(transport) {
            stream::flush(stream)
        } else {
            // The others write at once, or not at all.
            as_one(transport, tls::flush)
                .and_then(|()| as_one(transport, pipe::flush))
                .and_then(|()| as_one(transport, connect::at_turn_end))
        };
        if let Err(raised) = flushed.or_else(|raised| outlive(this, raised.take(py))) {
            keep_first(&mut outcome, raised.take(py), transport);
        }
    }
    let spare = state.queues.with(py, |queues| queues.keep_list(unsent));
    drop(spare);
    Ok(outcome?)
}

/// Schedules the ends of transports for which there was no memory before.
fn schedule_owed_ends(py: Python<'_>, owed: &[(Object, Object)]) -> Result<(), ErrorSet> {
    owed.iter().try_for_each(|(transport, error)| {
        let (transport, error) = (transport.bind_borrowed(py), error.bind_borrowed(py));
        as_one::<stream::Stream>(transport, |stream| schedule_end(stream, error))?;
        as_one::<datagram::Endpoint>(transport, |endpoint| schedule_end(endpoint, error))?;
        as_one::<pipe::Pipe>(transport, |pipe| schedule_end(pipe, error))?;
        as_one::<tls::Tls>(transport, |tls| tls::schedule_end(tls, error))
    })
}

/// Keeps the first exception that has to leave the loop, cleared from the interpreter, so that later streams are not
/// flushed with an exception set. Only one can leave; another is printed.
#[cold]
fn keep_first(outcome: &mut PyResult<()>, error: PyErr, transport: Borrowed<'_>) {
    match outcome {
        Ok(()) => *outcome = Err(error),
        Err(_) => error.write_unraisable(transport.py(), Some(&transport)),
    }
}
