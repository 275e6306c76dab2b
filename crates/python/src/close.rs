//! Closes a loop, and releases everything that it holds.
//!
//! Objects that are taken out of the state are dropped outside every borrow: a finalizer may call the loop.

use std::io;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::os_error;
use crate::ffi::error::new_error;
use crate::loop_state::{EventLoop, Modes};
use crate::rebuild::rebuild_after_fork;
use crate::{name, signals};

/// Closes the loop: asyncio's own part, then the native one, which is done in every case.
pub(crate) fn close(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let (py, state) = (this.py(), this.get());
    if state.is_running() {
        return Err(new_error::<PyRuntimeError>("Cannot close a running event loop"));
    }
    if state.modes.any(Modes::CLOSED) {
        return Ok(());
    }
    let hooks = &state.imports.hooks;
    // At the end of the interpreter modules are emptied while some loops are still alive, and asyncio's part cannot
    // run.
    if hooks.are_emptied(py)? {
        return close_natively(py, state);
    }
    // If asyncio's constructor did not complete, its part has nothing to close.
    let Some(handlers) = this.as_any().getattr_opt(name!("_signal_handlers"))? else {
        return close_natively(py, state);
    };
    let handlers = handlers.call_method0(name!("copy"))?;
    if handlers.is_truthy()? {
        // asyncio's method sets the wake-up descriptor to -1: a new owner is recorded before.
        rebuild_after_fork(this)?;
        signals::hold_if_possible(py, state)?;
    }
    // After an interrupt it is called again from the start: nothing else would remove the signal handlers.
    let inherited = hooks.close_inherited(py, this).or_else(|error| {
        state.modes.set(Modes::CLOSED, false);
        hooks.close_again(py, this, &handlers).and(Err(error))
    });
    let released = signals::release(py, state);
    let closed = close_natively(py, state);
    inherited?;
    released.and(closed)
}

/// Closes the descriptors and empties the queues.
fn close_natively(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    state.modes.set(Modes::CLOSED, true);
    let closed = close_descriptors(py, state).map_err(|error| os_error(&error));
    discard(py, state);
    closed
}

fn close_descriptors(py: Python<'_>, state: &EventLoop) -> io::Result<()> {
    // A thread that sleeps in the poller without close() knowing finds the loop closed.
    let rung = state.wakeup.ring();
    drop(state.registry.with(py, |registry| registry.poller.take()));
    signals::close_pipe(py, state);
    state.wakeup.disconnect();
    rung
}

/// Empties the queues and the table of descriptors.
pub(crate) fn discard(py: Python<'_>, state: &EventLoop) {
    let posted = state.remote_queue.take(py);
    let (ready, timers, unsent, events) = state.queues.with(py, |queues| {
        let (ready, timers) = (std::mem::take(&mut queues.ready), queues.drain_timers());
        // An exception can leave a run between a poll and the delivery of its events.
        let owed = std::mem::take(&mut queues.owed_ends);
        (ready, timers, (std::mem::take(&mut queues.unsent), owed), std::mem::take(&mut queues.due))
    });
    let registered = state.registry.with(py, |registry| registry.drain());
    let settings = state.settings.with(py, std::mem::take);
    drop((posted, ready, timers, unsent, events, registered, settings));
}
