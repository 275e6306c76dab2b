//! Flow control: pausing a protocol while too many bytes wait to be written, and its marks.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::callbacks::report_failure;
use super::state::{Inner, Transport};
use crate::ffi::arguments::{Arguments, named};
use crate::ffi::error::new_error;
use crate::ffi::method::Call;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Implements `transport.set_write_buffer_limits(high=None, low=None)`. Gathered bytes are offered to the kernel first:
/// a protocol pauses only for bytes for which the kernel has no room.
pub(crate) fn set_limits<I: Inner>(call: &Call<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let (high, low) = given_limits(call, "set_write_buffer_limits")?;
    let transport = call.this();
    let set = transport.inner.with(call.py, |inner| inner.common().flow.set_limits(high, low));
    set.map_err(|refused| new_error::<PyValueError>(refused.to_string()))?;
    I::flush(transport)?;
    pause_if_high(transport)
}

/// Returns the arguments `high` and `low` of a method that sets marks.
pub(crate) fn given_limits(
    call: &Arguments<'_>,
    method: &str,
) -> Result<(Option<i64>, Option<i64>), ErrorSet> {
    let arguments = named(call, method, &["high", "low"])?;
    let number = |place: usize| -> PyResult<Option<i64>> {
        match arguments[place].filter(|value| !value.is_none()) {
            None => Ok(None),
            Some(value) => value.extract::<i64>().map(Some),
        }
    };
    Ok((number(0)?, number(1)?))
}

/// Resumes the protocol after a send, if few enough bytes are left.
pub(crate) fn resume_if_low<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let is_due = transport.inner.with(py, |inner| {
        let waiting = inner.waiting();
        inner.common().flow.shrunk(waiting)
    });
    let Some(callee) = is_due.then(|| transport.callee(py)).flatten() else { return Ok(()) };
    let owner = transport.owner.bind(py);
    let told = callee.call(name!("resume_writing"), &[]);
    report_failure(owner, &callee.protocol, transport.object(), told, "protocol.resume_writing() failed")
}

/// Pauses the protocol if the queue is above the high mark. It is called from within the protocol's own call, in any
/// context.
pub(crate) fn pause_if_high<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let is_due = transport.inner.with(py, |inner| {
        let waiting = inner.waiting();
        inner.common().flow.grown(waiting)
    });
    let Some(callee) = is_due.then(|| transport.callee(py)).flatten() else { return Ok(()) };
    let owner = transport.owner.bind(py);
    let told = callee.call_here(name!("pause_writing"));
    report_failure(owner, &callee.protocol, transport.object(), told, "protocol.pause_writing() failed")
}
