//! Reads the numbers of signals that have arrived, passes them on, and calls the loop's handlers for them.
//!
//! asyncio's `_process_self_data`, which is inherited, interprets the numbers.

use std::io;

use pyo3::prelude::*;
use reactor::SignalPipe;

use super::owners::{self, HANDED_ON};
use crate::error::os_error;
use crate::ffi::interpreter::check_signals;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::transport::schedule;

/// The signal numbers in the pipe.
#[derive(Default)]
struct Numbers {
    all: Vec<u8>,
    /// Those written by the interpreter's own handler, which no other loop has passed on.
    new: Vec<u8>,
}

/// Reads the numbers of signals that have arrived, and runs the Python-level handlers first, as the interpreter would.
pub(crate) fn deliver(py: Python<'_>, this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    // An exception of a handler leaves the numbers in the pipe for the next run.
    check_signals(py)?;
    let (hands_on, own) =
        this.get().registry.with(py, |registry| (registry.hands_signals_on, registry.wakeup.unwrap_or(-1)));
    let handlers = if hands_on { Some(this.getattr(name!("_signal_handlers"))?) } else { None };
    let numbers = read(py, this.get())?;
    if let Some(handlers) = handlers {
        let is_claimed = |number: &u8| handlers.contains(*number).unwrap_or(false);
        let claimed: Vec<u8> = numbers.new.iter().copied().filter(is_claimed).collect();
        owners::hand_on(own, &numbers.new, |number| claimed.contains(&number));
    }
    if !numbers.all.is_empty() {
        // By a callback, as asyncio reads its pipe, so that a handler runs in the same turn as there.
        let process = this.getattr(name!("_process_self_data"))?;
        let numbers = make::bytes(py, &numbers.all)?.into_any();
        schedule(this, process.as_borrowed(), &[numbers.as_borrowed()], None)?;
    }
    Ok(())
}

/// Reads the numbers that the interpreter's own handler has written.
pub(super) fn read_new(py: Python<'_>, state: &EventLoop) -> PyResult<Vec<u8>> {
    read(py, state).map(|numbers| numbers.new)
}

/// Reads the same from a pipe that no loop has any more.
pub(super) fn new_in(pipe: &SignalPipe) -> PyResult<Vec<u8>> {
    read_pipe(pipe).map(|numbers| numbers.new).map_err(|error| os_error(&error))
}

fn read(py: Python<'_>, state: &EventLoop) -> PyResult<Numbers> {
    let numbers = state.registry.with(py, |registry| registry.signals.as_ref().map(read_pipe));
    numbers.transpose().map(Option::unwrap_or_default).map_err(|error| os_error(&error))
}

fn read_pipe(pipe: &SignalPipe) -> io::Result<Numbers> {
    let mut numbers = Numbers::default();
    pipe.drain(|number| {
        numbers.all.push(number & !HANDED_ON);
        if number & HANDED_ON == 0 {
            numbers.new.push(number);
        }
    })?;
    Ok(numbers)
}
