//! The handshake, up to `connection_made` of the protocol.

use pyo3::exceptions::PyConnectionAbortedError;
use pyo3::prelude::*;
use stream::Phase;

use super::memory::Names;
use super::state::{Tls, keep, with_engine};
use super::timer::cancel_timer;
use super::{failure, write};
use crate::ffi::call::call_method;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::openssl::Outcome;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::loop_state::Modes;
use crate::name;

/// Takes a step with what the peer has sent. Returns whether the handshake is over: then the rest of it is kept.
pub(super) fn advance(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<bool, ErrorSet> {
    let py = tls.py();
    let Some(outcome) = with_engine(tls, |engine| engine.handshake(py, input)) else { return Ok(false) };
    match outcome {
        Ok(Outcome::Moved(_)) => {
            keep(tls, input)?;
            complete(tls).map(|()| true)
        }
        Ok(_) => write::send_output(tls).map(|()| false),
        Err(raised) => {
            let error = raised.take(py);
            if error.is_instance(py, Names::of(py)?.ssl_error.bind(py)) {
                fail(tls, error).map(|()| false)
            } else {
                Err(error.into())
            }
        }
    }
}

/// Ends a handshake that succeeded: the protocol has a connection, and the caller that waits is woken.
fn complete(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    cancel_timer(tls)?;
    if !tls.inner.with(py, |inner| inner.agree()) {
        // A callback of the context has aborted the connection.
        return Ok(());
    }
    let owner = tls.owner.bind(py);
    if owner.get().modes.any(Modes::DEBUG) {
        let began = tls.inner.with(py, |inner| inner.handshake_began);
        let now: f64 = owner.call_method0(name!("time"))?.extract()?;
        owner.get().imports.hooks.log_handshake(py, tls.object(), make::float(py, now - began)?)?;
    }
    // The peer may wait for the end of our side before it sends anything. What it has sent already is delivered first: if
    // a reset is behind that, sending fails.
    let has_input = with_engine(tls, |engine| engine.has_input()).unwrap_or_default();
    if !has_input && tls.inner.with(py, |inner| inner.incoming.is_empty()) {
        write::send_output(tls)?;
    }
    if tls.inner.with(py, |inner| inner.state.tell_made())
        && let Some(protocol) = tls.protocol(py)
    {
        call_method(protocol.as_borrowed(), name!("connection_made"), &[tls.object()])?;
    }
    failure::wake(tls, None)?;
    write::flush(tls)
}

/// Ends a handshake that failed. The alert that OpenSSL has for the peer is not sent, as in asyncio.
pub(super) fn fail(tls: This<'_, Tls>, error: PyErr) -> Result<(), ErrorSet> {
    let py = tls.py();
    cancel_timer(tls)?;
    tls.inner.with(py, |inner| inner.state.advance(Phase::Closed));
    let is_certificate = error.value(py).getattr_opt(name!("verify_code"))?.is_some();
    let message = if is_certificate {
        "SSL handshake failed on verifying the certificate"
    } else {
        "SSL handshake failed"
    };
    failure::fail(tls, &error, message)?;
    failure::wake(tls, Some(&error))
}

/// Called by the loop when the time for the handshake is over.
pub(super) fn check_timeout(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if tls.phase(py) != Phase::Handshake {
        return Ok(());
    }
    let seconds = make::float(py, tls.handshake_timeout)?;
    let text = format!("SSL handshake is taking longer than {seconds} seconds: aborting the connection");
    let error = new_error::<PyConnectionAbortedError>(text);
    let is_over = match tls.below(py) {
        Some(below) => below.is_closing(py)?,
        None => true,
    };
    let failed = failure::fail(tls, &error, "Fatal error on transport");
    if !is_over {
        return failed;
    }
    // The transport below was closed before it had this protocol, which it may never tell of the end.
    tls.inner.with(py, |inner| {
        inner.state.close();
        inner.state.advance(Phase::Closed)
    });
    and_also(py, failed, || failure::wake(tls, Some(&error)))
}
