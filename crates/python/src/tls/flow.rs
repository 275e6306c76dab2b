//! Pausing and resuming, in both directions: the protocol for what it writes, the transport below for what it reads.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stream::{Change, Level};

use super::state::Tls;
use crate::ffi::call::call_method;
use crate::ffi::error::new_error;
use crate::ffi::method::Call;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{given_limits, report_failure, schedule};

/// Pauses or resumes the protocol, by the size of the queue.
#[inline]
pub(super) fn control_writing(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let change = tls.inner.with(py, |inner| {
        let length = inner.queue.len();
        inner.state.writing.note(length)
    });
    let (method, message) = match change {
        Change::Nothing => return Ok(()),
        Change::Pause => (name!("pause_writing"), "protocol.pause_writing() failed"),
        Change::Resume => (name!("resume_writing"), "protocol.resume_writing() failed"),
    };
    let Some(protocol) = tls.protocol(py) else { return Ok(()) };
    let told = call_method(protocol.as_borrowed(), method, &[]);
    report_failure(tls.owner.bind(py), &protocol, tls.object(), told, message)
}

/// Pauses or resumes the transport below, by the size of the ciphertext that is kept.
#[inline]
pub(super) fn control_reading(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let (change, below) = tls.inner.with(py, |inner| {
        let length = inner.incoming.len();
        let change = inner.state.reading.note(length);
        let below = match change {
            Change::Nothing => None,
            _ => inner.below.as_ref().map(|below| below.clone_ref(py)),
        };
        (change, below)
    });
    let Some(below) = below else { return Ok(()) };
    match change {
        Change::Nothing => Ok(()),
        Change::Pause => below.call(py, name!("pause_reading")).map(drop),
        Change::Resume => below.call(py, name!("resume_reading")).map(drop),
    }
}

/// Implements `transport.pause_reading()`.
pub(super) fn pause_reading(tls: This<'_, Tls>) {
    tls.inner.with(tls.py(), |inner| inner.state.set_paused(true));
}

/// Implements `transport.resume_reading()`: what was kept follows in the next turn.
pub(super) fn resume_reading(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if !tls.inner.with(py, |inner| inner.state.set_paused(false)) {
        return Ok(());
    }
    resume_later(tls)
}

/// Schedules the delivery of what was kept for the next turn.
pub(super) fn resume_later(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let resume = tls.object().getattr(name!("_resume_delivery"))?;
    schedule(tls.owner.bind(tls.py()), resume.as_borrowed(), &[], None)
}

/// Implements `set_write_buffer_limits` and `set_read_buffer_limits`.
pub(super) fn set_limits(
    call: &Call<'_, Tls>,
    method: &str,
    level: impl Fn(&mut stream::Tls) -> &mut Level,
) -> Result<(), ErrorSet> {
    let (high, low) = given_limits(call, method)?;
    let set = call.this().inner.with(call.py, |inner| level(&mut inner.state).set_limits(high, low));
    set.map_err(|refused| new_error::<PyValueError>(refused.to_string()).into())
}
