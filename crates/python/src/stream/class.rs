//! `vitok._native.SocketTransport` for Python: asyncio's methods, the private ones that asyncio's own code calls, and
//! the private attributes that CPython's tests and libraries read.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::served::ConnectionCount;
use super::state::{CLASSES, Inner, Stream};
use super::{end, info, write};
use crate::ffi::arguments::{named, one};
use crate::ffi::class::add_constant;
use crate::ffi::constants::{none, truth};
use crate::ffi::error::new_error;
use crate::ffi::getter::{Getter, getter};
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::name;
use crate::transport::{
    checked, definition, force_close_method, held, method, number, reading_getters, reading_methods,
    writing_getters, writing_methods,
};

/// Creates the class and adds it to the module.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let doc = "A stream over a connected socket: asyncio.Transport, native.";
    let mut class = definition::<Inner>(py, "SocketTransport", doc, &["_FlowControlMixin"])?;
    class.methods.extend(reading_methods());
    class.methods.extend(writing_methods());
    class.methods.extend(methods());
    class.getters.extend(reading_getters());
    class.getters.extend(writing_getters());
    class.getters.extend(getters());
    let class = class.make(module, &CLASSES[0])?;
    module.add_class::<ConnectionCount>()?;
    add_constant(&class, name!("_start_tls_compatible"), &truth(py, true))?;
    let modes = imports::attribute(py, "asyncio.constants", "_SendfileMode")?;
    add_constant(&class, name!("_sendfile_compatible"), &modes.getattr(name!("TRY_NATIVE"))?)
}

fn methods() -> [Method<Stream>; 8] {
    [
        method(
            "write",
            fastcall(write_one),
            "($self, data)",
            "Send bytes; they leave at the end of the loop's turn.",
        ),
        method(
            "writelines",
            fastcall(write_lines),
            "($self, list_of_data)",
            "Send the bytes of an iterable, in order, by one call.",
        ),
        method("write_eof", no_arguments(write_eof), "($self)", "End our side once everything is sent."),
        method(
            "can_write_eof",
            no_arguments(|stream: This<'_, Stream>| Ok(truth(stream.py(), true))),
            "($self)",
            "Return True: one direction of a socket can be closed.",
        ),
        method(
            "get_extra_info",
            fastcall(get_extra_info),
            "($self, name, default=None)",
            "A value by name: socket, sockname, peername.",
        ),
        force_close_method(),
        method(
            "_make_empty_waiter",
            no_arguments(make_empty_waiter),
            "($self)",
            "A future that ends when the queue is sent; writes are refused until it is reset.",
        ),
        method("_reset_empty_waiter", no_arguments(reset_empty_waiter), "($self)", "Writes are taken again."),
    ]
}

fn getters() -> [Getter<Stream>; 5] {
    [
        getter("_sock", |stream: This<'_, Stream>| {
            Ok(info::socket_object(stream)?.unwrap_or_else(|| none(stream.py())))
        }),
        getter("_sock_fd", number),
        getter("_server", |stream| {
            held(stream, |inner: &mut Inner| inner.server.as_ref().map(|served| &served.server))
        }),
        getter("_extra", info::all),
        getter("_eof", eof),
    ]
}

fn eof(stream: This<'_, Stream>) -> PyResult<Bound<'_, PyAny>> {
    let has_ended = stream.inner.with(stream.py(), |inner| inner.state.has_ended_writing());
    Ok(truth(stream.py(), has_ended))
}

fn write_one<'py>(call: &Call<'py, Stream>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    checked(call.this())?;
    write::write(call.this(), one(call, "write", "data")?)?;
    Ok(none(call.py))
}

fn write_lines<'py>(call: &Call<'py, Stream>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    checked(call.this())?;
    write::write_lines(call.this(), one(call, "writelines", "list_of_data")?)?;
    Ok(none(call.py))
}

fn write_eof(stream: This<'_, Stream>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    checked(stream)?;
    end::end_writing(stream)?;
    Ok(none(stream.py()))
}

fn get_extra_info<'py>(call: &Call<'py, Stream>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let arguments = named(call, "get_extra_info", &["name", "default"])?;
    match arguments[0] {
        Some(name) => Ok(info::extra(call.this(), name, arguments[1])?),
        None => one(call, "get_extra_info", "name").map(|name| name.to_owned()),
    }
}

fn make_empty_waiter(stream: This<'_, Stream>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = stream.py();
    if stream.inner.with(stream.py(), |inner| inner.file_waiter.is_some()) {
        return Err(new_error::<PyRuntimeError>("Empty waiter is already set").into());
    }
    write::flush(stream)?;
    let waiter = stream.owner.bind(py).call_method0(name!("create_future"))?;
    let copy = waiter.clone().into();
    let is_empty = stream.inner.with(stream.py(), |inner| {
        inner.state.begin_file();
        inner.file_waiter = Some(copy);
        inner.queue.is_empty()
    });
    if is_empty {
        waiter.call_method1(name!("set_result"), (py.None(),))?;
    }
    Ok(waiter)
}

fn reset_empty_waiter(stream: This<'_, Stream>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let waiter = stream.inner.with(stream.py(), |inner| {
        inner.state.end_file();
        inner.file_waiter.take()
    });
    drop(waiter);
    Ok(none(stream.py()))
}
