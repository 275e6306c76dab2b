//! Received ciphertext: what it is for, by the phase of the connection, and what is kept of it until it can be used.

use stream::Phase;

use super::read::{self, Delivered};
use super::state::{Accepted, Tls, keep};
use super::{flow, goodbye, handshake};
use crate::ffi::error::no_memory;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also};

/// Takes bytes from the transport below.
#[inline]
pub(super) fn received(tls: This<'_, Tls>, bytes: &[u8]) -> Result<(), ErrorSet> {
    let py = tls.py();
    let kept = tls.inner.with(py, |inner| inner.accept(bytes)).map_err(|_| no_memory())?;
    match kept {
        Accepted::Now => use_all(tls, bytes),
        Accepted::Behind(kept) => use_all(tls, &kept),
        Accepted::Later => Ok(()),
    }
}

/// Continues with what was kept, after a pause.
pub(super) fn resume(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    received(tls, &[])
}

/// Uses ciphertext, and keeps what is left of it.
#[inline]
fn use_all(tls: This<'_, Tls>, bytes: &[u8]) -> Result<(), ErrorSet> {
    let py = tls.py();
    let mut input = bytes;
    let used = match tls.phase(py) {
        Phase::Unconnected | Phase::Closed => Ok(false),
        Phase::Handshake => handshake::advance(tls, &mut input),
        Phase::Open => deliver(tls, &mut input),
        Phase::Flushing => goodbye::flush(tls, &mut input).map(|()| false),
        Phase::Shutdown => goodbye::shut_down(tls, &mut input).map(|()| false),
    };
    let goes_on = matches!(used, Ok(true));
    let used = used.map(drop);
    if input.is_empty() {
        return if goes_on { resume(tls) } else { used };
    }
    and_also(py, used, || {
        keep(tls, &mut input)?;
        if goes_on { resume(tls) } else { flow::control_reading(tls) }
    })
}

/// Delivers what has arrived. Returns whether there may be more.
#[inline(always)]
fn deliver(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<bool, ErrorSet> {
    match read::deliver(tls, input)? {
        Delivered::All => Ok(false),
        Delivered::Some => Ok(true),
        Delivered::Closed => goodbye::start(tls).map(|()| false),
    }
}
