//! `sock_recv`, `sock_sendall` and similar calls: coroutines that try the call at once and wait natively if they have
//! to.
//!
//! This file has the methods: they recognise the plain case, and create its operation. Everything else (keywords,
//! sockets that are not exactly `socket.socket`, arguments of the wrong type) goes to asyncio's own method, which
//! raises its own errors. `operation` runs an operation, `work` has its system calls.

mod attempt;
mod class;
mod closed_check;
mod operation;
mod send_file;
mod step;
mod work;

use pyo3::prelude::*;
use reactor::socket::SENDS_FILES;

pub(crate) use closed_check::limit_sleep;
pub(crate) use operation::{Operation, connecting, on_ready, refuse};

use crate::ffi::coroutine_method::{add_coroutine_methods, coroutine_method};
use crate::ffi::error::new_error;
use crate::ffi::heap_type::add_methods;
use crate::ffi::method::{Call, Method, fastcall};
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::loop_state::EventLoop;
use work::Work;

/// Adds the class of operations to the module, and the methods to the class of the loop.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    class::make(module)?;
    let base = imports::class(py, "asyncio.selector_events", "BaseSelectorEventLoop")?;
    let methods = [
        coroutine_method("sock_recv", recv),
        coroutine_method("sock_recv_into", recv_into),
        coroutine_method("sock_recvfrom", recvfrom),
        coroutine_method("sock_recvfrom_into", recvfrom_into),
        coroutine_method("sock_sendall", sendall),
        coroutine_method("sock_sendto", sendto),
        coroutine_method("sock_accept", accept),
    ];
    add_coroutine_methods(py, &base, methods)?;
    let base = imports::class(py, "asyncio.unix_events", "_UnixSelectorEventLoop")?;
    add_coroutine_methods(py, &base, [coroutine_method("_sock_sendfile_native", sendfile)])?;
    let connect = Method {
        name: "_sock_connect_resolved",
        entry: fastcall(connect),
        signature: "($self, sock, address)".to_owned(),
        doc: "sock_connect() to an address without a name in it.",
    };
    add_methods::<EventLoop>(py, vec![connect])
}

type Made<'py> = Result<Option<Bound<'py, PyAny>>, ErrorSet>;

fn recv<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [size])) = plain(call) else { return Ok(None) };
    let Ok(size) = size.extract::<i32>() else { return Ok(None) };
    let Ok(size) = usize::try_from(size) else { return Ok(None) };
    operation::make(call, "Loop.sock_recv", socket, Work::Receive { size })
}

fn recv_into<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [buffer])) = plain(call) else { return Ok(None) };
    let work = Work::ReceiveInto { buffer: buffer.to_owned().into() };
    operation::make(call, "Loop.sock_recv_into", socket, work)
}

fn recvfrom<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [size])) = plain(call) else { return Ok(None) };
    operation::make(call, "Loop.sock_recvfrom", socket, Work::ReceiveFrom { size: size.to_owned().into() })
}

fn recvfrom_into<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let (socket, buffer, size) = if let Some((socket, [buffer])) = plain(call) {
        (socket, buffer, None)
    } else if let Some((socket, [buffer, size])) = plain(call) {
        (socket, buffer, Some(size.to_owned().into()))
    } else {
        return Ok(None);
    };
    let work = Work::ReceiveFromInto { buffer: buffer.to_owned().into(), size };
    operation::make(call, "Loop.sock_recvfrom_into", socket, work)
}

fn sendall<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [data])) = plain(call) else { return Ok(None) };
    let work = Work::SendAll { data: data.to_owned().into(), sent: 0 };
    operation::make(call, "Loop.sock_sendall", socket, work)
}

fn sendto<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [data, address])) = plain(call) else { return Ok(None) };
    let work = Work::SendTo { data: data.to_owned().into(), address: address.to_owned().into() };
    operation::make(call, "Loop.sock_sendto", socket, work)
}

fn accept<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let Some((socket, [])) = plain(call) else { return Ok(None) };
    operation::make(call, "Loop.sock_accept", socket, Work::Accept)
}

/// Implements the part of `sock_sendfile` in which the kernel sends.
fn sendfile<'py>(call: &Call<'py, EventLoop>) -> Made<'py> {
    let py = call.py;
    let Some((socket, [file, offset, count])) = plain(call) else { return Ok(None) };
    let imports = call.this().value().imports;
    if !SENDS_FILES || imports.send_file.sendfile.in_use(py)?.is_none() {
        return Ok(None);
    }
    match send_file::file_work(py, file, offset, count)? {
        Some(work) => operation::make(call, "Loop._sock_sendfile_native", socket, Work::SendFile(work)),
        None => Ok(None),
    }
}

/// Implements the last step of the Python method `sock_connect`: the socket is a plain one.
fn connect<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let Some((socket, [address])) = plain(call) else {
        return Err(
            new_error::<pyo3::exceptions::PyTypeError>("a socket.socket and its address are needed").into()
        );
    };
    let work = Work::Connect { address: address.to_owned().into(), is_begun: false };
    operation::instance(call, "Loop.sock_connect", socket, work)
}

/// Returns the socket and the further arguments of a call, if there are `COUNT` by position and none by keyword; `None`
/// for other calls, or if the socket is not exactly a `socket.socket`.
#[inline(always)]
fn plain<'py, const COUNT: usize>(
    call: &Call<'py, EventLoop>,
) -> Option<(SocketObject, [Borrowed<'py>; COUNT])> {
    let (socket, arguments) = call.positional().split_first()?;
    let arguments: [Borrowed<'py>; COUNT] = arguments.try_into().ok()?;
    if call.has_keywords() {
        return None;
    }
    Some((SocketObject::of(socket)?, arguments))
}
