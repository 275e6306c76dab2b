//! A response out of a file (ASGI, "Path Send" and "Zero Copy Send"): the head natively, the content by `loop.sendfile`.
//!
//! The coroutines that open and send are Python's (`vitok.http.files`); they call back for what surrounds the content.

use pyo3::prelude::*;

use super::connection::protocol_of;
use super::exchange::{Exchange, Unfit, lacking};
use super::message;
use super::names::names;
use super::respond;
use crate::ffi::answer::none;
use crate::ffi::arguments::{named, one};
use crate::ffi::make;
use crate::ffi::method::{Argument, Call};
use crate::ffi::raised::Raised;
use crate::ffi::record;
use crate::name;

/// `http.response.pathsend`: a coroutine that sends the file.
pub(super) fn send_path<'py>(
    exchange: Argument<'py>,
    message: Argument<'py>,
) -> Result<Bound<'py, PyAny>, Raised> {
    let py = exchange.py();
    let path = message::item(message, &names(py)?.path)?;
    let path = path.ok_or_else(|| lacking("http.response.pathsend", "path"))?;
    let (protocol, number) = parts(exchange);
    let owner = protocol_of(protocol).hub.get().owner.bind(py);
    Ok(files(py)?
        .call_method1(name!("send_path"), (owner, protocol, make::integer(py, i64::from(number))?, path))?)
}

/// `http.response.zerocopysend`: a coroutine that sends from a descriptor.
pub(super) fn send_file<'py>(
    exchange: Argument<'py>,
    message: Argument<'py>,
) -> Result<Bound<'py, PyAny>, Raised> {
    let py = exchange.py();
    let names = names(py)?;
    let file = message::item(message, &names.file)?;
    let file = file.ok_or_else(|| lacking("http.response.zerocopysend", "file"))?;
    let offset = message::item(message, &names.offset)?;
    let count = message::item(message, &names.count)?;
    let more = message::flag(message, &names.more_body)?;
    let (protocol, number) = parts(exchange);
    let owner = protocol_of(protocol).hub.get().owner.bind(py);
    let number = make::integer(py, i64::from(number))?;
    Ok(files(py)?.call_method1(name!("send_file"), (owner, protocol, number, file, offset, count, more))?)
}

fn parts(exchange: Argument<'_>) -> (Argument<'_>, u32) {
    let inner = record::value_of::<Exchange>(exchange);
    (inner.protocol.bind_borrowed(exchange.py()), inner.number)
}

fn files(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(name!("vitok.http.files"))
}

/// `protocol._begin_file(number, count, more_body)`: the transport, or None where the content is not to be sent.
pub(super) fn begin<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let py = call.py;
    let protocol = call.receiver();
    let given = named(call, "_begin_file", &["number", "count", "more_body"])?;
    let [Some(number), Some(count), Some(more)] = given[..] else {
        return Err(lacking("of a file", "arguments").into());
    };
    let (number, count): (u32, usize) = (number.extract()?, count.extract()?);
    let more = more.is_truthy()?;
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let mut out = Vec::new();
    let begun = value.body.with(py, |body| {
        let (frame, left_out) = body.encode_file(py, hub, number, (count, more), &mut out)?;
        body.settle_deadline(py, hub);
        Ok((frame.is_sent(), left_out, body.sink.as_ref().map(|sink| sink.clone_ref(py))))
    });
    let (is_sent, left_out, sink) = begun.map_err(Unfit::raise)?;
    let Some(sink) = sink else { return Err(Unfit::Disconnected.raise()) };
    sink.write(py, &out, None, b"")?;
    if let Some(status) = left_out {
        respond::report_left_out(hub, py, status)?;
    }
    Ok(if is_sent { sink.object().bind(py).clone() } else { none(py) })
}

/// `protocol._hold_file(task)`: the task that sends a file is cancelled when the connection ends. It waits for a descriptor,
/// which does not speak up when it is closed.
pub(super) fn hold<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let py = call.py;
    let task = one(call, "_hold_file", "task")?;
    let task = if task.is_none() { None } else { Some(task.to_owned().into()) };
    let before = protocol_of(call.receiver()).body.with(py, |body| std::mem::replace(&mut body.file, task));
    drop(before);
    Ok(none(py))
}

/// Ends what sends a file.
pub(super) fn cancel(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    match protocol_of(protocol).body.with(py, |body| body.file.take()) {
        Some(task) => Ok(task.bind(py).call_method0(name!("cancel")).map(drop)?),
        None => Ok(()),
    }
}

/// `protocol._end_file(number, more_body)`.
pub(super) fn end<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let given = named(call, "_end_file", &["number", "more_body"])?;
    let [Some(number), Some(more)] = given[..] else {
        return Err(lacking("of a file", "arguments").into());
    };
    let (number, more): (u32, bool) = (number.extract()?, more.is_truthy()?);
    respond::put(call.receiver(), (number, false), |body, out| body.encode_after_file(number, more, out))?;
    Ok(none(call.py))
}
