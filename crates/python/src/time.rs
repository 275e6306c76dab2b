//! The time of a loop: the clock's, or what a program has replaced `loop.time` by.

use pyo3::prelude::*;

use crate::ffi::interpreter::to_seconds;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::name;

/// Returns the clock's time in seconds.
#[inline(always)]
pub(crate) fn clock() -> f64 {
    reactor::seconds(reactor::monotonic_ns())
}

/// Returns the time that deadlines are compared with: the clock's, or that of a replaced `loop.time`.
#[inline(always)]
pub(crate) fn now(state: &EventLoop, this: This<'_, EventLoop>) -> Result<f64, ErrorSet> {
    if state.modes.any(Modes::OWN_TIME) {
        return to_seconds(this.object().call_method0(name!("time"))?.as_borrowed());
    }
    Ok(clock())
}
