//! `vitok._native.HttpProtocol` as Python sees it: an `asyncio.Protocol` for one HTTP connection.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::awaitable;
use super::connection::Protocol;
use super::http_server::HttpServer;
use super::transport::Transport;
use super::{close, deadline, file, input, respond};
use crate::ffi::arguments::Call;
use crate::ffi::arguments::one;
use crate::ffi::bytes::Bytes;
use crate::ffi::class::Definition;
use crate::ffi::constants::{none, truth};
use crate::ffi::getter::repr;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::{Entry, Method, fastcall, no_arguments};
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

/// Creates a protocol for one connection of a server.
pub(super) fn make<'py>(http_server: &Bound<'py, HttpServer>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = http_server.py();
    Ok(Protocol::class().instance(py, Protocol::new(http_server))?.into_any())
}

fn methods() -> Vec<Method<Protocol>> {
    let method = |name, entry: Entry<Protocol>, signature: &str, doc| Method {
        name,
        entry,
        signature: signature.to_owned(),
        doc,
    };
    vec![
        method("connection_made", fastcall(connection_made), "($self, transport)", "A connection begins."),
        method("data_received", fastcall(data_received), "($self, data)", "Some bytes have arrived."),
        method("eof_received", no_arguments(eof_received), "($self)", "The peer has ended its side."),
        method("connection_lost", fastcall(connection_lost), "($self, exc)", "The connection is gone."),
        method("pause_writing", no_arguments(pause_writing), "($self)", "The peer does not read."),
        method("resume_writing", no_arguments(resume_writing), "($self)", "The peer reads again."),
        method(
            "shutdown",
            no_arguments(shutdown),
            "($self)",
            "Close if idle, otherwise after the response in progress.",
        ),
        method(
            "_resume_input",
            no_arguments(resume_input),
            "($self)",
            "Work off what has arrived meanwhile.",
        ),
        method("_turn_ends", no_arguments(turn_ends), "($self)", "Send a head that waits for content."),
        method(
            "_begin_file",
            fastcall(file::begin),
            "($self, number, count, more_body)",
            "Send the head and what stands before a file; whether the file is to be sent, and by which transport.",
        ),
        method(
            "_hold_file",
            fastcall(file::hold),
            "($self, task)",
            "Cancel this task when the connection ends; None: no other.",
        ),
        method("_file_goes_on", no_arguments(file_goes_on), "($self)", "The peer has read some of a file."),
        method(
            "_end_file",
            fastcall(file::end),
            "($self, number, more_body)",
            "A file has been sent: send what follows it.",
        ),
    ]
}

fn connection_made<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let protocol = call.this();
    let given = one(call, "connection_made", "transport")?;
    let transport = Transport::new(given)?;
    let value = protocol.value();
    let http_server = value.http_server.bind(py);
    let server = http_server.get();
    let place = server.begin_connection(py, protocol.to_owned().into());
    let is_refused =
        server.shared.with(py, |shared| shared.is_ending || shared.open > server.settings.connections);
    let before = value.state.with(py, |state| {
        state.place = Some(place);
        let before = state.transport.replace(transport);
        state.settle_deadline(py, server);
        before
    });
    drop(before);
    deadline::keep_ticking(http_server)?;
    if server.settings.reports_to_hooks {
        server.hooks.bind(py).call_method1(name!("connection_begun"), (protocol, given))?;
    }
    if is_refused {
        close::close(protocol)?;
    }
    Ok(none(py))
}

fn data_received<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let data: Bytes = unchanging(one(call, "data_received", "data")?)?;
    input::received(call.this(), data.as_ref())?;
    Ok(none(call.py))
}

fn eof_received(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(protocol.py(), input::ended(protocol)?))
}

fn connection_lost<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = one(call, "connection_lost", "exc")?;
    close::lost(call.this(), !error.is_none())?;
    Ok(none(call.py))
}

fn pause_writing(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    value.state.with(py, |state| {
        state.writes_paused = true;
        state.settle_deadline(py, http_server);
    });
    deadline::note_unsent(protocol)?;
    Ok(none(py))
}

fn resume_writing(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let drains = value.state.with(py, |state| {
        state.writes_paused = false;
        state.settle_deadline(py, http_server);
        std::mem::take(&mut state.drains)
    });
    awaitable::wake(py, drains)?;
    input::schedule_if_due(protocol)?;
    Ok(none(py))
}

fn shutdown(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    close::end_after_response(protocol)?;
    Ok(none(protocol.py()))
}

fn resume_input(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    input::resume_input(protocol)?;
    Ok(none(protocol.py()))
}

fn turn_ends(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    respond::turn_ends(protocol)?;
    Ok(none(protocol.py()))
}

fn file_goes_on(protocol: This<'_, Protocol>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    deadline::renew(protocol);
    Ok(none(protocol.py()))
}

fn representation(protocol: This<'_, Protocol>) -> PyResult<Bound<'_, PyAny>> {
    let py = protocol.py();
    let (life, number) = protocol.state.with(py, |state| {
        let life = match (&state.transport, &state.request) {
            (None, _) => "closed",
            (Some(_), Some(_)) => "answering",
            (Some(_), None) => "idle",
        };
        (life, state.number)
    });
    let text = format!("<HttpProtocol {life} requests={number} at {:#x}>", protocol.object().as_ptr().addr());
    Ok(make::text(py, &text)?.into_any())
}
