//! The error of debug mode for a call from another thread than the one that runs the loop.
//!
//! Without debug mode such a call is no error and breaks nothing here, but the loop may find its effect late. Which
//! calls are checked is decided where they are.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::ffi::error::new_error;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};

/// Refuses a thread that does not run the loop, in debug mode.
#[inline(always)]
pub(crate) fn refuse_in_debug(this: &EventLoop) -> Result<(), ErrorSet> {
    if this.modes.any(Modes::DEBUG) { Ok(check(this)?) } else { Ok(()) }
}

/// Refuses a thread that does not run the loop, while one does. asyncio's own check compares `threading.get_ident()`, a
/// function that gevent replaces by one that numbers greenlets.
#[cold]
pub(crate) fn check(this: &EventLoop) -> PyResult<()> {
    if this.is_running() && !this.is_own_thread() {
        let text = "Non-thread-safe operation invoked on an event loop other than the current one";
        return Err(new_error::<PyRuntimeError>(text));
    }
    Ok(())
}
