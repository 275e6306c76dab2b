//! What a run needs of the kernel, a forked child's fresh start, and what is refused while the loop runs.
//!
//! It knows nothing of turns and callbacks.

use std::io;
use std::sync::atomic::Ordering;

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;

use crate::error::os_error;
use crate::ffi::error::new_error;
use crate::handle;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::registry::{Entry, Registry};
use crate::signals;
use crate::sock;
use crate::transport::alive;

/// What a run needs of the kernel. Python code may run.
pub(crate) fn prepare(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    let state = this.get();
    own_kernel(this)?;
    state.expect_events(py);
    hold_signals(this)
}

/// Takes the wake-up descriptor of signals, if it can be had.
pub(crate) fn hold_signals(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    own_kernel(this)?;
    match signals::hold(this.py(), this.get()) {
        // Without a descriptor for the pipe the loop runs as asyncio's does: a signal ends its sleep by EINTR alone.
        Err(error) if error.is_instance_of::<PyOSError>(this.py()) => Ok(()),
        held => held,
    }
}

/// Makes sure that the kernel's objects are this process's own.
pub(crate) fn own_kernel(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    if this.get().registry.with(this.py(), |registry| registry.process != std::process::id()) {
        take_over_in_child(this)?;
    }
    Ok(())
}

/// In the child of a `fork()` the kernel's objects are shared with the parent, and changing them would change its.
fn take_over_in_child(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    signals::forget(py, this.get())?;
    let refused = rebuild(py, this.get())?;
    this.get().registry.with(py, |registry| registry.process = std::process::id());
    report_dropped(this, refused)
}

/// Gives the wake-up descriptor of signals back at the end of a run, unless the loop has handlers.
pub(crate) fn release_signals(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let is_closed = this.get().modes.any(Modes::CLOSED);
    if is_closed || !this.getattr(name!("_signal_handlers"))?.is_truthy()? {
        signals::release(this.py(), this.get())?;
    }
    Ok(())
}

/// The native part of `close()`: descriptors are closed and queues emptied.
pub(crate) fn close_natively(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let (py, state) = (this.py(), this.get());
    state.modes.set(Modes::CLOSED, true);
    let closed = state.close_descriptors(py).map_err(|error| os_error(&error));
    state.discard(py);
    closed
}

/// Tells the exception handler of descriptors that can't be watched any more.
pub(crate) fn report_dropped(this: &Bound<'_, EventLoop>, refused: Vec<(Entry, io::Error)>) -> PyResult<()> {
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
        // A transport that gets no events any more has lost its connection; a listener is of no use.
        for source in entry.sources() {
            // The other half of a pipe may be asking for nothing, and is held weakly then.
            if let Some(object) = alive(source.object.bind(py).clone()) {
                object.call_method0(source.kind.end_method())?;
            }
        }
    }
    Ok(())
}

/// Whose turn it is: the thread that runs the loop says so here, and nobody else may run it then.
pub(crate) fn set_thread(state: &EventLoop, thread: Option<u64>) {
    state.thread.store(thread.unwrap_or(0), Ordering::Relaxed);
}

pub(crate) fn refuse_running(state: &EventLoop, doing: &str) -> PyResult<()> {
    if state.is_running() {
        return Err(new_error::<PyRuntimeError>(format!("Cannot {doing} a running event loop")));
    }
    Ok(())
}

/// Makes the kernel's object anew with the same registrations: in a forked child, and when it reports what is gone.
pub(crate) fn rebuild(py: Python<'_>, state: &EventLoop) -> PyResult<Vec<(Entry, io::Error)>> {
    let (refused, waker) = state.registry.with(py, Registry::rebuild).map_err(|error| os_error(&error))?;
    if let Some(waker) = waker {
        state.wakeup.replace_waker(waker);
    }
    Ok(refused)
}
