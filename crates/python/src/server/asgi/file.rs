//! Responses from files (ASGI, "Path Send" and "Zero Copy Send"): the head natively, the content by `loop.sendfile`.
//!
//! The coroutines that open and send are Python's (`vitok.http.files`); they call the methods here for everything
//! around the content.

use std::mem;

use pyo3::prelude::*;
use wire::{Input, Message};

use super::cycle::RequestCycle;
use super::send_error::{self, lacking};
use crate::ffi::arguments::{named, one};
use crate::ffi::constants::none;
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::driver;

/// The methods that the coroutines call.
pub(super) fn methods() -> Vec<Method<RequestCycle>> {
    let begins =
        "Send the head and what stands before a file; the transport if the file is to be sent, or None.";
    let holds = "Cancel this task when the connection ends; None: no other.";
    vec![
        Method::new("_begin_file", fastcall(begin), "($self, count, more_body)", begins),
        Method::new("_hold_file", fastcall(hold), "($self, task)", holds),
        Method::new("_file_goes_on", no_arguments(goes_on), "($self)", "The peer has read some of a file."),
        Method::new("_end_file", fastcall(end), "($self, more_body)", "Send what follows a file."),
    ]
}

/// Returns a coroutine that sends the file of a message.
pub(super) fn send<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let files = cycle.py().import(name!("vitok.http.files"))?;
    Ok(files.call_method1(name!("send"), (cycle, message))?)
}

fn begin<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let given = named(call, "_begin_file", &["count", "more_body"])?;
    let [Some(count), Some(more)] = given[..] else { return Err(lacking("of a file", "arguments").into()) };
    let message = Message::File { count: count.extract()?, more: more.is_truthy()? };
    let cycle = call.this();
    let protocol = cycle.value().protocol.this(py);
    let delivered = driver::send(protocol, cycle.request, message)?.map_err(send_error::raise)?;
    Ok(match protocol.transport(py) {
        Some(transport) if delivered.is_sent => transport.object().bind(py).clone(),
        _ => none(py),
    })
}

/// The task waits for a descriptor, which reports nothing when it is closed.
fn hold<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let task = one(call, "_hold_file", "task")?;
    let task = if task.is_none() { None } else { Some(task.to_owned().into()) };
    let protocol = call.this().value().protocol.this(py);
    let before = protocol.state.with(py, |state| mem::replace(&mut state.exchange.file, task));
    drop(before);
    Ok(none(py))
}

fn goes_on(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = cycle.py();
    driver::feed(cycle.value().protocol.this(py), Input::Progress)?;
    Ok(none(py))
}

fn end<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let more = one(call, "_end_file", "more_body")?.is_truthy()?;
    let cycle = call.this();
    let protocol = cycle.value().protocol.this(py);
    driver::send(protocol, cycle.request, Message::FileEnd { more })?.map_err(send_error::raise)?;
    Ok(none(py))
}
