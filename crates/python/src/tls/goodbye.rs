//! The goodbye of TLS: close_notify in both directions (RFC 8446, section 6.1).

use pyo3::prelude::*;
use stream::Phase;

use super::failure::{fail, fail_if_caught};
use super::memory::Names;
use super::read::{self, Delivered};
use super::state::{Tls, keep, with_engine};
use super::timer::{cancel_timer, set_timer};
use super::write;
use crate::ffi::name::Text;
use crate::ffi::openssl::Outcome;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;
use crate::transport::schedule;

/// Begins the goodbye. What was written before is sent first, and what has arrived is dealt with.
pub(super) fn start(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if tls.phase(py) != Phase::Open {
        return Ok(());
    }
    tls.inner.with(py, |inner| {
        inner.state.close();
        inner.state.advance(Phase::Flushing)
    });
    flush_kept(tls)
}

/// Deals with what was kept before the end, within the time for the goodbye.
pub(super) fn flush_kept(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    set_timer(tls, tls.shutdown_timeout, name!("_check_shutdown_timeout"))?;
    let kept = tls.inner.with(py, |inner| std::mem::take(&mut inner.incoming));
    let mut input = &kept[..];
    let flushed = flush(tls, &mut input);
    and_also(py, flushed, || keep(tls, &mut input))
}

/// Deals with what was received and written before the end, then says goodbye.
pub(super) fn flush(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<(), ErrorSet> {
    let py = tls.py();
    while read::deliver(tls, input)? == Delivered::Some {}
    if let Err(raised) = write::send(tls, true) {
        return fail_if_caught(tls, raised.take(py));
    }
    if tls
        .inner
        .with(py, |inner| inner.state.phase() == Phase::Flushing && inner.state.advance(Phase::Shutdown))
    {
        shut_down(tls, input)?;
    }
    Ok(())
}

/// Says goodbye, unless the peer has ended without that, and looks for the peer's.
pub(super) fn shut_down(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<(), ErrorSet> {
    let py = tls.py();
    let outcome = if tls.inner.with(py, |inner| inner.state.has_peer_ended()) {
        Some(Ok(Outcome::Moved(0)))
    } else {
        with_engine(tls, |engine| engine.shut_down(py, input))
    };
    let Some(outcome) = outcome else { return Ok(()) };
    match outcome {
        Ok(Outcome::Moved(_)) => {
            write::send_output(tls)?;
            read::call_eof_received(tls)?;
            complete(tls, None)
        }
        Ok(_) => write::send_output(tls),
        Err(raised) => {
            let error = raised.take(py);
            *input = &[];
            if error.is_instance(py, Names::of(py)?.ssl_error.bind(py)) {
                write::send_output(tls)?;
                complete(tls, Some(&error))
            } else {
                Err(error.into())
            }
        }
    }
}

/// Ends the goodbye: the transport below is closed, in the next turn unless there is an error.
fn complete(tls: This<'_, Tls>, error: Option<&PyErr>) -> Result<(), ErrorSet> {
    cancel_timer(tls)?;
    if let Some(error) = error {
        return fail(tls, error, "Fatal error on transport");
    }
    let py = tls.py();
    let Some(below) = tls.below(py) else { return Ok(()) };
    let close = below.object().bind(py).getattr(name!("close"))?;
    schedule(tls.owner.bind(py), close.as_borrowed(), &[], None)
}

/// Called by the loop when the time for the goodbye is over.
pub(super) fn check_timeout(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if !matches!(tls.phase(py), Phase::Flushing | Phase::Shutdown) {
        return Ok(());
    }
    let Some(below) = tls.below(py) else { return Ok(()) };
    let class = py.import(name!("asyncio.exceptions"))?.getattr(name!("TimeoutError"))?;
    let error = PyErr::from_value(class.call1((Text("SSL shutdown timed out"),))?);
    below.force_close(py, Some(&error))
}
