//! Responses from files: the head natively, the content by `loop.sendfile`, or in parts over HTTP/2.
//!
//! The coroutines that open and send are Python's (`vitok.http.files`); they call the methods here for everything
//! around the content.

use std::mem;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use wire::{Input, Message, RequestId};

use super::connection::Protocol;
use super::{driver, pause, send_error};
use crate::ffi::arguments::{named, one};
use crate::ffi::bytes::Bytes;
use crate::ffi::constants::none;
use crate::ffi::error::new_error;
use crate::ffi::instance::ClassValue;
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;

/// What an interface answers a request by.
pub(super) trait Answering: ClassValue {
    /// Returns the connection, and the number of the request in it.
    fn answered(this: This<'_, Self>) -> Result<(This<'_, Protocol>, RequestId), ErrorSet>;
}

/// The methods that the coroutines call.
pub(super) fn methods<T: Answering>() -> Vec<Method<T>> {
    let begins = "Send the head and what stands before a file; what the file is to be sent by: a transport, this object, or None.";
    let sends = "Send a part of a file, and wait while the client does not read: a stream of HTTP/2 has no transport.";
    let holds = "Cancel this task when the connection ends; None: no other.";
    vec![
        Method::new("_begin_file", fastcall(begin::<T>), "($self, count, more_body)", begins),
        Method::new("_file_part", fastcall(part::<T>), "($self, data)", sends),
        Method::new("_hold_file", fastcall(hold::<T>), "($self, task)", holds),
        Method::new(
            "_file_goes_on",
            no_arguments(goes_on::<T>),
            "($self)",
            "The peer has read some of a file.",
        ),
        Method::new("_end_file", fastcall(end::<T>), "($self, more_body)", "Send what follows a file."),
    ]
}

fn begin<'py, T: Answering>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let given = named(call, "_begin_file", &["count", "more_body"])?;
    let [Some(count), Some(more)] = given[..] else {
        return Err(new_error::<PyTypeError>("_begin_file() takes 2 arguments").into());
    };
    let count = count.extract()?;
    let message = Message::File { count, more: more.is_truthy()? };
    let (protocol, request) = T::answered(call.this())?;
    let delivered = driver::send(protocol, request, message)?.map_err(send_error::raise)?;
    if !delivered.is_sent {
        return Ok(none(py));
    }
    if protocol.state.with(py, |state| state.parent.is_some()) {
        return Ok(call.this().object().to_owned());
    }
    if protocol.value().http_server.get().settings.measures {
        driver::count_sent(protocol, count);
    }
    Ok(match protocol.transport(py) {
        Some(transport) => transport.object().bind(py).clone(),
        None => none(py),
    })
}

fn part<'py, T: Answering>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let data = one(call, "_file_part", "data")?;
    let Some(content) = Bytes::of(data) else {
        return Err(new_error::<PyTypeError>("a part of a file is bytes").into());
    };
    let (protocol, request) = T::answered(call.this())?;
    let message = Message::FilePart { content };
    let delivered = driver::send(protocol, request, message)?.map_err(send_error::raise)?;
    pause::after(call.py, protocol, delivered.wait)
}

/// The task waits for a descriptor, which reports nothing when it is closed.
fn hold<'py, T: Answering>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let task = one(call, "_hold_file", "task")?;
    let task = if task.is_none() { None } else { Some(task.to_owned().into()) };
    let (protocol, _) = T::answered(call.this())?;
    let before = protocol.state.with(py, |state| mem::replace(&mut state.exchange.file, task));
    drop(before);
    Ok(none(py))
}

fn goes_on<T: Answering>(this: This<'_, T>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    driver::feed(T::answered(this)?.0, Input::Progress)?;
    Ok(none(this.py()))
}

fn end<'py, T: Answering>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let more = one(call, "_end_file", "more_body")?.is_truthy()?;
    let (protocol, request) = T::answered(call.this())?;
    driver::send(protocol, request, Message::FileEnd { more })?.map_err(send_error::raise)?;
    Ok(none(py))
}
