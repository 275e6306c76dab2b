//! `receive` and `send`: the two callables that an application gets, bound to one request.
//!
//! A connection answers one request at a time, so they work on the connection; the number of the request tells whether
//! it is still the current one.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyConnectionResetError, PyImportError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::connection::{Protocol, State};
use super::{awaitable, request, respond};
use crate::ffi::arguments::one;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::error::new_error;
use crate::ffi::instance::{Class, ClassValue, Plain, Visit};
use crate::ffi::method::{BoundFunction, Call, Entry, Method, fastcall, no_arguments};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;

/// One request and its response, as the application sees them.
pub(super) struct RequestCycle {
    pub(super) protocol: Object<Protocol>,
    /// The number of the request in the connection.
    pub(super) number: u32,
    /// The number of the request in the server.
    pub(super) key: u64,
    /// Whether the end of its task was handled: some tasks call back more than once.
    has_ended: AtomicBool,
}

impl RequestCycle {
    /// Records that the task has ended. Returns whether that is new.
    pub(super) fn note_end(&self) -> bool {
        !self.has_ended.swap(true, Ordering::Relaxed)
    }

    /// Returns whether that was recorded.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

struct Known {
    receive: BoundFunction<RequestCycle>,
    send: BoundFunction<RequestCycle>,
    ended: BoundFunction<RequestCycle>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let doc = "A request and its response: what receive() and send() of an ASGI application are bound to.";
    Definition::new("HttpExchange", doc).make(module, RequestCycle::class())?;
    let known = Known {
        receive: function("receive", no_arguments(receive), "()", "The next ASGI event of the request.")?,
        send: function("send", fastcall(send), "(message)", "Take an ASGI event of the response.")?,
        ended: function("ended", fastcall(ended), "(task)", "Called by the task at its end.")?,
    };
    KNOWN.get_or_init(module.py(), || known);
    Ok(())
}

fn function(
    name: &'static str,
    entry: Entry<RequestCycle>,
    signature: &str,
    doc: &'static str,
) -> PyResult<BoundFunction<RequestCycle>> {
    BoundFunction::new(Method { name, entry, signature: signature.to_owned(), doc })
}

fn known(py: Python<'_>) -> PyResult<&'static Known> {
    KNOWN.get(py).ok_or_else(|| new_error::<PyImportError>("vitok._native was not initialised"))
}

#[inline]
pub(super) fn make<'py>(
    protocol: This<'py, Protocol>,
    number: u32,
    key: u64,
) -> Result<Bound<'py, RequestCycle>, ErrorSet> {
    let has_ended = AtomicBool::new(false);
    let cycle = RequestCycle { protocol: protocol.to_owned().into(), number, key, has_ended };
    RequestCycle::class().instance(protocol.py(), cycle)
}

/// Returns `receive` and `send`.
#[inline]
pub(super) fn functions(
    cycle: This<'_, RequestCycle>,
) -> Result<(Bound<'_, PyAny>, Bound<'_, PyAny>), ErrorSet> {
    let known = known(cycle.py())?;
    Ok((known.receive.bind(cycle)?, known.send.bind(cycle)?))
}

/// Returns the callback for the end of a task.
pub(super) fn end_callback(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    known(cycle.py())?.ended.bind(cycle)
}

fn receive(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    awaitable::receive(cycle)
}

fn send<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    respond::send(call.this(), one(call, "send", "message")?)
}

fn ended<'py>(call: &Call<'py, RequestCycle>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    request::ended(call.this(), one(call, "ended", "task")?)?;
    Ok(none(call.py))
}

/// The reason for which an event of a response can't be sent.
pub(super) enum SendError {
    /// The client has left (ASGI HTTP specification, "Disconnected Client - send exception").
    Disconnected,
    /// The response is complete.
    Over,
    /// It is out of order.
    OutOfOrder(&'static str),
    /// An error of the parser.
    LocalProtocolError(http::LocalProtocolError),
    /// An object of the wrong type, or no memory.
    ErrorSet(ErrorSet),
}

impl SendError {
    /// Returns why there is no request with that number any more.
    pub(super) fn gone(state: &State) -> Self {
        if state.transport.is_none() || state.is_closing { Self::Disconnected } else { Self::Over }
    }

    #[cold]
    pub(super) fn raise(self) -> ErrorSet {
        match self {
            Self::Disconnected => new_error::<PyConnectionResetError>("the client has disconnected").into(),
            Self::Over => {
                new_error::<PyRuntimeError>("the response is complete: nothing can follow it").into()
            }
            Self::OutOfOrder(text) => new_error::<PyRuntimeError>(text).into(),
            Self::LocalProtocolError(misuse) => new_error::<PyRuntimeError>(misuse.to_string()).into(),
            Self::ErrorSet(raised) => raised,
        }
    }
}

impl From<http::LocalProtocolError> for SendError {
    fn from(misuse: http::LocalProtocolError) -> Self {
        Self::LocalProtocolError(misuse)
    }
}

impl From<ErrorSet> for SendError {
    fn from(raised: ErrorSet) -> Self {
        Self::ErrorSet(raised)
    }
}

/// Returns the error for a message without a required item.
#[cold]
pub(super) fn lacking(kind: &str, what: &str) -> PyErr {
    new_error::<PyTypeError>(format!("the ASGI message {kind} has no valid {what}"))
}

impl ClassValue for RequestCycle {
    type Head = Plain;

    fn classes() -> &'static [Class<Self>] {
        static CLASSES: [Class<RequestCycle>; 1] = [Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.protocol);
    }

    fn clear(&self, _py: Python<'_>) {}
}
