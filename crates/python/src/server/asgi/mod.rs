//! ASGI, an interface: requests become calls of an application, whose messages are the responses, or what a WebSocket
//! carries.
//!
//! The wire is not known here, only requests and responses. An application's task takes its first step at once; its
//! messages are sent with the turn's writes.
//!
//! | File          | What                                                                  |
//! |---------------|-----------------------------------------------------------------------|
//! | `scope`       | the head of a request as ASGI's `scope`                               |
//! | `names`       | strings and bytes that every scope needs                              |
//! | `task`        | calling the application, and the end of its task                      |
//! | `callables`   | `receive` and `send`, bound to one request                            |
//! | `awaitable`   | the result of `receive`                                               |
//! | `websocket`   | events and messages of a WebSocket                                    |
//! | `message`     | reading the messages of an application                                |
//! | `disconnect`  | further messages to a client that has left                            |
//! | `cycle`       | one request and its response                                          |

mod awaitable;
mod callables;
mod cycle;
mod disconnect;
mod message;
mod names;
mod scope;
mod task;
mod websocket;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};
use wire::{Outcome, RequestId, Wire as _};

use self::cycle::RequestCycle;
use self::names::{NAMES, Names};
use self::scope::{Prototype, ScopeBuilder};
use super::connection::Protocol;
use super::driver;
use super::following;
use super::refusal;
use super::settings::Settings;
use super::shared::Interface;
use crate::ffi::call::call_one;
use crate::ffi::error::new_error;
use crate::ffi::name::Text;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;

/// An ASGI application.
pub(super) struct Asgi {
    application: Py<PyAny>,
    prototype: Prototype,
}

/// Adds the classes to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    NAMES.make(module.py(), || Names::make(module.py()))?;
    task::load(module.py())?;
    awaitable::make_class(module)?;
    callables::make_class(module)
}

impl Asgi {
    /// Takes an application. TypeError if it is not a callable.
    pub(super) fn new(application: &Bound<'_, PyAny>, settings: &Settings) -> PyResult<Self> {
        let py = application.py();
        if !application.is_callable() {
            return Err(new_error::<PyTypeError>("an ASGI application is a callable"));
        }
        let module = py.import(name!("vitok.http.application"))?;
        let application = module.call_method1(name!("as_coroutine_function"), (application,))?.unbind();
        Ok(Self { application, prototype: Prototype::make(py, settings)? })
    }
}

impl Interface for Asgi {
    fn start(&self, connection: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = connection.py();
        let protocol = Protocol::known(connection)?;
        let http_server = protocol.value().http_server.get();
        let began = http_server.settings.wire.logs_requests.then(std::time::Instant::now);
        let key = http_server.begin_request(py);
        let (request, is_websocket) = protocol.state.with(py, |state| {
            let request = state.wire.latest();
            let is_websocket = state.wire.asks_for_websocket();
            state.exchange.began = began.map(|began| (request, began));
            state.exchange.key = key.unwrap_or_default();
            (request, is_websocket)
        });
        let Some(key) = key else { return refusal::refuse(protocol, http_server, request) };
        let begun = Begun { protocol, request, key, is_websocket };
        serve(&begun, self.application.bind(py), &self.prototype, None)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.application)?;
        self.prototype.traverse(visit)
    }
}

/// ASGI applications below another interface.
pub(super) struct Mounts {
    prototype: Prototype,
}

/// A request that counts as begun.
pub(super) struct Begun<'py> {
    pub(super) protocol: This<'py, Protocol>,
    pub(super) request: RequestId,
    /// Its number in the server.
    pub(super) key: u64,
    pub(super) is_websocket: bool,
}

/// What the scope of an application below another one has.
pub(super) struct Mounted<'py> {
    /// What follows the server's own root path.
    pub(super) root_path: Bound<'py, PyString>,
    pub(super) path_params: Bound<'py, PyDict>,
}

