//! Replaces the poller by a new one with the same registrations: in a forked child, and when the kernel keeps reporting
//! a file that is gone. Registrations that the kernel refuses are reported to the exception handler.

use std::io;

use pyo3::prelude::*;

use crate::error::os_error;
use crate::handle;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{Entry, Registry};
use crate::signals;
use crate::sock;
use crate::transport::alive;

/// Rebuilds the poller at its first use in the child of a `fork()`. The parent's poller and pipe are left to the
/// parent.
pub(crate) fn rebuild_after_fork(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let (py, state) = (this.py(), this.get());
    if state.registry.with(py, |registry| registry.process == std::process::id()) {
        return Ok(());
    }
    signals::forget(py, state)?;
    let refused = rebuild(py, state)?;
    state.registry.with(py, |registry| registry.process = std::process::id());
    report_refused(this, refused)
}

/// Rebuilds the poller and returns the registrations that the kernel refuses, which are removed from the table.
pub(crate) fn rebuild(py: Python<'_>, state: &EventLoop) -> PyResult<Vec<(Entry, io::Error)>> {
    let (refused, waker) = state.registry.with(py, Registry::rebuild).map_err(|error| os_error(&error))?;
    if let Some(waker) = waker {
        state.wakeup.replace_waker(waker);
    }
    Ok(refused)
}

/// Reports descriptors that can no longer be watched, and ends the operations and transports that wait for them.
pub(crate) fn report_refused(this: &Bound<'_, EventLoop>, refused: Vec<(Entry, io::Error)>) -> PyResult<()> {
    let py = this.py();
    for (entry, error) in refused {
        if let Some(waits) = &entry.waits {
            for operation in waits.operations.iter() {
                sock::refuse(operation.bind_borrowed(py), &error)?;
            }
        }
        let error = os_error(&error);
        let message = format!("Descriptor {} cannot be watched any more", entry.descriptor);
        let details = handle::failure(py, &message, error)?;
        this.call_method1(name!("call_exception_handler"), (details,))?;
        // A transport without events has lost its connection; a listener is useless.
        for source in entry.sources() {
            // The other half of a pipe may have no interest, and is held weakly then.
            if let Some(object) = alive(source.object.bind(py).clone()) {
                object.call_method0(source.kind.end_method())?;
            }
        }
    }
    Ok(())
}
