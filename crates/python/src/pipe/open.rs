//! The loop's methods that make the transports of pipes.

use std::os::fd::RawFd;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use reactor::Interest;
use stream::{Flow, PipeEnd, WriteQueue};

use super::state::{Inner, Pipe, class_of};
use crate::ffi::call::copy_context;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::{Call, Method, fastcall};
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;
use crate::transport::{check_protocol, schedule};

/// The methods of the loop that make transports.
pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    vec![
        Method {
            name: "_open_read_pipe",
            entry: fastcall(open_read_pipe),
            signature: "($self, pipe, descriptor, protocol, waiter, extra)".to_owned(),
            doc: "The transport of a pipe's reading end. `connection_made` is called at the next turn, then the waiter is woken.",
        },
        Method {
            name: "_open_write_pipe",
            entry: fastcall(open_write_pipe),
            signature: "($self, pipe, descriptor, protocol, waiter, extra, hears_reader)".to_owned(),
            doc: "The same for the writing end. `hears_reader`: readiness for reading says that the reader has left.",
        },
    ]
}

fn open_read_pipe<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    open_with(call, SourceKind::ReadPipe, false)
}

fn open_write_pipe<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let hears_reader = match call.positional().last() {
        Some(last) => last.is_truthy()?,
        None => false,
    };
    open_with(call, SourceKind::WritePipe, hears_reader)
}

fn open_with<'py>(
    call: &Call<'py, EventLoop>,
    kind: SourceKind,
    hears_reader: bool,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let &[file, descriptor, protocol, waiter, extra, ..] = call.positional() else {
        return Err(new_error::<PyTypeError>("a pipe's transport is made of five arguments or more").into());
    };
    call.refuse_keywords("_open_pipe")?;
    let owner = call.receiver().to_owned().cast_into::<EventLoop>().map_err(PyErr::from)?;
    let connection = Connection {
        file: file.to_owned(),
        descriptor: descriptor.extract()?,
        protocol: protocol.to_owned(),
        waiter: waiter.to_owned(),
        extra: extra.to_owned(),
        end: if kind == SourceKind::ReadPipe { PipeEnd::reader() } else { PipeEnd::writer(hears_reader) },
        // What says nothing of its reader is a terminal or another device.
        writes_at_once: !hears_reader,
    };
    open(&owner, kind, connection)
}

/// What a transport is made of.
struct Connection<'py> {
    file: Bound<'py, PyAny>,
    descriptor: RawFd,
    protocol: Bound<'py, PyAny>,
    waiter: Bound<'py, PyAny>,
    extra: Bound<'py, PyAny>,
    end: PipeEnd,
    writes_at_once: bool,
}

/// Makes a transport. At its next turn the loop calls `connection_made`, then the waiter is woken.
fn open<'py>(
    owner: &Bound<'py, EventLoop>,
    kind: SourceKind,
    connection: Connection<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    owner.get().check_open()?;
    check_protocol(&connection.protocol)?;
    let descriptor = connection.descriptor;
    let inner = Inner {
        end: connection.end,
        flow: Flow::new(),
        queue: WriteQueue::new(),
        is_listed: false,
        is_sending: false,
        writes_at_once: connection.writes_at_once,
        watched: Interest::NONE,
        descriptor,
        token: None,
        file: Some(connection.file.into()),
        protocol: Some(connection.protocol.into()),
        context: copy_context(py)?.into(),
        extra: connection.extra.into(),
    };
    let class = class_of(py, kind)?;
    let value = Pipe { owner: owner.clone().into(), kind, inner: GilCell::new(inner) };
    let transport = class.class.instance(py, value)?.into_any();
    // Held weakly until the kernel is asked for something: the writer of a terminal is its user's alone.
    let object = PyWeakrefReference::new(&transport)?.into_any().into();
    let (token, evicted) =
        owner.get().registry.with(py, |registry| registry.attach(descriptor, kind, object));
    drop(evicted);
    value_of::<Pipe>(transport.as_borrowed()).inner.with(py, |inner| inner.token = Some(token));
    let begin = class.begin.bind_borrowed(py);
    schedule(owner, begin, &[transport.as_borrowed(), connection.waiter.as_borrowed()], None)?;
    Ok(transport)
}
