//! How an endpoint is called, by the names that Python's compiler of applications has for it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::ffi::error::new_error;

/// How an endpoint is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `endpoint(request)` returns a value.
    Plain,
    /// `endpoint(request)` returns a coroutine of a value.
    Async,
    /// `endpoint(scope, receive, send)`, as ASGI has it.
    Asgi,
    /// The same for a WebSocket.
    WebSocket,
}

impl Kind {
    /// Returns the kind of a name. ValueError if there is none.
    pub(super) fn named(name: &str) -> PyResult<Self> {
        match name {
            "plain" => Ok(Self::Plain),
            "async" => Ok(Self::Async),
            "asgi" => Ok(Self::Asgi),
            "websocket" => Ok(Self::WebSocket),
            other => Err(new_error::<PyValueError>(format!("{other:?} is no kind of an endpoint"))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Async => "async",
            Self::Asgi => "asgi",
            Self::WebSocket => "websocket",
        }
    }
}
