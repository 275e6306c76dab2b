//! From an event of a descriptor that the loop itself owns to the transport or listener behind it.
//!
//! Which kind of object it is stands in the table; what it does with the event is that object's affair.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::transport::alive;
use crate::watches::{Due, Kind, Recipient};
use crate::{datagram, listener, pipe, sock, stream};

/// Delivers the events of one poll, in their order. After an exception that leaves the loop the rest is left to the next
/// poll: the kernel reports it again.
pub(crate) fn deliver(py: Python<'_>, state: &EventLoop, mut due: Vec<Due>) -> Result<(), Raised> {
    let outcome = due.drain(..).try_for_each(|event| on_ready(py, &event));
    state.queues.with(py, |queues| queues.due = due);
    outcome
}

#[inline(always)]
fn on_ready(py: Python<'_>, due: &Due) -> Result<(), Raised> {
    let object = due.object.bind_borrowed(py);
    match due.recipient {
        Recipient::Operation => sock::on_ready(object, due.readiness),
        Recipient::Source(Kind::Stream) => stream::on_ready(object, due.readiness),
        Recipient::Source(Kind::Datagram) => datagram::on_ready(object, due.readiness),
        Recipient::Source(Kind::Listener) => listener::on_ready(object),
        Recipient::Source(Kind::ReadPipe) => pipe::on_readable(object),
        Recipient::Source(Kind::WritePipe) => pipe::on_ready(object, due.readiness),
    }
}

/// The open transport that a descriptor belongs to: a stream or an endpoint of datagrams.
pub(crate) fn transport_of<'py>(
    py: Python<'py>,
    state: &EventLoop,
    descriptor: RawFd,
) -> Option<Bound<'py, PyAny>> {
    let (kind, held) = state.kernel.with(py, |kernel| {
        let source = kernel.watches.source_of(descriptor)?;
        Some((source.kind, source.object.clone_ref(py)))
    })?;
    let transport = alive(held.into_bound(py))?;
    let is_its_own = match kind {
        Kind::Stream => stream::owns_descriptor(transport.as_borrowed()),
        Kind::Datagram => true,
        Kind::Listener | Kind::ReadPipe | Kind::WritePipe => false,
    };
    is_its_own.then_some(transport)
}

/// Sends what streams have gathered during the turn.
pub(crate) fn flush(py: Python<'_>, state: &EventLoop) -> Result<(), Raised> {
    let mut unsent = state.queues.with(py, |queues| std::mem::take(&mut queues.unsent));
    let mut outcome = Ok(());
    // Each is flushed, whatever the protocol of another raised while it was told to go on writing.
    for (kind, transport) in unsent.drain(..) {
        let transport = transport.bind_borrowed(py);
        let flushed = match kind {
            Kind::WritePipe => pipe::flush(transport),
            Kind::Stream => stream::flush(transport),
            // These write at once, or not at all.
            Kind::Datagram | Kind::Listener | Kind::ReadPipe => Ok(()),
        };
        if let Err(raised) = flushed {
            keep_first(&mut outcome, raised.take(py), transport);
        }
    }
    let spare = state.queues.with(py, |queues| queues.keep_list(unsent));
    drop(spare);
    Ok(outcome?)
}

/// Keeps the first exception that has to leave the loop out of the interpreter's sight, so that what is flushed after it is
/// not called with an exception set. Only one can leave; another is printed.
#[cold]
fn keep_first(outcome: &mut PyResult<()>, error: PyErr, transport: Argument<'_>) {
    match outcome {
        Ok(()) => *outcome = Err(error),
        Err(_) => error.write_unraisable(transport.py(), Some(&transport)),
    }
}
