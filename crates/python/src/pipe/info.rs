//! What a transport says of itself: the representation, and the private attributes that libraries look at.

use pyo3::prelude::*;
use reactor::Interest;

use super::state::{Pipe, ask};
use crate::ffi::answer::{none, truth};
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::this::value_of;
use crate::loop_state::Modes;
use crate::registry::SourceKind;
use crate::transport::{Inner as _, polling, stage};

pub(super) fn representation(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(transport.py(), &represent(transport))?.into_any())
}

/// `<WritePipeTransport fd=7 idle bufsize=0>`, as asyncio writes it.
pub(super) fn represent(transport: Argument<'_>) -> String {
    let pipe = value_of::<Pipe>(transport);
    let is_reader = pipe.kind == SourceKind::ReadPipe;
    let has_poller = !pipe.owner.get().modes.any(Modes::CLOSED);
    ask(transport, |inner| {
        let name = if is_reader { "ReadPipeTransport" } else { "WritePipeTransport" };
        let parts = inner.parts();
        let own = if is_reader { Interest::READABLE } else { Interest::WRITABLE };
        let state = match (parts.is_closed, has_poller) {
            (true, _) => "closed",
            (false, false) => "open",
            (false, true) => polling(&parts, own),
        };
        let mut text = format!("<{name}{} fd={} {state}", stage(&parts), parts.number);
        if !is_reader && has_poller && !parts.is_closed {
            text += &format!(" bufsize={}", parts.waiting);
        }
        text + ">"
    })
}

pub(super) fn file(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let file = ask(transport, |inner| inner.file.as_ref().map(|file| file.clone_ref(py)));
    Ok(file.map_or_else(|| none(py), |file| file.into_bound(py)))
}

/// asyncio's own tests let go of a file that they have closed themselves, so that nobody warns of it.
pub(super) fn assign_file(transport: Argument<'_>, file: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let file = file.filter(|file| !file.is_none()).map(Object::from);
    let before = ask(transport, |inner| std::mem::replace(&mut inner.file, file));
    drop(before);
    Ok(())
}

pub(super) fn fileno(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::integer(transport.py(), i64::from(ask(transport, |inner| inner.descriptor)))?)
}

/// asyncio's transports let go of their loop at the end, and code asks for that.
pub(super) fn owner(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let is_closed = ask(transport, |inner| inner.file.is_none());
    Ok(if is_closed { none(py) } else { value_of::<Pipe>(transport).owner.bind(py).clone().into_any() })
}

pub(super) fn protocol_attribute(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let protocol = ask(transport, |inner| inner.protocol.as_ref().map(|protocol| protocol.clone_ref(py)));
    Ok(protocol.map_or_else(|| none(py), |protocol| protocol.into_bound(py)))
}

pub(super) fn extra_attribute(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(ask(transport, |inner| inner.extra.clone_ref(py)).into_bound(py))
}

pub(super) fn closing(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.end.state.is_closing())))
}

pub(super) fn paused(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.end.state.is_paused())))
}
