//! From an event of a descriptor that the loop itself owns to the transport or listener behind it.
//!
//! Which kind of object it is stands in the table; what it does with the event is that object's affair.

use pyo3::prelude::*;
use reactor::Readiness;

use crate::ffi::object::Object;
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::watches::Kind;
use crate::{listener, pipe, stream};

/// An event that has to be delivered.
pub(crate) struct Due {
    pub(crate) kind: Kind,
    pub(crate) object: Object,
    pub(crate) readiness: Readiness,
}

/// Delivers one event.
#[inline(always)]
pub(crate) fn on_ready(py: Python<'_>, due: &Due) -> Result<(), Raised> {
    let object = due.object.bind_borrowed(py);
    match due.kind {
        Kind::Stream => stream::on_ready(object, due.readiness),
        Kind::Listener => listener::on_ready(object),
        Kind::ReadPipe => pipe::on_readable(object),
        Kind::WritePipe => pipe::on_ready(object, due.readiness),
    }
}

/// Sends what streams have gathered during the turn.
pub(crate) fn flush(py: Python<'_>, state: &EventLoop) -> Result<(), Raised> {
    let mut unsent = state.queues.with(py, |queues| std::mem::take(&mut queues.unsent));
    let mut outcome = Ok(());
    // Each is flushed, whatever the protocol of another raised while it was told to go on writing.
    for (kind, transport) in unsent.drain(..) {
        let transport = transport.bind_borrowed(py);
        outcome = outcome.and(match kind {
            Kind::WritePipe => pipe::flush(transport),
            Kind::Stream | Kind::Listener | Kind::ReadPipe => stream::flush(transport),
        });
    }
    let spare = state.queues.with(py, |queues| queues.keep_list(unsent));
    drop(spare);
    outcome
}
