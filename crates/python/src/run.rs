//! A run of the loop: set-up, turns, and a clean-up in every case.
//!
//! Signal handlers are Python code, which the interpreter runs between two instructions of a function written in
//! Python; a KeyboardInterrupt is raised there. So a run is set up and cleaned up natively, by calls of C functions
//! only, between which no handler can run. All questions to Python come before the set-up. If a step raises an
//! exception (an audit hook, a failed allocation, an override), the later steps still follow, and the first exception
//! is raised.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::ffi::constants::truth;
use crate::ffi::error::new_error;
use crate::ffi::interpreter::check_signals;
use crate::loop_state::{EventLoop, Modes};
use crate::rebuild::rebuild_after_fork;
use crate::{dispatch, event_loop, name, signals};

/// Runs the loop: set-up, turns until `stop()`, clean-up.
pub(crate) fn forever(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    // A run of this thread keeps its state. That of another thread may end before the set-up asks, which then succeeds.
    if this.get().is_own_thread() {
        return this.call_method0(name!("_run_forever_setup")).map(drop);
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        this.call_method0(name!("_run_forever_setup"))?;
        let turned = event_loop::run(this);
        // Bytes written in a turn that an exception has ended are still sent.
        let flushed = dispatch::flush(this).map_err(|raised| raised.take(py));
        turned.and(flushed)
    }));
    // A subclass may override the set-up and the clean-up, and these may end early. A panic is a bug here and becomes
    // an exception of the caller; the loop must not stay "running" for either.
    let cleaned =
        if holds_thread(this) { this.call_method0(name!("_run_forever_cleanup")).map(drop) } else { Ok(()) };
    let given_back = if holds_thread(this) { clean_up(this) } else { Ok(()) };
    outcome.unwrap_or_else(|panic| resume_unwind(panic)).and(cleaned).and(given_back)
}

/// Returns whether a run has taken something from its thread. The program may have reset `_thread_id` alone.
fn holds_thread(this: &Bound<'_, EventLoop>) -> bool {
    let state = this.get();
    // Another thread may have begun a run of its own.
    state.is_own_thread()
        || !state.is_running() && state.asyncgen_hooks_before.with(this.py(), |hooks| hooks.is_some())
}

/// Sets up a run (`_run_forever_setup`). After an error nothing is taken.
pub(crate) fn set_up(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let (py, state) = (this.py(), this.get());
    state.check_open()?;
    this.call_method0(name!("_check_running"))?;
    rebuild_after_fork(this)?;
    state.expect_events(py);
    signals::hold_if_possible(py, state)?;
    // Python code has run, and other threads with it.
    if !state.claim_thread() {
        return Err(new_error::<PyRuntimeError>("This event loop is already running"));
    }
    state.own(py);
    take_thread(this).inspect_err(|_| drop(clean_up(this)))
}

/// Takes what belongs to the thread for the loop.
fn take_thread(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    let state = this.get();
    let calls = &state.imports.thread_calls;
    track_origins(this, state.modes.any(Modes::DEBUG))?;
    let before: Bound<'_, PyTuple> =
        calls.sys.bind(py).call_method0(name!("get_asyncgen_hooks"))?.cast_into()?;
    let own =
        (this.getattr(name!("_asyncgen_firstiter_hook"))?, this.getattr(name!("_asyncgen_finalizer_hook"))?);
    // A run within a run, which a program can start by private names, leaves this to the outer one.
    let spare = state.asyncgen_hooks_before.with(py, |place| match place {
        Some(_) => Some(before),
        None => {
            *place = Some(before.unbind());
            None
        }
    });
    drop(spare);
    set_asyncgen_hooks(py, state, own)?;
    set_running_loop(state, this)?;
    // A signal that arrived before the loop had the wake-up descriptor would not end its first sleep.
    check_signals(py).map_err(|raised| raised.take(py))
}

/// Cleans up after a run (`_run_forever_cleanup`): restores everything that the set-up changed.
pub(crate) fn clean_up(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    let state = this.get();
    // Before the loop is given back: without the GIL another thread may begin a run at once.
    state.modes.set(Modes::STOPPING, false);
    let hooks = state.asyncgen_hooks_before.with(py, Option::take);
    let origins = track_origins(this, false);
    state.disown(py);
    state.set_thread(None);
    let steps = [
        leave_thread(this),
        hooks.map_or(Ok(()), |hooks| set_asyncgen_hooks(py, state, hooks.bind(py))),
        origins,
        release_signals(this),
    ];
    state.show_to_collector(py);
    steps.into_iter().fold(Ok(()), PyResult::and)
}

/// Returns the signal wake-up descriptor, unless the loop has signal handlers.
fn release_signals(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let is_closed = this.get().modes.any(Modes::CLOSED);
    if is_closed || !this.getattr(name!("_signal_handlers"))?.is_truthy()? {
        signals::release(this.py(), this.get())?;
    }
    Ok(())
}

/// Resets the running loop of the thread. Python 3.11 allocates an object for that. If it failed, no loop could ever
/// run in this thread again, so a second attempt follows: by then the run has freed its memory.
fn leave_thread(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let none = this.py().None().into_bound(this.py());
    let leave = || set_running_loop(this.get(), &none);
    leave().or_else(|_| leave())
}

/// Sets the running loop, for the set-up and the clean-up, so that the name is loaded when the clean-up needs it.
fn set_running_loop(state: &EventLoop, running: &Bound<'_, PyAny>) -> PyResult<()> {
    let events = state.imports.thread_calls.events.bind(running.py());
    events.call_method1(name!("_set_running_loop"), (running,)).map(drop)
}

/// Sets the hooks of asynchronous generators, likewise.
fn set_asyncgen_hooks<'py>(py: Python<'py>, state: &EventLoop, hooks: impl PyCallArgs<'py>) -> PyResult<()> {
    let sys = state.imports.thread_calls.sys.bind(py);
    sys.call_method1(name!("set_asyncgen_hooks"), hooks).map(drop)
}

/// Sets whether coroutines record where they are created, as in asyncio's debug mode
/// (`_set_coroutine_origin_tracking`).
pub(crate) fn track_origins(this: &Bound<'_, EventLoop>, enabled: bool) -> PyResult<()> {
    let (is_enabled, saved_depth) =
        (name!("_coroutine_origin_tracking_enabled"), name!("_coroutine_origin_tracking_saved_depth"));
    let py = this.py();
    let calls = &this.get().imports.thread_calls;
    if this.getattr(is_enabled)?.is_truthy()? == enabled {
        return Ok(());
    }
    let depth = if enabled {
        this.setattr(
            saved_depth,
            calls.sys.bind(py).call_method0(name!("get_coroutine_origin_tracking_depth"))?,
        )?;
        calls.constants.bind(py).getattr(name!("DEBUG_STACK_DEPTH"))?
    } else {
        this.getattr(saved_depth)?
    };
    // Recorded first: the clean-up undoes steps after this one that fail.
    this.setattr(is_enabled, truth(py, enabled))?;
    calls.sys.bind(py).call_method1(name!("set_coroutine_origin_tracking_depth"), (depth,)).map(drop)
}
