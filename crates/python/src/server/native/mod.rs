//! The native interface: requests become calls of an application's functions, with objects instead of messages.
//!
//! A plain function is called where its request has been read, without a task. An `async def` gets a task, whose first
//! step is taken at once. What they return becomes a response, which is encoded in one call of the machine. Nothing is
//! made of a request but the one object that stands for it, until the application asks.
//!
//! | File          | What                                                                  |
//! |---------------|-----------------------------------------------------------------------|
//! | `call`        | calling an endpoint, and what follows from what it returns            |
//! | `answer`      | a value as a response                                                 |
//! | `claimed`     | the client that a proxy names, for the access log                     |
//! | `mount`       | where an ASGI application stands in a native one                      |
//! | `sending`     | a response with a source, part by part                                |
//! | `multipart`   | `MultipartParser`: a form in parts, for Python's code                 |
//! | `forms`       | urlencoded forms in one step; how a refused form is reported          |
//! | `from_scope`  | requests of other ASGI servers                                        |
//! | `accessors`   | `Request` as the application sees it: its attributes                  |
//! | `methods`     | its methods                                                           |
//! | `stream`      | `stream()`: the content part by part                                  |
//! | `body`        | the coroutines of `body()` and the like                               |
//! | `values`      | content as text, JSON, XML or a form                                  |
//! | `reading`     | reading content, as far as it has arrived                             |
//! | `request`     | one request: its head, and what was made of it                        |
//! | `detach`      | what a request keeps that outlives its response                       |
//! | `incoming`    | what has been read of the content of a request                        |
//! | `headers`     | `Headers`: the fields of a request as a mapping                       |
//! | `query`       | `QueryParams`: the query of a request as a mapping                    |
//! | `cookies`     | the cookies of a request                                              |
//! | `http_error`  | raising exceptions of Python's modules                                |
//! | `kind`        | how an endpoint is called                                             |
//! | `served_routes`| `Routes` as one server has them, in its thread                       |
//! | `routes`      | `Routes`: a compiled application, and which endpoint is called        |
//! | `response`    | `Response`: a whole response, or the source of one                    |
//! | `files/`      | responses from files, small ones at once                              |
//! | `xml/`        | elements of `xml.etree`, read and written                             |

mod accessors;
mod answer;
mod body;
mod call;
mod claimed;
mod cookies;
mod detach;
mod files;
mod forms;
mod from_scope;
mod headers;
mod http_error;
mod incoming;
mod kind;
mod methods;
mod mount;
mod multipart;
mod query;
mod reading;
mod request;
mod response;
mod routes;
mod sending;
mod served_routes;
mod stream;
mod values;
mod xml;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use wire::{Outcome, Wire as _};

use self::request::Request;
use self::routes::Found;
pub(super) use self::routes::Routes;
use self::served_routes::ServedRoutes;
use super::asgi::{Begun, Mounts};
use super::connection::Protocol;
use super::settings::Settings;
use super::shared::Interface;
use super::{driver, refusal};
use crate::ffi::immortal;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};

/// A compiled application.
pub(super) struct Native {
    routes: Py<ServedRoutes>,
    /// Applications of ASGI's kind in it.
    mounts: Mounts,
}

/// Adds the classes to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Routes>()?;
    immortal::add_class::<response::Response>(module)?;
    module.add_function(wrap_pyfunction!(answer::response_of, module)?)?;
    module.add_class::<multipart::MultipartParser>()?;
    forms::add(module)?;
    call::load(module.py())?;
    files::add(module)?;
    xml::add(module)?;
    body::make_class(module)?;
    stream::make_class(module)?;
    let headers = headers::make_class(module)?;
    let query = query::make_class(module)?;
    let request = accessors::make_class(module, sending::methods())?;
    from_scope::add(&request, &headers, &query)
}

impl Native {
    pub(super) fn new(routes: &Bound<'_, Routes>, settings: &Settings) -> PyResult<Self> {
        let made = ServedRoutes::make(routes)?;
        Ok(Self { routes: made.unbind(), mounts: Mounts::new(routes.py(), settings)? })
    }

    /// Starts a request with an application of ASGI's kind.
    fn start_mounted(
        &self,
        begun: &Begun<'_>,
        found: &Found,
        application: &Py<PyAny>,
    ) -> Result<(), ErrorSet> {
        let protocol = begun.protocol;
        let py = protocol.py();
        let mounted = mount::place(protocol, self.routes.get().routes(), found);
        match mounted {
            Ok(mounted) => self.mounts.start(begun, application.bind(py), mounted),
            Err(raised) => give_up(begun, raised),
        }
    }

    /// Finds a route by asking the program's converters, or returns what one of them raised.
    #[cold]
    fn resolve(&self, protocol: This<'_, Protocol>, is_websocket: bool) -> (Found, Option<PyErr>) {
        let py = protocol.py();
        let (method, path) = protocol.state.with(py, |state| {
            let head = state.wire.head();
            (head.method().to_vec(), routes::path_of(head).to_vec())
        });
        match self.routes.get().routes().resolve(py, &method, &path, is_websocket) {
            Ok(found) => (found, None),
            Err(raised) => (Found::Missing, Some(raised.take(py))),
        }
    }
}

/// Ends a request for which there is no memory.
#[cold]
fn give_up(begun: &Begun<'_>, raised: ErrorSet) -> Result<(), ErrorSet> {
    let protocol = begun.protocol;
    let py = protocol.py();
    let error = raised.take(py);
    drop(protocol.value().http_server.get().end_request(py, begun.key));
    and_also(py, Err(error.into()), || driver::finish(protocol, begun.request, Outcome::Ended).1)
}

impl Interface for Native {
    fn start(&self, connection: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = connection.py();
        let protocol = Protocol::known(connection)?;
        let http_server = protocol.value().http_server.get();
        let began = http_server.settings.wire.logs_requests.then(std::time::Instant::now);
        let key = http_server.begin_request(py);
        let routes = self.routes.get().routes();
        let (request, found, is_websocket, is_whole) = protocol.state.with(py, |state| {
            let (request, head) = (state.wire.latest(), state.wire.head());
            let is_websocket = state.wire.asks_for_websocket();
            let found = routes.find(head.method(), routes::path_of(head), is_websocket);
            state.exchange.began = began.map(|began| (request, began));
            state.exchange.key = key.unwrap_or_default();
            // Too much content is refused however it arrives: by the reader of what is not whole.
            let is_within = state.exchange.waiting_content(request) <= routes.max_body;
            (request, found, is_websocket, is_within && state.wire.has_arrived())
        });
        let Some(key) = key else { return refusal::refuse(protocol, http_server, request) };
        let begun = Begun { protocol, request, key, is_websocket };
        let (found, refused) = match found {
            Found::Undecided => self.resolve(protocol, is_websocket),
            other => (other, None),
        };
        if let Some(application) = routes.application(&found) {
            return self.start_mounted(&begun, &found, application);
        }
        if http_server.settings.logs_scopes
            && let Err(raised) = claimed::note(&begun)
        {
            return give_up(&begun, raised);
        }
        match Request::make(protocol, request, key, self.routes.bind(py), found) {
            Ok(made) => match refused {
                None => call::begin(This::from(&made), http_server, routes, is_whole),
                Some(error) => call::fail(This::from(&made), error),
            },
            Err(raised) => give_up(&begun, raised),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.routes)?;
        self.mounts.traverse(visit)
    }
}