impl Mounts {
    pub(super) fn new(py: Python<'_>, settings: &Settings) -> PyResult<Self> {
        Ok(Self { prototype: Prototype::make(py, settings)? })
    }

    /// Starts a request with an application.
    pub(super) fn start(
        &self,
        begun: &Begun<'_>,
        application: &Bound<'_, PyAny>,
        mounted: Mounted<'_>,
    ) -> Result<(), ErrorSet> {
        serve(begun, application, &self.prototype, Some(&mounted))
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.prototype.traverse(visit)
    }
}

/// Calls the application with a request, and follows its task. Out of line, so that what it calls has one caller and can be
/// inlined.
#[inline(never)]
fn serve<'py>(
    begun: &Begun<'py>,
    application: &Bound<'py, PyAny>,
    prototype: &Prototype,
    mounted: Option<&Mounted<'py>>,
) -> Result<(), ErrorSet> {
    let Begun { protocol, request, key, is_websocket } = *begun;
    let py = protocol.py();
    let http_server = protocol.value().http_server.get();
    let builder = protocol.state.with(py, |state| {
        if is_websocket {
            state.exchange.websocket = Some(request);
        }
        ScopeBuilder::take(py, state.wire.head(), is_websocket, &http_server.settings.root_path)
    });
    let cycle = RequestCycle::make(protocol, request, key, is_websocket);
    let (builder, cycle) = match (builder, cycle) {
        (Ok(builder), Ok(cycle)) => (builder, cycle),
        (Err(raised), _) | (_, Err(raised)) => {
            let error = raised.take(py);
            drop(http_server.end_request(py, key));
            return and_also(py, Err(error.into()), || driver::finish(protocol, request, Outcome::Ended).1);
        }
    };
    let cycle = This::from(&cycle);
    let called = match scope_of(begun, prototype, builder, mounted) {
        Ok(scope) => task::call(cycle, http_server, application, &scope),
        Err(raised) => Err(raised),
    };
    following::follow(cycle, http_server, called)
}

/// Returns the scope of a request. The hooks are told of an upgrade that is ignored, and of a WebSocket.
#[inline(always)]
fn scope_of<'py>(
    begun: &Begun<'py>,
    prototype: &Prototype,
    builder: ScopeBuilder<'py>,
    mounted: Option<&Mounted<'py>>,
) -> Result<Bound<'py, PyDict>, ErrorSet> {
    let protocol = begun.protocol;
    let py = protocol.py();
    let http_server = protocol.value().http_server.get();
    if builder.asks_for_upgrade {
        http_server.notify(py, name!("warning"), (Text("Unsupported upgrade request."),))?;
    }
    let scope = builder.into_scope(protocol.value(), prototype)?;
    if let Some(mounted) = mounted {
        mounted.note_in(&scope)?;
        if let Some(correct) = &http_server.settings.forwarded {
            call_one(correct.bind_borrowed(py), scope.as_any().as_borrowed())?;
        }
    }
    if http_server.settings.logs_scopes {
        note_scope(begun, &scope);
    }
    if begun.is_websocket {
        http_server.notify(py, name!("websocket_begun"), (protocol, &scope))?;
    }
    Ok(scope)
}

/// Keeps a scope for the line of its request.
#[cold]
pub(super) fn note_scope(begun: &Begun<'_>, scope: &Bound<'_, PyDict>) {
    let noted = (begun.request, scope.clone().into_any().into());
    let before = begun.protocol.state.with(scope.py(), |state| state.exchange.scope.replace(noted));
    drop(before);
}

impl Mounted<'_> {
    fn note_in(&self, scope: &Bound<'_, PyDict>) -> Result<(), ErrorSet> {
        if !self.root_path.is_empty()? {
            let before = scope.get_item(name!("root_path"))?;
            let root_path =
                before.map_or(Ok(self.root_path.clone().into_any()), |it| it.add(&self.root_path))?;
            scope.set_item(name!("root_path"), root_path)?;
        }
        Ok(scope.set_item(name!("path_params"), &self.path_params)?)
    }
}
