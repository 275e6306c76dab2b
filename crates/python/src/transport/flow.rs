//! Flow control: a protocol's being paused while too much waits to be written, and the marks for that.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stream::Flow;

use super::callbacks::report_failure;
use super::life::{Inner, Transport};
use crate::ffi::answer::truth;
use crate::ffi::arguments::named;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Argument, Call};
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// `transport.set_write_buffer_limits(high=None, low=None)`, but for telling the protocol.
pub(crate) fn set_limits<T: Transport>(call: &Call<'_>) -> Result<(), ErrorSet> {
    let arguments = named(call, "set_write_buffer_limits", &["high", "low"])?;
    let number = |place: usize| -> PyResult<Option<i64>> {
        match arguments[place].filter(|value| !value.is_none()) {
            None => Ok(None),
            Some(value) => value.extract::<i64>().map(Some),
        }
    };
    let (high, low) = (number(0)?, number(1)?);
    let set = flow_of::<T, _>(call.receiver(), |flow| flow.set_limits(high, low));
    Ok(set.map_err(|refused| new_error::<PyValueError>(refused.to_string()))?)
}

fn flow_of<T: Transport, R>(transport: Argument<'_>, question: impl FnOnce(&mut Flow) -> R) -> R {
    value_of::<T>(transport).inner().with(transport.py(), |inner| question(inner.parts().flow))
}

/// `transport.get_write_buffer_limits()`.
pub(crate) fn limits<T: Transport>(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = transport.py();
    let (low, high) = flow_of::<T, _>(transport, |flow| flow.limits());
    Ok(make::tuple(py, [make::count(py, low)?, make::count(py, high)?])?.into_any())
}

/// `transport._protocol_paused`.
pub(crate) fn protocol_paused<T: Transport>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let paused = flow_of::<T, _>(transport, |flow| flow.is_paused());
    Ok(truth(py, paused))
}

/// `transport._high_water`.
pub(crate) fn high_water<T: Transport>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(make::count(py, flow_of::<T, _>(transport, |flow| flow.limits().1))?)
}

/// `transport._low_water`.
pub(crate) fn low_water<T: Transport>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(make::count(py, flow_of::<T, _>(transport, |flow| flow.limits().0))?)
}

/// Something was sent: the protocol may go on writing if little enough is left.
pub(crate) fn resume_if_low<T: Transport>(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let this = value_of::<T>(transport);
    let is_due = this.inner().with(py, |inner| {
        let parts = inner.parts();
        parts.flow.shrunk(parts.waiting)
    });
    let Some(callee) = is_due.then(|| this.callee(py)).flatten() else { return Ok(()) };
    let owner = this.owner().bind(py);
    let told = callee.call(name!("resume_writing"), &[]);
    report_failure(owner, &callee, transport, told, "protocol.resume_writing() failed")
}

/// Tells the protocol to pause if what waits is above the high mark. It is called from within its own call, in whatever
/// context that has.
pub(crate) fn pause_if_high<T: Transport>(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let this = value_of::<T>(transport);
    let is_due = this.inner().with(py, |inner| {
        let parts = inner.parts();
        parts.flow.grown(parts.waiting)
    });
    let Some(callee) = is_due.then(|| this.callee(py)).flatten() else { return Ok(()) };
    let owner = this.owner().bind(py);
    let told = callee.call_here(name!("pause_writing"));
    report_failure(owner, &callee, transport, told, "protocol.pause_writing() failed")
}
