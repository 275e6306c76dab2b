//! The process's wake-up descriptor of signals: taken by the loop, read by the loop, given back to whose it was.
//!
//! CPython's C-level handler writes each signal's number to that one descriptor. A loop in the main thread holds it while
//! it runs, so that a signal ends its sleep at once, and for as long as it has handlers of its own. What a number means
//! is asyncio's `_process_self_data`, inherited.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::os_error;
use crate::ffi::interpreter::check_signals;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::imports::Imports;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::registry::Registry;
use crate::transport::schedule;
use crate::wakeup_fd;

/// Takes the wake-up descriptor if this thread may and the loop does not have it.
pub(crate) fn hold(py: Python<'_>, this: &EventLoop) -> PyResult<()> {
    if this.modes.any(Modes::CLOSED) || !in_main_thread(py, this)? {
        return Ok(());
    }
    let descriptor = this.registry.with(py, Registry::signal_descriptor).map_err(|error| os_error(&error))?;
    let Some(before) = swap(py, this, descriptor)? else {
        return Ok(());
    };
    let hands_on = wakeup_fd::taken(descriptor, before);
    this.registry.with(py, |registry| {
        registry.wakeup = Some(descriptor);
        registry.hands_signals_on = hands_on;
    });
    Ok(())
}

/// Gives the wake-up descriptor back, unless somebody else has taken it since. What has arrived and was not read is handed on.
pub(crate) fn release(py: Python<'_>, this: &EventLoop) -> PyResult<()> {
    let (wakeup, process) = this.registry.with(py, |registry| (registry.wakeup, registry.process));
    if process != std::process::id() {
        return forget(py, this);
    }
    let Some(ours) = wakeup else { return Ok(()) };
    // What arrives from here on comes through the pipe, whoever had the descriptor until now.
    let Some(current) = swap(py, this, ours)? else {
        return Ok(());
    };
    this.registry.with(py, |registry| {
        (registry.wakeup, registry.hands_signals_on) = (None, false);
    });
    let next = wakeup_fd::next_after(ours);
    // -1 is what asyncio leaves when the last of its handlers goes.
    swap(py, this, if current == ours || current == -1 { next } else { current })?;
    let numbers = read(py, this)?;
    wakeup_fd::hand_on(ours, &numbers, |_| false);
    wakeup_fd::given_back();
    Ok(())
}

/// In the child of a `fork()` the pipe is shared with the parent, and what comes through it is the parent's.
pub(crate) fn forget(py: Python<'_>, this: &EventLoop) -> PyResult<()> {
    let (ours, pipe) = this.registry.with(py, |registry| {
        registry.hands_signals_on = false;
        (registry.wakeup.take(), registry.signals.take())
    });
    drop(pipe);
    // Where the hook for forked children did not run, it is still the child's.
    let Some(ours) = ours else { return Ok(()) };
    match swap(py, this, -1)? {
        Some(current) if current != ours => swap(py, this, current).map(drop),
        _ => Ok(()),
    }
}

/// Has the interpreter call us in the child of every `fork()`, behind asyncio, which leaves nobody in place there.
pub(crate) fn register_at_fork(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let keywords = make::dict(py)?;
    keywords.set_item(name!("after_in_child"), wrap_pyfunction!(after_fork_in_child, module)?)?;
    py.import(name!("os"))?.getattr(name!("register_at_fork"))?.call((), Some(&keywords)).map(drop)
}

/// Gives the wake-up descriptor to whoever had it before a loop.
#[pyfunction]
fn after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    let Some(next) = wakeup_fd::next_in_child() else { return Ok(()) };
    set(py, Imports::of(py)?, next).map(drop)
}

/// Reads the numbers of signals that have arrived, and runs the Python-level handlers first, as the interpreter would.
pub(crate) fn deliver(py: Python<'_>, this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    // An exception of a handler leaves the numbers in the pipe, for the next run to find.
    check_signals(py)?;
    let (hands_on, ours) =
        this.get().registry.with(py, |registry| (registry.hands_signals_on, registry.wakeup.unwrap_or(-1)));
    let handlers = if hands_on { Some(this.getattr(name!("_signal_handlers"))?) } else { None };
    let (numbers, new) = read_all(py, this.get())?;
    if let Some(handlers) = handlers {
        let is_its_own = |number: &u8| handlers.contains(*number);
        let own: Vec<u8> = new.iter().copied().filter(|number| is_its_own(number).unwrap_or(false)).collect();
        wakeup_fd::hand_on(ours, &new, |number| own.contains(&number));
    }
    if !numbers.is_empty() {
        // By a callback, as asyncio reads its pipe, so that a handler runs in the same turn as there.
        let process = this.getattr(name!("_process_self_data"))?;
        let numbers = make::bytes(py, &numbers)?.into_any();
        schedule(this, process.as_borrowed(), &[numbers.as_borrowed()], None)?;
    }
    Ok(())
}

/// The numbers that came from the interpreter's own handler.
fn read(py: Python<'_>, this: &EventLoop) -> PyResult<Vec<u8>> {
    read_all(py, this).map(|(_, new)| new)
}

/// All numbers in the pipe, and those that no other loop has handed on.
fn read_all(py: Python<'_>, this: &EventLoop) -> PyResult<(Vec<u8>, Vec<u8>)> {
    let (mut numbers, mut new) = (Vec::new(), Vec::new());
    let drained = this.registry.with(py, |registry| match &registry.signals {
        Some(pipe) => pipe.drain(|number| {
            numbers.push(number & !wakeup_fd::HANDED_ON);
            new.extend(Some(number).filter(|number| number & wakeup_fd::HANDED_ON == 0));
        }),
        None => Ok(()),
    });
    drained.map_err(|error| os_error(&error))?;
    Ok((numbers, new))
}

/// Hands the wake-up descriptor to `descriptor` and says whose it was; `None` where this thread may not.
///
/// No handler of a signal can run within: `signal.set_wakeup_fd` is a C function, and so is what it calls.
fn swap(py: Python<'_>, this: &EventLoop, descriptor: i32) -> PyResult<Option<i32>> {
    set(py, this.imports, descriptor)
}

fn set(py: Python<'_>, imports: &Imports, descriptor: i32) -> PyResult<Option<i32>> {
    let signal = imports.thread_calls.signal.bind(py);
    let set = |descriptor: i32| {
        signal.call_method1(name!("set_wakeup_fd"), (make::integer(py, i64::from(descriptor))?,))
    };
    // A descriptor that is of no use any more is refused.
    let before = set(descriptor).or_else(|_| set(-1));
    match before {
        Ok(before) => before.extract().map(Some),
        // Not the main thread of the main interpreter.
        Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

fn in_main_thread(py: Python<'_>, this: &EventLoop) -> PyResult<bool> {
    this.imports.hooks.in_main_thread(py)?.extract()
}
