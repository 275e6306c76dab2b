//! `vitok._native.HttpProtocol` as Python sees it: an `asyncio.Protocol` for one HTTP connection.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::awaitable;
use super::connection::{Protocol, protocol_of};
use super::hub::HttpServer;
use super::sink::Sink;
use super::{deadline, ending, file, intake, respond};
use crate::ffi::answer::{none, truth};
use crate::ffi::arguments::one;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Argument, Call, Entry, Method};
use crate::ffi::native::{NativeClass, NativeType};
use crate::ffi::raised::Raised;
use crate::name;
use crate::transport::unchanging;
use crate::{fastcall, no_arguments, represent};

static CLASS: PyOnceLock<NativeType<Protocol>> = PyOnceLock::new();

/// Makes the class, puts it into the module, and gives it.
pub(super) fn make_class<'py>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyAny>> {
    let py = module.py();
    let base = py.import(name!("asyncio.protocols"))?.getattr(name!("Protocol"))?.cast_into::<PyType>()?;
    let represent = represent!(representation);
    let doc = "One HTTP connection of an HttpServer: asyncio.Protocol, native.";
    let class = NativeType::make(
        module,
        NativeClass { name: "HttpProtocol", doc, base, methods: methods(), getters: Vec::new(), represent },
    )?;
    CLASS.get_or_init(py, || class);
    Ok(class.class(py))
}

/// A protocol for one connection of a server.
pub(super) fn make<'py>(hub: &Bound<'py, HttpServer>) -> Result<Bound<'py, PyAny>, Raised> {
    let py = hub.py();
    let class =
        CLASS.get(py).ok_or_else(|| new_error::<PyImportError>("vitok._native was not initialised"))?;
    class.instance(py, Protocol::new(hub))
}

fn methods() -> Vec<Method> {
    let method = |name, entry: Entry, signature: &str, doc| Method {
        name,
        entry,
        signature: signature.to_owned(),
        doc,
    };
    vec![
        method("connection_made", fastcall!(connection_made), "($self, transport)", "A connection begins."),
        method("data_received", fastcall!(data_received), "($self, data)", "Some bytes have arrived."),
        method("eof_received", no_arguments!(eof_received), "($self)", "The peer has ended its side."),
        method("connection_lost", fastcall!(connection_lost), "($self, exc)", "The connection is gone."),
        method("pause_writing", no_arguments!(pause_writing), "($self)", "The peer does not read."),
        method("resume_writing", no_arguments!(resume_writing), "($self)", "The peer reads again."),
        method(
            "shutdown",
            no_arguments!(shutdown),
            "($self)",
            "Close if idle, otherwise after the response in progress.",
        ),
        method("_go_on", no_arguments!(go_on), "($self)", "Work off what has arrived meanwhile."),
        method("_turn_ends", no_arguments!(turn_ends), "($self)", "Send a head that waits for content."),
        method(
            "_begin_file",
            fastcall!(file::begin),
            "($self, number, count, more_body)",
            "Send the head and what stands before a file; whether the file is to be sent, and by which transport.",
        ),
        method(
            "_hold_file",
            fastcall!(file::hold),
            "($self, task)",
            "Cancel this task when the connection ends; None: no other.",
        ),
        method("_file_goes_on", no_arguments!(file_goes_on), "($self)", "The peer has read some of a file."),
        method(
            "_end_file",
            fastcall!(file::end),
            "($self, number, more_body)",
            "A file has been sent: send what follows it.",
        ),
    ]
}

fn connection_made<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let py = call.py;
    let protocol = call.receiver();
    let transport = one(call, "connection_made", "transport")?;
    let sink = Sink::new(transport)?;
    let value = protocol_of(protocol);
    let hub = value.hub.bind(py);
    let server = hub.get();
    let place = server.begin_connection(py, protocol.to_owned().into());
    let is_refused =
        server.shared.with(py, |shared| shared.is_ending || shared.open > server.settings.connections);
    let before = value.body.with(py, |body| {
        body.place = Some(place);
        let before = body.sink.replace(sink);
        body.settle_deadline(py, server);
        before
    });
    drop(before);
    deadline::keep_ticking(hub)?;
    if server.settings.tells {
        server.hooks.bind(py).call_method1(name!("connection_begun"), (protocol, transport))?;
    }
    if is_refused {
        ending::close(protocol)?;
    }
    Ok(none(py))
}

fn data_received<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let data: Bytes = unchanging(one(call, "data_received", "data")?)?;
    intake::received(call.receiver(), data.as_ref())?;
    Ok(none(call.py))
}

fn eof_received(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    Ok(truth(protocol.py(), intake::ended(protocol)?))
}

fn connection_lost<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let error = one(call, "connection_lost", "exc")?;
    ending::lost(call.receiver(), !error.is_none())?;
    Ok(none(call.py))
}

fn pause_writing(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    value.body.with(py, |body| {
        body.writes_paused = true;
        body.settle_deadline(py, hub);
    });
    deadline::note_unsent(protocol)?;
    Ok(none(py))
}

fn resume_writing(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let drains = value.body.with(py, |body| {
        body.writes_paused = false;
        body.settle_deadline(py, hub);
        std::mem::take(&mut body.drains)
    });
    awaitable::wake(py, drains)?;
    intake::schedule_if_due(protocol)?;
    Ok(none(py))
}

fn shutdown(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    ending::end_after_response(protocol)?;
    Ok(none(protocol.py()))
}

fn go_on(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    intake::go_on(protocol)?;
    Ok(none(protocol.py()))
}

fn turn_ends(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    respond::turn_ends(protocol)?;
    Ok(none(protocol.py()))
}

fn file_goes_on(protocol: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    deadline::renew(protocol);
    Ok(none(protocol.py()))
}

fn representation(protocol: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = protocol.py();
    let (life, number) = protocol_of(protocol).body.with(py, |body| {
        let life = match (&body.sink, &body.request) {
            (None, _) => "closed",
            (Some(_), Some(_)) => "answering",
            (Some(_), None) => "idle",
        };
        (life, body.number)
    });
    let text = format!("<HttpProtocol {life} requests={number} at {:#x}>", protocol.as_ptr().addr());
    Ok(make::text(py, &text)?.into_any())
}
