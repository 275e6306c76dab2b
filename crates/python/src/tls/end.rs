//! The methods that end a transport.

use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;
use stream::Phase;

use super::state::Tls;
use super::{goodbye, write};
use crate::ffi::constants::none;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::runs_elsewhere;

/// Implements `transport.close()`. A second call lets go of the context once the connection is lost, as in asyncio.
pub(crate) fn close(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let (is_first, unneeded) = tls.inner.with(py, |inner| {
        let is_first = inner.state.close();
        inner.is_done_with |= !is_first;
        (is_first, inner.take_unneeded())
    });
    drop(unneeded);
    if !is_first {
        return Ok(());
    }
    if runs_elsewhere(tls.owner.get()) {
        return write::call_in_loop(tls, name!("_begin_end"), &[]);
    }
    begin_end(tls)
}

/// Begins the end of a transport that was closed.
pub(super) fn begin_end(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    match tls.phase(tls.py()) {
        Phase::Handshake => abort(tls, None),
        // The peer has ended while reading was paused: nothing else would go on with that.
        Phase::Flushing => goodbye::flush_kept(tls),
        _ => goodbye::start(tls),
    }
}

/// Implements `transport.abort()`, and `_force_close(exc)`. What was written in this turn is still sent if there is room.
pub(super) fn abort(tls: This<'_, Tls>, error: Option<&PyErr>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if runs_elsewhere(tls.owner.get()) {
        tls.inner.with(py, |inner| inner.state.close());
        let error = error.map_or_else(|| none(py), |error| error.value(py).clone().into_any());
        return write::call_in_loop(tls, name!("_force_close"), &[error.as_borrowed()]);
    }
    write::send_or_fail(tls)?;
    tls.inner.with(py, |inner| {
        inner.state.close();
        // The handshake's caller is told by `connection_lost`.
        inner.state.advance(Phase::Closed)
    });
    match tls.below(py) {
        Some(below) => below.force_close(py, error),
        None => Ok(()),
    }
}

/// Implements `__del__`: warns of a transport that is garbage and was not closed.
pub(super) fn finalize(tls: This<'_, Tls>) -> PyResult<()> {
    let py = tls.py();
    let is_open = tls.inner.with(py, |inner| inner.state.close());
    if !is_open {
        return Ok(());
    }
    let category = py.get_type::<PyResourceWarning>();
    let hooks = &tls.owner.get().imports.hooks;
    let text = Text("unclosed transport <vitok._native.SSLTransport object>");
    hooks.warn_of_resource(py, text, category, tls.object()).map(drop)
}
