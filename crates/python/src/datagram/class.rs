//! `vitok._native.DatagramTransport` as Python sees it: asyncio's methods, and the private attributes that libraries look
//! at.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::state::{CLASS, Class, Endpoint, Inner, settle};
use super::{end, read, write};
use crate::ffi::answer::{none, truth};
use crate::ffi::arguments::{named, one};
use crate::ffi::class::Definition;
use crate::ffi::getter::{Getter, Repr};
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::{Argument, Call, Entry, Method};
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{
    Transport, begin_and_wake, connection_lost, high_water, limits, low_water, pause_if_high,
    protocol_paused, set_limits,
};
use crate::{fastcall, getter, no_arguments, represent};

/// Makes the class and puts it into the module.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let transports = py.import(name!("asyncio.transports"))?;
    let base = transports.getattr(name!("_FlowControlMixin"))?.cast_into::<PyType>()?;
    // asyncio's own inherits from both, from Python 3.12 on.
    let datagrams = transports.getattr(name!("DatagramTransport"))?.cast_into::<PyType>()?;
    let doc = "Datagrams over a UDP or a Unix socket: asyncio.DatagramTransport, native.";
    let represent = represent!(representation);
    let definition = Definition {
        bases: vec![base, datagrams],
        methods: methods().into_iter().map(Method::of).collect(),
        getters: getters().into_iter().map(Getter::of).collect(),
        repr: Some(Repr::old(represent)),
        ..Definition::new("DatagramTransport", doc)
    };
    let object = definition.make(module, Endpoint::class())?;
    let method = |name: &str| object.getattr(name).map(Bound::unbind);
    let known = Class {
        begin: method("_begin")?,
        connection_lost: method("_call_connection_lost")?,
        deliver_held: method("_deliver_held")?,
    };
    CLASS.get_or_init(py, || known);
    Ok(())
}

fn method(name: &'static str, entry: Entry, signature: &str, doc: &'static str) -> Method {
    Method { name, entry, signature: signature.to_owned(), doc }
}

fn methods() -> Vec<Method> {
    let mut methods = vec![
        method(
            "sendto",
            fastcall!(send_to),
            "($self, data, addr=None)",
            "Send one datagram, to the endpoint's own peer if no address is given.",
        ),
        method("close", no_arguments!(close), "($self)", "Send what waits, then close."),
        method("abort", no_arguments!(abort), "($self)", "Close at once."),
        method("is_closing", no_arguments!(is_closing), "($self)", "Whether close() or abort() was called."),
        method(
            "pause_reading",
            no_arguments!(pause_reading),
            "($self)",
            "Call no datagram_received() until resume_reading().",
        ),
        method("resume_reading", no_arguments!(resume_reading), "($self)", "Receive again."),
        method(
            "is_reading",
            no_arguments!(is_reading),
            "($self)",
            "Whether the transport is neither paused nor closing.",
        ),
        method("get_protocol", no_arguments!(get_protocol), "($self)", "The protocol; None after the end."),
        method(
            "set_protocol",
            fastcall!(set_protocol),
            "($self, protocol)",
            "Hand the endpoint to another protocol.",
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
            "Bytes that wait for the kernel, 8 more for each datagram.",
        ),
        method(
            "get_write_buffer_limits",
            no_arguments!(limits::<Endpoint>),
            "($self)",
            "The low and the high mark, in bytes.",
        ),
        method(
            "set_write_buffer_limits",
            fastcall!(set_buffer_limits),
            "($self, high=None, low=None)",
            "The marks, in bytes, between which the protocol is paused and resumed. ValueError unless high >= low >= 0.",
        ),
    ];
    methods.extend(private_methods());
    methods
}

/// What the loop and asyncio's own code call.
fn private_methods() -> Vec<Method> {
    vec![
        method(
            "_begin",
            fastcall!(begin_with),
            "($self, waiter)",
            "Call connection_made(), begin to receive, wake the waiter.",
        ),
        method(
            "_call_connection_lost",
            fastcall!(call_connection_lost),
            "($self, exc)",
            "What the loop calls at the end.",
        ),
        method("_force_close", fastcall!(force_close), "($self, exc)", "Lose the endpoint to an exception."),
        method(
            "_deliver_held",
            no_arguments!(deliver_held),
            "($self)",
            "Deliver what came in before pause_reading().",
        ),
    ]
}

