//! `vitok._native.SocketTransport` as Python sees it: asyncio's methods, and the private ones that asyncio's own code calls.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::attributes::{ask, getters, protocol_attribute};
use super::{ReadMode, Stream, end, info, protocol, read_mode_of, write};
use crate::ffi::answer::{none, truth};
use crate::ffi::arguments::{named, one};
use crate::ffi::class::{Definition, add_constant};
use crate::ffi::error::new_error;
use crate::ffi::getter::{Getter, Repr};
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::{Argument, Call, Entry, Method};
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{begin_and_wake, connection_lost, limits, pause_if_high, set_limits};
use crate::{fastcall, no_arguments, represent};

/// The methods that the loop calls at the beginning and at the end of a connection.
struct Class {
    connection_lost: Py<PyAny>,
    begin: Py<PyAny>,
}

static CLASS: PyOnceLock<Class> = PyOnceLock::new();

/// Makes the class and puts it into the module.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let base =
        py.import(name!("asyncio.transports"))?.getattr(name!("_FlowControlMixin"))?.cast_into::<PyType>()?;
    let doc = "A stream over a connected socket: asyncio.Transport, native.";
    let represent = represent!(representation);
    let definition = Definition {
        bases: vec![base],
        methods: methods().into_iter().map(Method::of).collect(),
        getters: getters().into_iter().map(Getter::of).collect(),
        repr: Some(Repr::old(represent)),
        ..Definition::new("SocketTransport", doc)
    };
    let object = definition.make(module, Stream::class())?;
    add_constant(&object, name!("_start_tls_compatible"), &truth(py, true))?;
    let modes = py.import(name!("asyncio.constants"))?.getattr(name!("_SendfileMode"))?;
    add_constant(&object, name!("_sendfile_compatible"), &modes.getattr(name!("TRY_NATIVE"))?)?;
    let connection_lost = object.getattr(name!("_call_connection_lost"))?.unbind();
    let begin = object.getattr(name!("_begin"))?.unbind();
    CLASS.get_or_init(py, || Class { connection_lost, begin });
    Ok(())
}

/// The function `_call_connection_lost` of the class.
pub(super) fn connection_lost_method<'py>(py: Python<'py>) -> PyResult<Argument<'py>> {
    known(py).map(|known| known.connection_lost.bind_borrowed(py))
}

/// The function `_begin` of the class.
pub(super) fn begin_method<'py>(py: Python<'py>) -> PyResult<Argument<'py>> {
    known(py).map(|known| known.begin.bind_borrowed(py))
}

fn known(py: Python<'_>) -> PyResult<&'static Class> {
    CLASS.get(py).ok_or_else(|| new_error::<PyTypeError>("vitok._native was not initialised"))
}

fn methods() -> Vec<Method> {
    let mut methods = methods_of_the_life();
    methods.extend(methods_of_the_settings());
    methods.extend(methods_for_asyncio());
    methods
}

fn method(name: &'static str, entry: Entry, signature: &str, doc: &'static str) -> Method {
    Method { name, entry, signature: signature.to_owned(), doc }
}

fn methods_of_the_life() -> Vec<Method> {
    vec![
        method(
            "write",
            fastcall!(write_one),
            "($self, data)",
            "Send bytes; they leave at the end of the loop's turn.",
        ),
        method(
            "writelines",
            fastcall!(write_lines),
            "($self, list_of_data)",
            "Send the bytes of an iterable, in order, by one call.",
        ),
        method("write_eof", no_arguments!(write_eof), "($self)", "End our side once everything is sent."),
        method(
            "can_write_eof",
            no_arguments!(can_write_eof),
            "($self)",
            "True: a socket can be closed half-way.",
        ),
        method("close", no_arguments!(close), "($self)", "Send what was written, then close."),
        method("abort", no_arguments!(abort), "($self)", "Close at once."),
        method(
            "is_closing",
            no_arguments!(is_closing),
            "($self)",
            "Whether close() or abort() was called, or the peer is gone.",
        ),
        method(
            "pause_reading",
            no_arguments!(pause_reading),
            "($self)",
            "Call no data_received() until resume_reading().",
        ),
        method("resume_reading", no_arguments!(resume_reading), "($self)", "Read again."),
        method(
            "is_reading",
            no_arguments!(is_reading),
            "($self)",
            "Whether the transport is neither paused nor closing.",
        ),
    ]
}

fn methods_of_the_settings() -> Vec<Method> {
    vec![
        method("get_protocol", no_arguments!(protocol), "($self)", "The protocol; None after the end."),
        method(
            "set_protocol",
            fastcall!(set_protocol),
            "($self, protocol)",
            "Hand the connection to another protocol.",
        ),
        method(
            "get_extra_info",
            fastcall!(get_extra_info),
            "($self, name, default=None)",
            "A fact by name: socket, sockname, peername.",
        ),
        method(
            "get_write_buffer_size",
            no_arguments!(buffer_size),
            "($self)",
            "Bytes that wait for the registry.",
        ),
        method(
            "get_write_buffer_limits",
            no_arguments!(limits::<Stream>),
            "($self)",
            "The low and the high mark, in bytes.",
        ),
        method(
            "set_write_buffer_limits",
            fastcall!(set_buffer_limits),
            "($self, high=None, low=None)",
            "The marks, in bytes, between which the protocol is paused and resumed. ValueError unless high >= low >= 0.",
        ),
    ]
}

/// What asyncio's own code calls, and the loop.
fn methods_for_asyncio() -> Vec<Method> {
    vec![
        method(
            "_begin",
            fastcall!(begin_with),
            "($self, waiter)",
            "Call connection_made(), begin to read, wake the waiter.",
        ),
        method(
            "_call_connection_lost",
            fastcall!(call_connection_lost),
            "($self, exc)",
            "What the loop calls at the end.",
        ),
        method(
            "_force_close",
            fastcall!(force_close),
            "($self, exc)",
            "Lose the connection to an exception.",
        ),
        method(
            "_make_empty_waiter",
            no_arguments!(make_empty_waiter),
            "($self)",
            "A future of the queue's being sent; writes are refused until it is reset.",
        ),
        method(
            "_reset_empty_waiter",
            no_arguments!(reset_empty_waiter),
            "($self)",
            "Writes are taken again.",
        ),
    ]
}

fn write_one<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    write::write(call.receiver(), one(call, "write", "data")?)?;
    Ok(none(call.py))
}

