//! What the kernel is asked for on behalf of a transport, and who holds the transport meanwhile.
//!
//! It knows nothing of what a transport does with its events.

use std::io;

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use reactor::{Interest, Token};

use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;

/// What a state asks the kernel for, in the kernel's words.
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

/// Asks the kernel for something else on behalf of a transport. A transport that asks for nothing is its user's alone, so
/// that it can become garbage.
pub(crate) fn ask_kernel(
    owner: &EventLoop,
    transport: Borrowed<'_>,
    kind: SourceKind,
    token: Token,
    wanted: Interest,
) -> Result<io::Result<()>, ErrorSet> {
    let transport_object = transport.to_owned();
    let weak = if wanted.is_empty() { PyWeakrefReference::new(&transport_object).ok() } else { None };
    // Without memory for the weak reference it is held until something changes: what the state has decided, such as the end
    // of the transport, must not be left half done.
    let object = weak.map_or_else(|| transport_object.clone(), |weak| weak.into_any()).into();
    let (held, told) =
        owner.registry.with(transport.py(), |registry| registry.ask(kind, token, wanted, object));
    drop(held);
    // Not thread-safe by asyncio's rules, but a write from another thread that the kernel has no room for goes on there.
    owner.wake_if_elsewhere()?;
    Ok(told)
}

/// The transport behind what the table of descriptors holds, which is a weak reference while the kernel is asked for nothing.
pub(crate) fn alive(held: Bound<'_, PyAny>) -> Option<Bound<'_, PyAny>> {
    match held.cast::<PyWeakrefReference>() {
        Ok(weak) => weak.upgrade(),
        Err(_) => Some(held),
    }
}
