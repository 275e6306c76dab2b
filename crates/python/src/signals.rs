//! The process's wake-up descriptor of signals: taken by the loop, read by the loop, given back to whose it was.
//!
//! CPython's C-level handler writes each signal's number to that one descriptor. A loop in the main thread holds it while
//! it runs, so that a signal ends its sleep at once, and for as long as it has handlers of its own. What a number means
//! is asyncio's `_process_self_data`, inherited.

use std::os::fd::RawFd;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reactor::{Interest, SignalPipe, Token, Trigger, file_behind};

use crate::error::os_error;
use crate::ffi::interpreter::check_signals;
use crate::ffi::make;
use crate::ffi::raised::Raised;
use crate::kernel::{Kernel, Previous};
use crate::loop_state::{EventLoop, Modes};
use crate::name;

/// The token of the pipe that signal numbers come through. The index is one that no table of descriptors reaches.
pub(crate) const SIGNALS: Token = Token::new(u32::MAX - 1, 0);

/// Takes the wake-up descriptor if this thread may and the loop does not have it.
pub(crate) fn hold(py: Python<'_>, this: &EventLoop) -> PyResult<()> {
    if this.modes.any(Modes::CLOSED) || !in_main_thread(py, this)? {
        return Ok(());
    }
    let descriptor = this
        .kernel
        .with(py, Kernel::signal_descriptor)
        .map_err(|error| os_error(&error, "the pipe that signals come through"))?;
    let Some(before) = swap(py, this, descriptor)? else {
        return Ok(());
    };
    if before == descriptor {
        return Ok(());
    }
    let file = file_behind(before);
    this.kernel.with(py, |kernel| {
        kernel.wakeup_before.get_or_insert(Previous { descriptor: before, file });
    });
    Ok(())
}

/// Gives the wake-up descriptor back, unless somebody else has taken it since.
pub(crate) fn release(py: Python<'_>, this: &EventLoop) -> PyResult<()> {
    let held = this.kernel.with(py, |kernel| {
        let ours = kernel.signals.as_ref().map(SignalPipe::write_fd);
        ours.zip(kernel.wakeup_before.take())
    });
    let Some((ours, before)) = held else {
        return Ok(());
    };
    // The number may have been closed meanwhile, and stand for a file that wants no signal numbers.
    let is_same = file_behind(before.descriptor) == before.file;
    match swap(py, this, if is_same { before.descriptor } else { -1 })? {
        // -1 is what asyncio leaves when the last of its handlers goes.
        Some(current) if current != ours && current != -1 => swap(py, this, current).map(drop),
        _ => Ok(()),
    }
}

/// Reads the numbers of signals that have arrived, and runs the Python-level handlers first, as the interpreter would.
pub(crate) fn deliver(py: Python<'_>, this: &Bound<'_, EventLoop>) -> Result<(), Raised> {
    // An exception of a handler leaves the numbers in the pipe, for the next run to find.
    check_signals(py)?;
    let mut numbers = Vec::new();
    let read = this.get().kernel.with(py, |kernel| match &kernel.signals {
        Some(pipe) => pipe.drain(|number| numbers.push(number)),
        None => Ok(()),
    });
    read.map_err(|error| os_error(&error, "reading the numbers of signals"))?;
    if !numbers.is_empty() {
        this.call_method1(name!("_process_self_data"), (make::bytes(py, &numbers)?,))?;
    }
    Ok(())
}

/// Hands the wake-up descriptor to `descriptor` and says whose it was; `None` where this thread may not.
///
/// No handler of a signal can run within: `signal.set_wakeup_fd` is a C function, and so is what it calls.
fn swap(py: Python<'_>, this: &EventLoop, descriptor: i32) -> PyResult<Option<i32>> {
    let signal = this.imports.thread_calls.signal.bind(py);
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

/// What a new kernel object has to be told of the pipe.
pub(crate) fn registration(pipe: &SignalPipe) -> (RawFd, Token, Interest, Trigger) {
    (pipe.read_fd(), SIGNALS, Interest::READABLE, Trigger::Level)
}

fn in_main_thread(py: Python<'_>, this: &EventLoop) -> PyResult<bool> {
    this.imports.hooks.bind(py).call_method0(name!("in_main_thread"))?.extract()
}

impl Kernel {
    /// The writing end of the signal pipe, which is made and watched at the first call.
    pub(crate) fn signal_descriptor(&mut self) -> std::io::Result<i32> {
        if let Some(pipe) = &self.signals {
            return Ok(pipe.write_fd());
        }
        let pipe = SignalPipe::new()?;
        if let Some(poller) = self.poller.as_mut() {
            poller.register(pipe.read_fd(), SIGNALS, Interest::READABLE, Trigger::Level)?;
        }
        let descriptor = pipe.write_fd();
        self.signals = Some(pipe);
        Ok(descriptor)
    }
}