fn write_lines<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    write::write_lines(call.receiver(), one(call, "writelines", "list_of_data")?)?;
    Ok(none(call.py))
}

fn write_eof(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    end::end_writing(transport)?;
    Ok(none(transport.py()))
}

fn can_write_eof(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), true))
}

fn close(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    end::close(transport)?;
    Ok(none(transport.py()))
}

fn abort(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    end::abort(transport)?;
    Ok(none(transport.py()))
}

fn is_closing(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_closing())))
}

fn pause_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    protocol::pause_reading(transport)?;
    Ok(none(transport.py()))
}

fn resume_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    protocol::resume_reading(transport)?;
    Ok(none(transport.py()))
}

fn is_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_reading())))
}

fn protocol(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(protocol_attribute(transport)?)
}

fn set_protocol<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let protocol = one(call, "set_protocol", "protocol")?.to_owned();
    let stream = value_of::<Stream>(call.receiver());
    let read_mode: ReadMode = read_mode_of(stream.owner.bind(call.py), &protocol)?;
    let before = ask(call.receiver(), |inner| {
        inner.read_mode = read_mode;
        inner.protocol.replace(protocol.into())
    });
    drop(before);
    Ok(none(call.py))
}

fn get_extra_info<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let arguments = named(call, "get_extra_info", &["name", "default"])?;
    match arguments[0] {
        Some(name) => Ok(info::extra(call.receiver(), name, arguments[1])?),
        None => one(call, "get_extra_info", "name").map(|name| name.to_owned()),
    }
}

/// What was gathered is offered to the kernel first, so that the figure is what asyncio would say.
fn buffer_size(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    write::flush(transport)?;
    let size = ask(transport, |inner| inner.queue.len());
    make::count(transport.py(), size)
}

fn set_buffer_limits<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    set_limits::<Stream>(call)?;
    // A protocol is paused for what the kernel has no room for: what was only gathered is offered first.
    write::flush(call.receiver())?;
    pause_if_high::<Stream>(call.receiver())?;
    Ok(none(call.py))
}

fn begin_with<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    begin_and_wake::<Stream>(call.receiver(), one(call, "_begin", "waiter")?)?;
    Ok(none(call.py))
}

fn call_connection_lost<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    connection_lost::<Stream>(call.receiver(), one(call, "_call_connection_lost", "exc")?)?;
    Ok(none(call.py))
}

fn force_close<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = one(call, "_force_close", "exc")?;
    let error = if error.is_none() { None } else { Some(PyErr::from_value(error.to_owned())) };
    write::flush(call.receiver())?;
    end::lose(call.receiver(), error)?;
    Ok(none(call.py))
}

fn make_empty_waiter(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    if ask(transport, |inner| inner.file_waiter.is_some()) {
        return Err(new_error::<pyo3::exceptions::PyRuntimeError>("Empty waiter is already set").into());
    }
    write::flush(transport)?;
    let waiter = stream.owner.bind(py).call_method0(name!("create_future"))?;
    let copy = waiter.clone().into();
    let is_empty = ask(transport, |inner| {
        inner.state.begin_file();
        inner.file_waiter = Some(copy);
        inner.queue.is_empty()
    });
    if is_empty {
        waiter.call_method1(name!("set_result"), (py.None(),))?;
    }
    Ok(waiter)
}

fn reset_empty_waiter(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let waiter = ask(transport, |inner| {
        inner.state.end_file();
        inner.file_waiter.take()
    });
    drop(waiter);
    Ok(none(transport.py()))
}

fn representation(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(transport.py(), &info::represent(transport))?.into_any())
}
