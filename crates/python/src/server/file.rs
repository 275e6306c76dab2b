//! Responses from files (ASGI, "Path Send" and "Zero Copy Send"): the head natively, the content by `loop.sendfile`.
//!
//! The coroutines that open and send are Python's (`vitok.http.files`); they call back for everything around the
//! content.

use pyo3::prelude::*;

use super::connection::Protocol;
use super::message;
use super::request_cycle::{RequestCycle, SendError, lacking};
use super::respond;
use crate::ffi::arguments::{named, one};
use crate::ffi::constants::none;
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Returns a coroutine that sends a file, for `http.response.pathsend`.
pub(super) fn send_path<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let path = message::item(message, name!("path"))?;
    let path = path.ok_or_else(|| lacking("http.response.pathsend", "path"))?;
    let (protocol, number) = parts(cycle);
    let owner = protocol.http_server.get().owner.bind(py);
    Ok(files(py)?
        .call_method1(name!("send_path"), (owner, protocol, make::integer(py, i64::from(number))?, path))?)
}

/// Returns a coroutine that sends from a descriptor, for `http.response.zerocopysend`.
pub(super) fn send_file<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let file = message::item(message, name!("file"))?;
    let file = file.ok_or_else(|| lacking("http.response.zerocopysend", "file"))?;
    let offset = message::item(message, name!("offset"))?;
    let count = message::item(message, name!("count"))?;
    let more = message::flag(message, name!("more_body"))?;
    let (protocol, number) = parts(cycle);
    let owner = protocol.http_server.get().owner.bind(py);
    let number = make::integer(py, i64::from(number))?;
    Ok(files(py)?.call_method1(name!("send_file"), (owner, protocol, number, file, offset, count, more))?)
}

fn parts(cycle: This<'_, RequestCycle>) -> (This<'_, Protocol>, u32) {
    let inner = cycle.value();
    (inner.protocol.this(cycle.py()), inner.number)
}

fn files(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(name!("vitok.http.files"))
}

/// Implements `protocol._begin_file(number, count, more_body)`: returns the transport, or None if the content is not to
/// be sent.
pub(super) fn begin<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let protocol = call.this();
    let given = named(call, "_begin_file", &["number", "count", "more_body"])?;
    let [Some(number), Some(count), Some(more)] = given[..] else {
        return Err(lacking("of a file", "arguments").into());
    };
    let (number, count): (u32, usize) = (number.extract()?, count.extract()?);
    let more = more.is_truthy()?;
    let value = protocol.value();
    let http_server = value.http_server.get();
    let mut out = Vec::new();
    let begun = value.state.with(py, |state| {
        let (frame, left_out) = state.encode_file(py, http_server, number, (count, more), &mut out)?;
        state.settle_deadline(py, http_server);
        Ok((frame.is_sent(), left_out, state.transport.as_ref().map(|transport| transport.clone_ref(py))))
    });
    let (is_sent, left_out, transport) = begun.map_err(SendError::raise)?;
    let Some(transport) = transport else { return Err(SendError::Disconnected.raise()) };
    transport.write(py, &out, None, b"")?;
    if let Some(status) = left_out {
        respond::report_left_out(http_server, py, status)?;
    }
    Ok(if is_sent { transport.object().bind(py).clone() } else { none(py) })
}

/// Implements `protocol._hold_file(task)`: the task that sends a file is cancelled when the connection ends. It waits
/// for a descriptor, which reports nothing when it is closed.
pub(super) fn hold<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let task = one(call, "_hold_file", "task")?;
    let task = if task.is_none() { None } else { Some(task.to_owned().into()) };
    let before = call.this().state.with(py, |state| std::mem::replace(&mut state.file, task));
    drop(before);
    Ok(none(py))
}

/// Cancels the task that sends a file.
pub(super) fn cancel(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    match protocol.state.with(py, |state| state.file.take()) {
        Some(task) => Ok(task.bind(py).call_method0(name!("cancel")).map(drop)?),
        None => Ok(()),
    }
}

/// Implements `protocol._end_file(number, more_body)`.
pub(super) fn end<'py>(call: &Call<'py, Protocol>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let given = named(call, "_end_file", &["number", "more_body"])?;
    let [Some(number), Some(more)] = given[..] else {
        return Err(lacking("of a file", "arguments").into());
    };
    let (number, more): (u32, bool) = (number.extract()?, more.is_truthy()?);
    respond::put(call.this(), (number, false), |state, out| state.encode_after_file(number, more, out))?;
    Ok(none(call.py))
}
