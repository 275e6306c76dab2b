//! The timer of a phase: of the handshake, or of the goodbye.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::state::Tls;
use crate::ffi::call::{call_method, call_three};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Sets the timer of a phase: a method that the loop calls after so many seconds.
pub(super) fn set_timer(tls: This<'_, Tls>, seconds: f64, method: &Py<PyString>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let call_later = tls.owner.bind(py).getattr(name!("call_later"))?;
    let seconds = make::float(py, seconds)?;
    let function = tls.object().get_type().getattr(method)?;
    let arguments = [seconds.as_borrowed(), function.as_borrowed(), tls.object()];
    let timer = call_three(call_later.as_borrowed(), arguments)?.into();
    let before = tls.inner.with(py, |inner| inner.timer.replace(timer));
    cancel(py, before)
}

/// Cancels the timer of the phase that has ended.
pub(super) fn cancel_timer(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let timer = tls.inner.with(tls.py(), |inner| inner.timer.take());
    cancel(tls.py(), timer)
}

fn cancel(py: Python<'_>, timer: Option<Object>) -> Result<(), ErrorSet> {
    match timer {
        Some(timer) => call_method(timer.bind_borrowed(py), name!("cancel"), &[]).map(drop),
        None => Ok(()),
    }
}
