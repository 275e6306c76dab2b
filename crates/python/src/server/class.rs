//! `vitok._native.HttpProtocol` as Python sees it: an `asyncio.Protocol` for one HTTP connection.

use pyo3::prelude::*;
use pyo3::types::PyType;

use wire::{Input, Shutdown, Wire as _};

use super::alpn;
use super::connection::Protocol;
use super::driver;
use super::ticks;
use super::transport::AnyTransport;
use crate::ffi::arguments::{Call, one};
use crate::ffi::bytes::Bytes;
use crate::ffi::class::Definition;
use crate::ffi::constants::{none, truth};
use crate::ffi::getter::repr;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::name;
use crate::transport::unchanging;

/// Creates the class, adds it to the module, and returns it.
pub(super) fn make_class<'py>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyType>> {
    let py = module.py();
    let base = imports::class(py, "asyncio.protocols", "Protocol")?;
    let doc = "One HTTP connection of an HttpServer: asyncio.Protocol, native.";
    let definition = Definition {
        bases: vec![base],
        methods: methods(),
        repr: Some(repr(representation)),
        ..Definition::new("HttpProtocol", doc)
    };
    definition.make(module, Protocol::class())
}

fn methods() -> Vec<Method<Protocol>> {
    let made = "A connection begins.";
    let close = "Close if idle, otherwise after the response in progress.";
    let writable = no_arguments(|protocol| feed(protocol, Input::Writable));
    let shutdown = no_arguments(|protocol| feed(protocol, Input::Shutdown(Shutdown::Graceful)));
    let resume = no_arguments(|protocol| feed(protocol, Input::Resume));
    vec![
        Method::new("connection_made", fastcall(connection_made), "($self, transport)", made),
        Method::new("data_received", fastcall(data_received), "($self, data)", "Some bytes have arrived."),
        Method::new("eof_received", no_arguments(eof_received), "($self)", "The peer has ended its side."),
        Method::new("connection_lost", fastcall(connection_lost), "($self, exc)", "The connection is gone."),
        Method::new("pause_writing", no_arguments(pause_writing), "($self)", "The peer does not read."),
        Method::new("resume_writing", writable, "($self)", "The peer reads again."),
        Method::new("shutdown", shutdown, "($self)", close),
        Method::new("_resume_input", resume, "($self)", "Process what waits."),
        Method::new("_turn_ends", no_arguments(turn_ends), "($self)", "Send a head that waits for content."),
    ]
}

fn feed<'py>(protocol: This<'py, Protocol>, input: Input<'_>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    driver::feed(protocol, input).map(|()| none(protocol.py()))
}

fn connection_made<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let protocol = call.this();
    let given = one(call, "connection_made", "transport")?;
    let transport = AnyTransport::new(given)?;
    let is_secure = transport.is_secure();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let is_refused = http_server.begin_connection(protocol.object());
    alpn::choose_version(protocol, &transport)?;
    let before = value.state.with(py, |state| state.transport.replace(transport));
    drop(before);
    // TLS has no half-closed connections.
    driver::feed(protocol, Input::Connected { ends_with_peer: is_secure })?;
    ticks::keep_ticking(value.http_server.bind(py))?;
    http_server.notify(py, name!("connection_begun"), (protocol, given))?;
    if is_refused {
        driver::feed(protocol, Input::Shutdown(Shutdown::Graceful))?;
    }
    Ok(none(py))
}

fn data_received<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let data: Bytes = unchanging(one(call, "data_received", "data")?)?;
    driver::take_bytes(call.this(), data.as_ref())?;
    Ok(none(call.py))
}

/// Returns whether the connection stays open: for outstanding responses, or as that of another protocol.
fn eof_received(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = protocol.py();
    driver::feed(protocol, Input::Eof)?;
    let stays = protocol.state.with(py, |state| state.wire.is_open() || state.transport.is_none());
    Ok(truth(py, stays))
}

fn connection_lost<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = one(call, "connection_lost", "exc")?;
    driver::lose(call.this(), !error.is_none())?;
    Ok(none(call.py))
}

fn pause_writing(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    driver::feed(protocol, Input::Full)?;
    // A transport that is asked may send, and ask for more, before it answers.
    feed(protocol, Input::Unsent(driver::unsent(protocol)?))
}

fn turn_ends(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    driver::turn_ends(protocol)?;
    Ok(none(protocol.py()))
}

fn representation(protocol: This<'_, Protocol>) -> PyResult<Bound<'_, PyAny>> {
    let py = protocol.py();
    let (life, number) = protocol.state.with(py, |state| {
        let life = match (state.wire.is_closed(), state.wire.is_answering()) {
            (true, _) => "closed",
            (false, true) => "answering",
            (false, false) => "idle",
        };
        (life, state.wire.latest().0)
    });
    let text = format!("<HttpProtocol {life} requests={number} at {:#x}>", protocol.object().as_ptr().addr());
    Ok(make::text(py, &text)?.into_any())
}
