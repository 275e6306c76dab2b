//! The methods by which a response with a source is sent, part by part: a coroutine of Python's calls them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use wire::{Message, RequestId, Wire as _};

use super::detach::detach;
use super::request::{Request, Stage};
use super::response::{Part, Parts, Response};
use crate::ffi::arguments::named;
use crate::ffi::bytes::{self, Bytes};
use crate::ffi::constants::none;
use crate::ffi::error::new_error;
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::connection::Protocol;
use crate::server::file::{self, Answering};
use crate::server::{driver, pause, send_error};
use crate::transport::{is_bytes_like, unchanging};

/// The methods of a request.
pub(super) fn methods() -> Vec<Method<Request>> {
    let begins = "Begin with the head of a response; its content has this length, or any.";
    let sends = "Send some content, and wait while the client does not read.";
    let file = "Send a part of a file.";
    let holds = "Cancel this task once the client has left; None: no other.";
    let mut methods = file::methods();
    methods.extend([
        Method::new("_begin", fastcall(begin), "($self, response, length)", begins),
        Method::new("_part", fastcall(part), "($self, data)", sends),
        Method::new("_file", fastcall(send_file), "($self, file, offset, count)", file),
        Method::new("_hold", fastcall(hold), "($self, task)", holds),
        Method::new("_end", no_arguments(end), "($self)", "End the response."),
    ]);
    methods
}

impl Answering for Request {
    fn answered(this: This<'_, Self>) -> Result<(This<'_, Protocol>, RequestId), ErrorSet> {
        this.value().connection(this.py())
    }
}

fn send(this: This<'_, Request>, message: Message<Bytes>) -> Result<driver::Delivered, ErrorSet> {
    let (protocol, request) = Request::answered(this)?;
    driver::send(protocol, request, message)?.map_err(send_error::raise)
}

fn begin<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let given = named(call, "_begin", &["response", "length"])?;
    let [Some(response), Some(length)] = given[..] else { return Err(wrong("_begin(response, length)")) };
    let Ok(response) = response.cast::<Response>() else { return Err(wrong("_begin(response, length)")) };
    let length: Option<u64> = length.extract()?;
    let (status, fields) = response.get().with(py, |parts| (parts.status, fields(py, parts, length)));
    let fields = fields?;
    send(call.this(), Message::Start { status, fields, has_trailers: false })?;
    // From here on no other response is possible.
    call.this().enter(Stage::Sent);
    Ok(none(py))
}

/// Returns the fields of a response, with the length of its content.
fn fields(py: Python<'_>, parts: &Parts, length: Option<u64>) -> Result<Vec<(Bytes, Bytes)>, ErrorSet> {
    let mut fields = Vec::with_capacity(parts.fields.len() + 1);
    for (name, value) in &parts.fields {
        fields.push((own(py, name)?, own(py, value)?));
    }
    if let Some(length) = length {
        fields.push((bytes::kept(py, b"content-length")?, bytes::kept(py, length.to_string().as_bytes())?));
    }
    Ok(fields)
}

fn own(py: Python<'_>, part: &Part) -> Result<Bytes, ErrorSet> {
    match part {
        Part::Known(known) => bytes::kept(py, known),
        Part::Own(own) => Ok(own.clone_ref()),
    }
}

fn part<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let [data] = call.positional() else { return Err(wrong("_part(data)")) };
    let content = match Bytes::of(*data) {
        Some(content) => content,
        None if is_bytes_like(*data) => unchanging(*data)?,
        None => {
            let kind = data.get_type().name()?;
            return Err(new_error::<PyTypeError>(format!("a part of content is bytes, not {kind}")).into());
        }
    };
    let content = if content.as_ref().is_empty() { None } else { Some(content) };
    let delivered = send(call.this(), Message::Content { content, more: true })?;
    pause::after(call.py, Request::answered(call.this())?.0, delivered.wait)
}

fn send_file<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let [file, offset, count] = call.positional() else { return Err(wrong("_file(file, offset, count)")) };
    let files = call.py.import(name!("vitok.http.files"))?;
    Ok(files.call_method1(name!("send_file"), (call.this(), *file, *offset, *count, true))?)
}

/// A client that has left already is no longer waited for.
fn hold<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let [task] = call.positional() else { return Err(wrong("_hold(task)")) };
    let (protocol, request) = Request::answered(call.this())?;
    let watcher = if task.is_none() { None } else { Some((request, (*task).to_owned().into())) };
    let (before, has_left) = protocol.state.with(py, |state| match watcher {
        Some(watcher) => (state.exchange.watcher.replace(watcher), state.wire.watch(request)),
        // The task of the next request, which may have begun, goes on.
        None => (state.exchange.watcher.take_if(|(watched, _)| *watched == request), false),
    });
    drop(before);
    if has_left {
        let released = protocol.state.with(py, |state| state.exchange.watcher.take());
        drop(released);
        task.call_method0(name!("cancel"))?;
    }
    Ok(none(py))
}

fn end(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    detach(this);
    send(this, Message::Content { content: None, more: false })?;
    Ok(none(this.py()))
}

#[cold]
fn wrong(call: &str) -> ErrorSet {
    new_error::<PyTypeError>(format!("the call is {call}")).into()
}
