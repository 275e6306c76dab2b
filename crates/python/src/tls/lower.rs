//! What the transport below calls: the methods of its protocol.

use pyo3::exceptions::{PyConnectionResetError, PyException};
use pyo3::prelude::*;
use stream::Phase;

use super::below::Below;
use super::failure::wake;
use super::state::Tls;
use super::timer::{cancel_timer, set_timer};
use super::{goodbye, handshake, input, write};
use crate::ffi::constants::none;
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::loop_state::Modes;
use crate::name;
use crate::transport::{owe_end, schedule};

/// Takes the transport below, and begins.
pub(super) fn connection_made(tls: This<'_, Tls>, transport: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let owner = tls.owner.bind(py);
    let (below, is_closing, before) = tls.inner.with(py, |inner| {
        let below = Below::new(transport);
        let before = inner.below.replace(below.clone_ref(py));
        (below, inner.state.is_closing(), before)
    });
    drop(before);
    if is_closing {
        // It was closed before it had a connection.
        return below.call(py, name!("abort")).map(drop);
    }
    if owner.get().modes.any(Modes::DEBUG) {
        let began: f64 = owner.call_method0(name!("time"))?.extract()?;
        tls.inner.with(py, |inner| inner.handshake_began = began);
        owner.get().imports.hooks.log_handshake(py, tls.object(), none(py))?;
    }
    set_timer(tls, tls.handshake_timeout, name!("_check_handshake_timeout"))?;
    let kept = tls.inner.with(py, |inner| {
        inner.state.advance(Phase::Handshake);
        std::mem::take(&mut inner.incoming)
    });
    match &kept[..] {
        // The client speaks first.
        [] if tls.is_server => Ok(()),
        [] => handshake::advance(tls, &mut &[][..]).map(drop),
        kept => input::received(tls, kept),
    }
}

/// Handles the end of the peer's side of the transport below. Returns whether that one stays open.
pub(super) fn eof_received(tls: This<'_, Tls>) -> Result<bool, ErrorSet> {
    let py = tls.py();
    let (phase, is_paused) = tls.inner.with(py, |inner| {
        inner.state.peer_ended();
        (inner.state.phase(), inner.state.is_paused())
    });
    if tls.owner.get().modes.any(Modes::DEBUG) {
        tls.owner.get().imports.hooks.log_end_of_peer(py, tls.object())?;
    }
    let handled = match phase {
        Phase::Handshake => {
            let error = new_error::<PyConnectionResetError>("");
            handshake::fail(tls, error)
        }
        Phase::Open => {
            tls.inner.with(py, |inner| inner.state.advance(Phase::Flushing));
            if is_paused {
                return Ok(true);
            }
            input::resume(tls)
        }
        Phase::Flushing => {
            let sent = write::send(tls, true);
            tls.inner.with(py, |inner| inner.state.advance(Phase::Shutdown));
            sent.and_then(|()| goodbye::shut_down(tls, &mut &[][..]))
        }
        Phase::Shutdown => goodbye::shut_down(tls, &mut &[][..]),
        Phase::Unconnected | Phase::Closed => Ok(()),
    };
    let Err(raised) = handled else { return Ok(false) };
    let error = raised.take(py);
    if error.is_instance_of::<PyException>(py)
        && let Some(below) = tls.below(py)
    {
        below.call(py, name!("close"))?;
    }
    Err(error.into())
}

/// Ends everything, after the transport below has.
pub(super) fn connection_lost(tls: This<'_, Tls>, error: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let (is_due, is_upgrading, released) = tls.inner.with(py, |inner| {
        let is_upgrading = inner.waiter.is_some() && inner.state.was_made();
        let is_due = inner.state.lose();
        inner.queue.clear();
        inner.incoming = Vec::new();
        let protocol = if is_due { None } else { inner.protocol.take() };
        let below = inner.below.take();
        (is_due, is_upgrading, (protocol, below, inner.take_unneeded()))
    });
    drop(released);
    let told = if is_due { schedule_end(tls, error) } else { Ok(()) };
    let given = if !error.is_none() {
        Some(PyErr::from_value(error.to_owned()))
    } else if is_upgrading {
        // asyncio's start_tls() returns None, as if there were a connection.
        Some(new_error::<PyConnectionResetError>("Connection lost during the SSL handshake"))
    } else {
        None
    };
    let woken = and_also(py, told, || wake(tls, given.as_ref()));
    and_also(py, woken, || cancel_timer(tls))
}

/// Schedules `connection_lost` of the protocol, for an exception or None. If there is no memory for it the loop tries
/// again at the end of each turn.
pub(crate) fn schedule_end(tls: This<'_, Tls>, error: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let Some(protocol) = tls.protocol(py) else { return Ok(()) };
    let owner = tls.owner.bind(py);
    let scheduled = protocol
        .getattr(name!("connection_lost"))
        .map_err(ErrorSet::from)
        .and_then(|method| schedule(owner, method.as_borrowed(), &[error], None));
    match scheduled {
        Ok(()) => {
            let told = tls.inner.with(py, |inner| inner.protocol.take());
            drop(told);
            Ok(())
        }
        Err(raised) => owe_end(owner.get(), tls.object(), error, raised.take(py)),
    }
}

/// The transport below asks for a pause of writing.
pub(super) fn pause_writing(tls: This<'_, Tls>) {
    tls.inner.with(tls.py(), |inner| inner.state.set_blocked(true));
}

/// The transport below has room again.
pub(super) fn resume_writing(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    tls.inner.with(tls.py(), |inner| inner.state.set_blocked(false));
    write::send_or_fail(tls)
}
