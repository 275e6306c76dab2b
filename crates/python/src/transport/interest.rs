//! The events that the kernel is asked for on behalf of a transport, and the owner of the transport meanwhile.
//!
//! The modules of the transports handle the events.

use std::io;

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use reactor::{Interest, Token};

use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;

/// Converts the interest of a state to the kernel's.
#[inline(always)]
pub(crate) fn interest_of(wanted: stream::Interest) -> Interest {
    let mut interest = Interest::NONE;
    if wanted.readable {
        interest = interest.with(Interest::READABLE);
    }
    if wanted.writable {
        interest = interest.with(Interest::WRITABLE);
    }
    interest
}

/// Changes the events that the kernel is asked for on behalf of a transport. A transport without interest is referenced
/// only by its user, so that it can become garbage.
pub(crate) fn ask_kernel(
    owner: &EventLoop,
    transport: Borrowed<'_>,
    kind: SourceKind,
    token: Token,
    wanted: Interest,
) -> Result<io::Result<()>, ErrorSet> {
    let transport_object = transport.to_owned();
    let weak = if wanted.is_empty() { PyWeakrefReference::new(&transport_object).ok() } else { None };
    // Without memory for the weak reference the object is held until the next change: a decision of the state, such as
    // the end of the transport, must not be left half done.
    let object = weak.map_or_else(|| transport_object.clone(), |weak| weak.into_any()).into();
    let (held, told) =
        owner.registry.with(transport.py(), |registry| registry.ask(kind, token, wanted, object));
    drop(held);
    // Not thread-safe by asyncio's rules, but a write from another thread for which the kernel has no room continues
    // there.
    owner.wake_if_elsewhere()?;
    Ok(told)
}

/// Returns the transport in the table of descriptors, which is a weak reference while the kernel is asked for nothing.
pub(crate) fn alive(held: Bound<'_, PyAny>) -> Option<Bound<'_, PyAny>> {
    match held.cast::<PyWeakrefReference>() {
        Ok(weak) => weak.upgrade(),
        Err(_) => Some(held),
    }
}
