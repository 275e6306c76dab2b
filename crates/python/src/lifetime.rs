//! What surrounds the turns of a loop: what a run takes and gives back, a forked child's fresh start, and the end.
//!
//! It knows nothing of turns and callbacks.

use std::io;
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::os_error;
use crate::loop_state::EventLoop;
use crate::signals;
use crate::watches::Watch;

/// What a run needs from the kernel and gives back at its end.
pub(crate) fn begin(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    let forked = state.kernel.with(py, |kernel| {
        let forked = kernel.process != std::process::id();
        if forked {
            kernel.process = std::process::id();
            kernel.signals = None;
            kernel.wakeup_before = None;
        }
        forked
    });
    if forked {
        rebuild(py, state)?;
    }
    // asyncio polls at every turn, so a run that ends with its first one has seen what the kernel had to say.
    state.queues.with(py, |queues| queues.pace.poll_next());
    signals::hold(py, state)
}

pub(crate) fn end(py: Python<'_>, this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let state = this.get();
    state.track_ready(py);
    let keywords = state.settings.with(py, |settings| settings.loop_keyword.take());
    drop(keywords);
    if !this.getattr("_signal_handlers")?.is_truthy()? {
        signals::release(py, state)?;
    }
    Ok(())
}

/// Whose turn it is: the thread that runs the loop says so here, and nobody else may run it then.
pub(crate) fn set_thread(state: &EventLoop, thread: Option<u64>) {
    state.thread.store(thread.unwrap_or(0), Ordering::Relaxed);
}

pub(crate) fn refuse_running(state: &EventLoop, doing: &str) -> PyResult<()> {
    if state.is_running() {
        return Err(PyRuntimeError::new_err(format!("Cannot {doing} a running event loop")));
    }
    Ok(())
}

/// Makes the kernel's object anew with the same registrations: in a forked child, and when it reports what is gone.
pub(crate) fn rebuild(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    let rebuilt = state.kernel.with(py, |kernel| {
        let mut live = kernel.watches.registrations();
        live.extend(kernel.signals.as_ref().map(signals::registration));
        let Some(poller) = kernel.poller.as_mut() else {
            return Ok((Vec::new(), None));
        };
        let refused = poller.rebuild(live.into_iter())?;
        let waker = poller.waker();
        let gone =
            refused.into_iter().filter_map(|(descriptor, _)| kernel.watches.forget(descriptor)).collect();
        Ok((gone, Some(waker)))
    });
    let (gone, waker): (Vec<Watch>, _) =
        rebuilt.map_err(|error: io::Error| os_error(&error, "the loop's poller"))?;
    drop(gone);
    if let Some(waker) = waker {
        state.doorbell.replace_waker(waker);
    }
    Ok(())
}
