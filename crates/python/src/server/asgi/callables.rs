//! `receive` and `send`: the two callables that an application gets, bound to one request.

use pyo3::prelude::*;
use wire::{Message, SendError, Wait};

use super::awaitable::{self, What};
use super::cycle::RequestCycle;
use super::file;
use super::message;
use super::send_error;
use super::websocket;
use crate::ffi::arguments::one;
use crate::ffi::at_import::AtImport;
use crate::ffi::class::Definition;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::method::{BoundFunction, Call, Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::driver;

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
    awaitable::make(cycle.py(), What::Event(cycle.to_owned().into()))
}

/// The work is done at once, and the result waits if there is no room for more.
fn send<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (py, cycle) = (call.py, call.this());
    let given = one(call, "send", "message")?;
    if cycle.is_websocket {
        return send_to_websocket(cycle, given);
    }
    let Some(message) = message::read(given)? else { return file::send(cycle, given) };
    let is_last = message.may_be_last();
    let is_start = matches!(message, Message::Start { .. });
    let protocol = cycle.protocol.this(py);
    match driver::send(protocol, cycle.request, message)? {
        Ok(delivered) if is_start && delivered.wait == Wait::Drain => awaitable::done(py),
        Ok(delivered) => after(cycle, delivered.wait),
        Err(SendError::Disconnected) => {
            let grace = protocol.http_server.get().settings.disconnect_grace;
            let dropped = protocol.state.with(py, |state| {
                let is_dropped = state.exchange.drops(&state.wire, cycle.request, is_last, grace);
                is_dropped.then(|| !is_start && state.exchange.counts_drop())
            });
            match dropped {
                Some(true) => awaitable::make(py, What::Turn),
                Some(false) => awaitable::done(py),
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
            after(cycle, delivered.wait)
        }
        Err(error) => Err(send_error::raise(error)),
    }
}

/// Returns the result of a call that has sent something.
#[inline]
fn after(cycle: This<'_, RequestCycle>, wait: Wait) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = cycle.py();
    match wait {
        Wait::Nothing => awaitable::done(py),
        Wait::Turn => awaitable::make(py, What::Turn),
        Wait::Drain => awaitable::make(py, What::Drain(cycle.to_owned().into())),
    }
}
