//! `vitok._native.ReadPipeTransport` and `WritePipeTransport` as Python sees them.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::state::{CLASSES, Class, Pipe, ask, settle};
use super::{end, info, write};
use crate::ffi::answer::{none, truth};
use crate::ffi::arguments::one;
use crate::ffi::class::Definition;
use crate::ffi::getter::{Getter, Repr};
use crate::ffi::instance::{self, ClassValue as _};
use crate::ffi::make;
use crate::ffi::method::{Argument, Call, Entry, Method};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{
    begin_and_wake, connection_lost, high_water, limits, low_water, pause_if_high, protocol_paused,
    set_limits,
};
use crate::{fastcall, getter, no_arguments, represent};

/// Makes both classes and puts them into the module.
pub(crate) fn make_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let represent = represent!(info::representation);
    let mut read_methods = common_methods();
    read_methods.extend(reading_methods());
    let mut read_getters = common_getters();
    read_getters.push(getter!("_paused", info::paused));
    let base = base(module, "ReadTransport")?;
    let definition = Definition {
        bases: vec![base],
        methods: read_methods.into_iter().map(Method::of).collect(),
        getters: read_getters.into_iter().map(Getter::of).collect(),
        repr: Some(Repr::old(represent)),
        ..Definition::new("ReadPipeTransport", "The reading end of a pipe: asyncio.ReadTransport, native.")
    };
    let reader = make(module, &Pipe::classes()[0], definition)?;

    let mut write_methods = common_methods();
    write_methods.extend(writing_methods());
    let mut write_getters = common_getters();
    write_getters.push(getter!("_protocol_paused", protocol_paused::<Pipe>));
    write_getters.push(getter!("_high_water", high_water::<Pipe>));
    write_getters.push(getter!("_low_water", low_water::<Pipe>));
    let base = self::base(module, "_FlowControlMixin")?;
    let definition = Definition {
        bases: vec![base],
        methods: write_methods.into_iter().map(Method::of).collect(),
        getters: write_getters.into_iter().map(Getter::of).collect(),
        repr: Some(Repr::old(represent)),
        ..Definition::new("WritePipeTransport", "The writing end of a pipe: asyncio.WriteTransport, native.")
    };
    let writer = make(module, &Pipe::classes()[1], definition)?;
    CLASSES.get_or_init(module.py(), || (reader, writer));
    Ok(())
}

fn base<'py>(module: &Bound<'py, PyModule>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(module.py().import(name!("asyncio.transports"))?.getattr(name)?.cast_into::<PyType>()?)
}

fn make<'py>(
    module: &Bound<'py, PyModule>,
    class: &'static instance::Class<Pipe>,
    definition: Definition<'py, Pipe>,
) -> PyResult<Class> {
    let object = definition.make(module, class)?;
    let begin = object.getattr(name!("_begin"))?.unbind();
    let connection_lost = object.getattr(name!("_call_connection_lost"))?.unbind();
    Ok(Class { class, begin, connection_lost })
}

fn method(name: &'static str, entry: Entry, signature: &str, doc: &'static str) -> Method {
    Method { name, entry, signature: signature.to_owned(), doc }
}

fn common_methods() -> Vec<Method> {
    vec![
        method("close", no_arguments!(close), "($self)", "Write what is left, then close."),
        method(
            "is_closing",
            no_arguments!(is_closing),
            "($self)",
            "Whether the transport is closing or closed.",
        ),
        method("get_protocol", no_arguments!(protocol), "($self)", "The protocol; None after the end."),
        method(
            "set_protocol",
            fastcall!(set_protocol),
            "($self, protocol)",
            "Hand the pipe to another protocol.",
        ),
        method(
            "_begin",
            fastcall!(begin_with),
            "($self, waiter)",
            "Call connection_made(), listen, wake the waiter.",
        ),
        method(
            "_call_connection_lost",
            fastcall!(call_connection_lost),
            "($self, exc)",
            "What the loop calls at the end.",
        ),
    ]
}

fn reading_methods() -> Vec<Method> {
    vec![
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

fn writing_methods() -> Vec<Method> {
    vec![
        method(
            "write",
            fastcall!(write_one),
            "($self, data)",
            "Write bytes; they leave at the end of the loop's turn.",
        ),
        method(
            "write_eof",
            no_arguments!(close),
            "($self)",
            "Write what is left, then close: a pipe has one direction.",
        ),
        method(
            "can_write_eof",
            no_arguments!(can_write_eof),
            "($self)",
            "True: closing a pipe ends it for its reader.",
        ),
        method("abort", no_arguments!(abort), "($self)", "Close at once."),
        method(
            "get_write_buffer_size",
            no_arguments!(buffer_size),
            "($self)",
            "Bytes that wait for the kernel.",
        ),
        method(
            "get_write_buffer_limits",
            no_arguments!(limits::<Pipe>),
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

fn common_getters() -> Vec<Getter> {
    vec![
        getter!("_pipe", info::file, info::assign_file),
        getter!("_fileno", info::fileno),
        getter!("_loop", info::owner),
        getter!("_protocol", info::protocol_attribute),
        getter!("_extra", info::extra_attribute),
        getter!("_closing", info::closing),
    ]
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
    Ok(truth(transport.py(), ask(transport, |inner| inner.end.state.is_closing())))
}

fn protocol(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(info::protocol_attribute(transport)?)
}

fn set_protocol<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let protocol = one(call, "set_protocol", "protocol")?.to_owned();
    let before = ask(call.receiver(), |inner| inner.protocol.replace(protocol.into()));
    drop(before);
    Ok(none(call.py))
}

fn begin_with<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    begin_and_wake::<Pipe>(call.receiver(), one(call, "_begin", "waiter")?)?;
    Ok(none(call.py))
}

fn call_connection_lost<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    connection_lost::<Pipe>(call.receiver(), one(call, "_call_connection_lost", "exc")?)?;
    Ok(none(call.py))
}

fn pause_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if ask(transport, |inner| inner.end.state.pause_reading()) {
        settle(transport)?;
    }
    Ok(none(transport.py()))
}

fn resume_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if ask(transport, |inner| inner.end.state.resume_reading()) {
        settle(transport)?;
    }
    Ok(none(transport.py()))
}

fn is_reading(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), ask(transport, |inner| inner.end.state.is_reading())))
}

fn write_one<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    write::write(call.receiver(), one(call, "write", "data")?)?;
    Ok(none(call.py))
}

fn can_write_eof(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(transport.py(), true))
}

/// What was gathered is offered to the kernel first, so that the figure is what asyncio would say.
fn buffer_size(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    write::flush(transport)?;
    let size = ask(transport, |inner| inner.queue.len());
    make::count(transport.py(), size)
}

fn set_buffer_limits<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    set_limits::<Pipe>(call)?;
    // A protocol is paused for what the kernel has no room for: what was only gathered is offered first.
    write::flush(call.receiver())?;
    pause_if_high::<Pipe>(call.receiver())?;
    Ok(none(call.py))
}
