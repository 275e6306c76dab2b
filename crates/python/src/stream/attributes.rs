//! The private attributes of `vitok._native.SocketTransport` that asyncio's own code, CPython's tests and libraries look at.

use pyo3::prelude::*;

use super::{Inner, Socket, Stream, info};
use crate::ffi::answer::{none, truth};
use crate::ffi::getter::Getter;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::getter;
use crate::transport::{high_water, low_water, protocol_paused};

pub(super) fn getters() -> Vec<Getter> {
    vec![
        getter!("_sock", sock),
        getter!("_sock_fd", sock_fd),
        getter!("_loop", owner),
        getter!("_server", server),
        getter!("_protocol", protocol_attribute),
        getter!("_extra", extra_attribute),
        getter!("_protocol_paused", protocol_paused::<Stream>),
        getter!("_high_water", high_water::<Stream>),
        getter!("_low_water", low_water::<Stream>),
        getter!("_paused", paused),
        getter!("_closing", closing),
        getter!("_eof", eof),
    ]
}

/// What a closure finds in the changing part of a transport. It calls nothing of Python's.
pub(super) fn ask<R>(transport: Argument<'_>, question: impl FnOnce(&mut Inner) -> R) -> R {
    value_of::<Stream>(transport).inner.with(transport.py(), question)
}

fn sock(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(info::socket_object(transport)?.unwrap_or_else(|| none(transport.py())))
}

fn sock_fd(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::integer(transport.py(), i64::from(ask(transport, |inner| inner.number)))?)
}

fn owner(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let is_closed = ask(transport, |inner| matches!(inner.socket, Socket::Closed));
    // asyncio's transports let go of their loop at the end, and code asks for that.
    Ok(if is_closed { none(py) } else { value_of::<Stream>(transport).owner.bind(py).clone().into_any() })
}

fn server(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let server = ask(transport, |inner| inner.server.as_ref().map(|server| server.clone_ref(py)));
    Ok(server.map_or_else(|| none(py), |server| server.into_bound(py)))
}

pub(super) fn protocol_attribute(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let protocol = ask(transport, |inner| inner.protocol.as_ref().map(|protocol| protocol.clone_ref(py)));
    Ok(protocol.map_or_else(|| none(py), |protocol| protocol.into_bound(py)))
}

fn extra_attribute(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    info::all(transport)
}

fn paused(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_paused())))
}

fn closing(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_closing())))
}

fn eof(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.has_ended_writing())))
}
