//! Functions for the process of a server, used by `vitok.http` and `vitok run`: non-blocking log lines, and the end of
//! the process at a set time or by a signal.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use reactor::{Exit, Lines};

use crate::error::os_error;
use crate::ffi::interpreter::call_after_finalization;

/// Lines for a descriptor, written by a thread that needs no interpreter.
#[pyclass(frozen, immutable_type, module = "vitok._native")]
pub(crate) struct LineWriter {
    lines: Lines,
}

#[pymethods]
impl LineWriter {
    #[new]
    fn new(descriptor: RawFd) -> Self {
        Self { lines: Lines::new(descriptor) }
    }

    /// Write whole lines, or count them as lost if too many wait already.
    fn write(&self, lines: &[u8]) {
        self.lines.write(lines);
    }

    /// Return the number of lost lines, the bytes that wait, and the error number of the last write or 0.
    #[getter]
    fn progress(&self) -> (u64, usize, i32) {
        let progress = self.lines.progress();
        (progress.lost, progress.waiting, progress.errno)
    }
}

/// End the process after this many seconds with this exit code, or by this signal if it is negative, and write a line
/// before.
#[pyfunction]
fn exit_after(seconds: f64, code: i32, message: Vec<u8>) -> PyResult<()> {
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let exit = if code < 0 { Exit::Signal(-code) } else { Exit::Code(code) };
    reactor::exit_after(time, exit, message).map_err(|error| os_error(&error))
}

/// The signal of [`end_by_signal`]; 0 before its first call.
static LAST_SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Make the process end by this signal once the interpreter has ended, whatever the exit code is.
#[pyfunction]
fn end_by_signal(signal: i32) -> PyResult<()> {
    if LAST_SIGNAL.swap(signal, Ordering::Relaxed) == 0 {
        call_after_finalization(end)?;
    }
    Ok(())
}

extern "C" fn end() {
    reactor::end_process(Exit::Signal(LAST_SIGNAL.load(Ordering::Relaxed)))
}

/// Adds them to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LineWriter>()?;
    module.add_function(wrap_pyfunction!(end_by_signal, module)?)?;
    module.add_function(wrap_pyfunction!(exit_after, module)?)
}
