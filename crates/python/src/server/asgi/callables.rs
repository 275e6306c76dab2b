//! `receive` and `send`: the two callables that an application gets, bound to one request.

use pyo3::prelude::*;
use wire::{Message, SendError, Wait};

use super::awaitable;
use super::cycle::RequestCycle;
use super::message;
use super::websocket;
use crate::ffi::arguments::one;
use crate::ffi::at_import::AtImport;
use crate::ffi::class::Definition;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::method::{BoundFunction, Call, Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::{driver, file, pause, send_error};

struct Known {
    receive: BoundFunction<RequestCycle>,
    send: BoundFunction<RequestCycle>,
}

static KNOWN: AtImport<Known> = AtImport::new();

/// Creates the class of what they are bound to, and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let doc = "A request and its response: what receive() and send() of an ASGI application are bound to.";
    let definition = Definition { methods: file::methods(), ..Definition::new("HttpExchange", doc) };
    definition.make(module, RequestCycle::class())?;
    let (next, take) = ("The next ASGI event of the request.", "Take an ASGI event of the response.");
    KNOWN.make(module.py(), || {
        let receive = BoundFunction::new(Method::new("receive", no_arguments(receive), "()", next))?;
        let send = BoundFunction::new(Method::new("send", fastcall(send), "(message)", take))?;
        Ok(Known { receive, send })
    })
}

/// Returns `receive` and `send` of a request.
#[inline]
pub(super) fn of(cycle: This<'_, RequestCycle>) -> Result<(Bound<'_, PyAny>, Bound<'_, PyAny>), ErrorSet> {
    let known = KNOWN.get(cycle.py())?;
    Ok((known.receive.bind(cycle)?, known.send.bind(cycle)?))
}

fn receive(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    awaitable::make(cycle)
}

/// The work is done at once, and the result waits if there is no room for more.
fn send<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (py, cycle) = (call.py, call.this());
    let given = one(call, "send", "message")?;
    if cycle.is_websocket {
        return send_to_websocket(cycle, given);
    }
    let Some(message) = message::read(given)? else { return send_file(cycle, given) };
    let is_last = message.may_be_last();
    let is_start = matches!(message, Message::Start { .. });
    let protocol = cycle.protocol.this(py);
    match driver::send(protocol, cycle.request, message)? {
        Ok(delivered) if is_start && delivered.wait == Wait::Drain => pause::done(py),
        Ok(delivered) => pause::after(py, protocol, delivered.wait),
        Err(SendError::Disconnected) => {
            let grace = protocol.http_server.get().settings.disconnect_grace;
            let dropped = protocol.state.with(py, |state| {
                let is_dropped = state.exchange.drops(&state.wire, cycle.request, is_last, grace);
                is_dropped.then(|| !is_start && state.exchange.counts_drop())
            });
            match dropped {
                Some(true) => pause::turn(py),
                Some(false) => pause::done(py),
                None => Err(send_error::raise(SendError::Disconnected)),
            }
        }
        Err(error) => Err(send_error::raise(error)),
    }
}

/// Does the same for a WebSocket. A message after its end is an error (ASGI, "Send - send event").
fn send_to_websocket<'py>(
    cycle: This<'py, RequestCycle>,
    given: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let message = websocket::read(given)?;
    let status = websocket::status_of(&message);
    let protocol = cycle.protocol.this(py);
    match driver::send(protocol, cycle.request, message)? {
        Ok(delivered) => {
            if let Some(status) = status {
                let http_server = protocol.http_server.get();
                http_server.notify(py, name!("websocket_answered"), (protocol, status))?;
            }
            pause::after(py, protocol, delivered.wait)
        }
        Err(error) => Err(send_error::raise(error)),
    }
}

/// Returns a coroutine that sends the file of a message (ASGI, "Path Send" and "Zero Copy Send").
fn send_file<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let files = cycle.py().import(name!("vitok.http.files"))?;
    Ok(files.call_method1(name!("send"), (cycle, message))?)
}