fn getters() -> Vec<Getter> {
    vec![
        getter!("_sock", sock),
        getter!("_sock_fd", sock_fd),
        getter!("_loop", owner),
        getter!("_protocol", protocol),
        getter!("_address", address),
        getter!("_extra", facts),
        getter!("_protocol_paused", protocol_paused::<Endpoint>),
        getter!("_high_water", high_water::<Endpoint>),
        getter!("_low_water", low_water::<Endpoint>),
        getter!("_paused", paused),
        getter!("_closing", closing),
    ]
}

fn ask<R>(transport: Argument<'_>, question: impl FnOnce(&mut Inner) -> R) -> R {
    value_of::<Endpoint>(transport).inner.with(transport.py(), question)
}

/// An object that the endpoint may hold, or None.
fn held<'py>(
    transport: Argument<'py>,
    place: impl FnOnce(&Inner) -> Option<&Object>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = transport.py();
    let object = ask(transport, |inner| place(inner).map(|object| object.clone_ref(py)));
    Ok(object.map_or_else(|| none(py), |object| object.into_bound(py)))
}

#[inline]
fn send_to<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let transport = call.receiver();
    match call.positional() {
        [data, address] if !call.has_keywords() => write::send_to(transport, *data, Some(*address))?,
        [data] if !call.has_keywords() => write::send_to(transport, *data, None)?,
        _ => {
            let arguments = named(call, "sendto", &["data", "addr"])?;
            let Some(data) = arguments[0] else {
                return one(call, "sendto", "data").map(|data| data.to_owned());
            };
            write::send_to(transport, data, arguments[1])?;
        }
    }
    Ok(none(call.py))
}

fn close(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    end::close(transport)?;
    Ok(none(transport.py()))
}

fn abort(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    end::lose(transport, None)?;
    Ok(none(transport.py()))
}

fn is_closing(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(closing(transport)?)
}

fn pause_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if ask(transport, |inner| inner.state.pause_reading()) {
        settle(transport)?;
    }
    Ok(none(transport.py()))
}

fn resume_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    read::resume(transport)?;
    Ok(none(transport.py()))
}

fn is_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_reading())))
}

fn get_protocol(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(protocol(transport)?)
}

fn set_protocol<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let protocol = one(call, "set_protocol", "protocol")?.to_owned().into();
    let before = ask(call.receiver(), |inner| inner.protocol.replace(protocol));
    drop(before);
    Ok(none(call.py))
}

fn get_extra_info<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let arguments = named(call, "get_extra_info", &["name", "default"])?;
    let Some(name) = arguments[0] else {
        return one(call, "get_extra_info", "name").map(|name| name.to_owned());
    };
    let default = arguments[1].map_or_else(|| none(call.py), |default| default.to_owned());
    Ok(facts(call.receiver())?.call_method1(name!("get"), (name, default))?)
}

fn buffer_size(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let size = ask(transport, |inner| inner.queue.size());
    make::count(transport.py(), size)
}

fn set_buffer_limits<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    set_limits::<Endpoint>(call)?;
    pause_if_high::<Endpoint>(call.receiver())?;
    Ok(none(call.py))
}

fn begin_with<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    begin_and_wake::<Endpoint>(call.receiver(), one(call, "_begin", "waiter")?)?;
    Ok(none(call.py))
}

fn call_connection_lost<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    connection_lost::<Endpoint>(call.receiver(), one(call, "_call_connection_lost", "exc")?)?;
    Ok(none(call.py))
}

fn force_close<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = one(call, "_force_close", "exc")?;
    let error = if error.is_none() { None } else { Some(PyErr::from_value(error.to_owned())) };
    end::lose(call.receiver(), error)?;
    Ok(none(call.py))
}

fn deliver_held(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    read::deliver_held(transport)?;
    Ok(none(transport.py()))
}

fn representation(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(transport.py(), &Endpoint::represent(transport))?.into_any())
}

fn sock(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    held(transport, |inner| inner.socket.as_ref().map(SocketObject::object))
}

fn sock_fd(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::integer(transport.py(), i64::from(ask(transport, |inner| inner.number)))?)
}

fn owner(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    // asyncio's transports let go of their loop at the end, and code asks for that.
    let is_closed = ask(transport, |inner| inner.socket.is_none());
    Ok(if is_closed { none(py) } else { value_of::<Endpoint>(transport).owner.bind(py).clone().into_any() })
}

fn protocol(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    held(transport, |inner| inner.protocol.as_ref())
}

fn address(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    held(transport, |inner| inner.remote.as_ref())
}

fn facts(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(ask(transport, |inner| inner.facts.clone_ref(py)).into_bound(py).into_any())
}

fn paused(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_paused())))
}

fn closing(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.state.is_closing())))
}
