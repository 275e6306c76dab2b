//! The process's signal wake-up descriptor: a loop takes it, and gives it back to its previous owner.
//!
//! This is native, although it runs once per run and its steps are calls of `signal.set_wakeup_fd`: that function
//! cannot return the descriptor without replacing it, so an interrupt between the call and recording its result would
//! lose the previous owner for good. Between two calls of C functions no Python-level signal handler can run.

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use super::deliver::{new_in, read_new};
use super::owners;
use crate::error::os_error;
use crate::ffi::interpreter::call_in_main_thread;
use crate::ffi::make;
use crate::imports::Imports;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::registry::Registry;

/// Takes the descriptor, in the main thread only, unless the loop has it.
pub(crate) fn hold(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    if state.modes.any(Modes::CLOSED) || !state.imports.hooks.in_main_thread(py)?.is_truthy()? {
        return Ok(());
    }
    let own = state.registry.with(py, Registry::signal_descriptor).map_err(|error| os_error(&error))?;
    let Some(before) = swap(py, state.imports, own)? else {
        return Ok(());
    };
    let hands_on = owners::note_taken(own, before);
    state.registry.with(py, |registry| {
        (registry.wakeup, registry.hands_signals_on) = (Some(own), hands_on);
    });
    Ok(())
}

/// Does the same. Without a descriptor for the pipe the loop runs as asyncio's does: a signal ends its sleep by EINTR.
pub(crate) fn hold_if_possible(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    match hold(py, state) {
        Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(()),
        held => held,
    }
}

/// Restores the descriptor after asyncio's methods have changed the handlers of signals: those set the descriptor
/// without regard to its owner. The loop keeps it while it runs or has handlers.
pub(crate) fn update(py: Python<'_>, state: &EventLoop, has_handlers: bool) -> PyResult<()> {
    hold(py, state)?;
    state.registry.with(py, |registry| registry.has_signal_handlers = has_handlers);
    if has_handlers || state.is_running() { Ok(()) } else { release(py, state) }
}

/// Gives the descriptor back, unless other code has taken it since. Numbers that arrived and were not read are passed
/// on.
pub(crate) fn release(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    let (held, process) = state.registry.with(py, |registry| (registry.wakeup, registry.process));
    if process != std::process::id() {
        return forget(py, state);
    }
    let Some(own) = held else { return Ok(()) };
    give_back(py, state.imports, own, || {
        state.registry.with(py, |registry| {
            (registry.wakeup, registry.hands_signals_on) = (None, false);
        });
        read_new(py, state)
    })
    .map(drop)
}

/// Sets the descriptor of the owner before, and passes on what `read` finds in the pipe. Returns false outside the main
/// thread, where nothing is done.
fn give_back(
    py: Python<'_>,
    imports: &Imports,
    own: i32,
    read: impl FnOnce() -> PyResult<Vec<u8>>,
) -> PyResult<bool> {
    // From here on signals arrive through the pipe, even if another owner had the descriptor until now.
    let Some(current) = swap(py, imports, own)? else {
        return Ok(false);
    };
    let next = owners::next_after(own);
    // asyncio leaves -1 when the last of its handlers is removed.
    swap(py, imports, if current == own || current == -1 { next } else { current })?;
    owners::hand_on(own, &read()?, |_| false);
    owners::note_given_back();
    Ok(true)
}

/// Closes the pipe of a loop that is closed. If the loop has the descriptor still, because another thread than the main
/// one closes it, the main thread gives the descriptor back first: until then the handler of signals writes to the pipe,
/// whose number another file must not get.
pub(crate) fn close_pipe(py: Python<'_>, state: &EventLoop) {
    let (pipe, held, process) = state
        .registry
        .with(py, |registry| (registry.signals.take(), registry.wakeup.take(), registry.process));
    let (Some(pipe), Some(own)) = (pipe, held) else { return };
    call_in_main_thread(
        py,
        Box::new(move |py| {
            // In the child of a fork the hook there has given it back.
            if process == std::process::id() {
                give_back(py, Imports::of(py)?, own, || new_in(&pipe))?;
            }
            Ok(())
        }),
    );
}

/// Leaves the pipe to the parent in the child of a `fork()`, since its contents are the parent's.
pub(crate) fn forget(py: Python<'_>, state: &EventLoop) -> PyResult<()> {
    let (held, pipe) = state.registry.with(py, |registry| {
        registry.hands_signals_on = false;
        (registry.wakeup.take(), registry.signals.take())
    });
    drop(pipe);
    // If the hook for forked children did not run, the descriptor is still the child's.
    let Some(own) = held else { return Ok(()) };
    match swap(py, state.imports, -1)? {
        Some(current) if current != own => swap(py, state.imports, current).map(drop),
        _ => Ok(()),
    }
}

/// Registers a function for the child of every `fork()`, after asyncio's, which sets the descriptor to -1 there.
pub(crate) fn register_at_fork(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let keywords = make::dict(py)?;
    keywords.set_item(name!("after_in_child"), wrap_pyfunction!(after_fork_in_child, module)?)?;
    py.import(name!("os"))?.getattr(name!("register_at_fork"))?.call((), Some(&keywords)).map(drop)
}

/// Gives the descriptor to its owner before the loops of the parent.
#[pyfunction]
fn after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    let Some(next) = owners::next_in_child() else { return Ok(()) };
    swap(py, Imports::of(py)?, next).map(drop)
}

/// Sets the wake-up descriptor and returns the previous one; `None` outside the main thread, which may not set it.
fn swap(py: Python<'_>, imports: &Imports, descriptor: i32) -> PyResult<Option<i32>> {
    let signal = imports.thread_calls.signal.bind(py);
    let set = |descriptor: i32| {
        signal.call_method1(name!("set_wakeup_fd"), (make::integer(py, i64::from(descriptor))?,))
    };
    // A descriptor that was closed is refused.
    let before = set(descriptor).or_else(|_| set(-1));
    match before {
        Ok(before) => before.extract().map(Some),
        Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}
