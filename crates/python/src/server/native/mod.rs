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
//! | `request`     | `Request`: one request, as the application sees it                    |
//! | `routes`      | `Routes`: a compiled application, and which endpoint is called        |
//! | `response`    | `Response`: a whole response, or the source of one                    |
//! | `xml/`        | elements of `xml.etree`, read and written                             |

mod answer;
mod call;
mod request;
mod response;
mod routes;
mod xml;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use wire::{Outcome, RequestId, Wire as _};

use self::request::Request;
use self::routes::Found;
pub(super) use self::routes::Routes;
use super::connection::Protocol;
use super::driver;
use super::shared::Interface;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};

/// A compiled application.
pub(super) struct Native {
    routes: Py<Routes>,
}

/// Adds the classes to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Routes>()?;
    module.add_class::<response::Response>()?;
    call::load(module.py())?;
    xml::add(module)?;
    request::make_class(module)
}

impl Native {
    pub(super) fn new(routes: &Bound<'_, Routes>) -> Self {
        Self { routes: routes.clone().unbind() }
    }
}

/// What a connection says of its latest request, within one borrow.
struct Begun {
    request: RequestId,
    found: Found,
    /// Whether its content is there as a whole.
    is_whole: bool,
}

impl Interface for Native {
    fn start(&self, connection: Borrowed<'_>) -> Result<(), ErrorSet> {
        let py = connection.py();
        let protocol = Protocol::known(connection)?;
        let http_server = protocol.value().http_server.get();
        let began = http_server.settings.wire.logs_requests.then(std::time::Instant::now);
        let key = http_server.begin_request(py);
        let routes = self.routes.get();
        let Begun { request, found, is_whole } = protocol.state.with(py, |state| {
            let (request, head) = (state.wire.latest(), state.wire.head());
            let found = routes.find(head.method(), head.path());
            state.exchange.began = began.map(|began| (request, began));
            state.exchange.key = key.unwrap_or_default();
            Begun { request, found, is_whole: state.wire.has_arrived() }
        });
        let Some(key) = key else { return super::refusal::refuse(protocol, http_server, request) };
        match Request::make(protocol, request, key, self.routes.bind(py), found) {
            Ok(made) => call::begin(This::from(&made), http_server, routes, is_whole),
            Err(raised) => {
                let error = raised.take(py);
                drop(http_server.end_request(py, key));
                and_also(py, Err(error.into()), || driver::finish(protocol, request, Outcome::Ended).1)
            }
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.routes)
    }
}
