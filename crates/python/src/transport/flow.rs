//! Flow control: a protocol's being paused while too much waits to be written, and the marks for that.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stream::Flow;

use super::telling::report_failure;
use crate::ffi::answer::truth;
use crate::ffi::arguments::named;
use crate::ffi::method::{Argument, Call};
use crate::ffi::native::{Native, value_of};
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::protocol::Callee;

/// A transport whose protocol is paused while too much waits to be written.
pub(crate) trait FlowControlled: Native {
    /// Runs a closure on its marks.
    fn flow<R>(&self, py: Python<'_>, body: impl FnOnce(&mut Flow) -> R) -> R;
}

/// `transport.set_write_buffer_limits(high=None, low=None)`, but for telling the protocol.
pub(crate) fn set_limits<T: FlowControlled>(call: &Call<'_>) -> Result<(), Raised> {
    let arguments = named(call, "set_write_buffer_limits", &["high", "low"])?;
    let number = |place: usize| -> PyResult<Option<i64>> {
        match arguments[place].filter(|value| !value.is_none()) {
            None => Ok(None),
            Some(value) => value.extract::<i64>().map(Some),
        }
    };
    let (high, low) = (number(0)?, number(1)?);
    let set = value_of::<T>(call.receiver()).flow(call.py, |flow| flow.set_limits(high, low));
    Ok(set.map_err(|refused| PyValueError::new_err(refused.to_string()))?)
}

/// `transport.get_write_buffer_limits()`.
pub(crate) fn limits<T: FlowControlled>(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits()).into_pyobject(py)?.into_any())
}

/// `transport._protocol_paused`.
pub(crate) fn protocol_paused<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let paused = value_of::<T>(transport).flow(py, |flow| flow.is_paused());
    Ok(truth(py, paused))
}

/// `transport._high_water`.
pub(crate) fn high_water<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits().1).into_pyobject(py)?.into_any())
}

/// `transport._low_water`.
pub(crate) fn low_water<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits().0).into_pyobject(py)?.into_any())
}

/// Tells a protocol that it may write again.
pub(crate) fn resume_writing(
    owner: &Bound<'_, EventLoop>,
    callee: &Callee<'_>,
    transport: Argument<'_>,
) -> Result<(), Raised> {
    let told = callee.call(&owner.get().imports.names.protocol.resume_writing, &[]);
    report_failure(owner, callee, transport, told, "protocol.resume_writing() failed")
}

/// Tells a protocol not to write for a while. It is called from within its own call, in whatever context that has.
pub(crate) fn pause_writing(
    owner: &Bound<'_, EventLoop>,
    callee: &Callee<'_>,
    transport: Argument<'_>,
) -> Result<(), Raised> {
    let told = callee.call_here(&owner.get().imports.names.protocol.pause_writing);
    report_failure(owner, callee, transport, told, "protocol.pause_writing() failed")
}
