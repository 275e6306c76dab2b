//! `Request`: one request of a native application.
//!
//! It reads the head where the connection has it, as long as that is there; then it has a copy. Nothing else is made
//! until the application asks for it.

use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::prelude::*;
use wire::{Received, RequestId, Wire as _};

use super::routes::{Found, Routes};
use crate::ffi::class::Definition;
use crate::ffi::getter::{Getter, getter};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::method::{Method, no_arguments};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::server::connection::Protocol;
use crate::server::driver;

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Stage {
    /// Its endpoint is called.
    Called,
    /// An exception of that is handled.
    Handled,
    /// Its response is sent by a task.
    Sent,
    /// It has ended.
    Ended,
}

/// One request.
pub(super) struct Request {
    pub(super) protocol: Object<Protocol>,
    /// The number of the request in the connection.
    pub(super) id: RequestId,
    /// The number of the request in the server.
    pub(super) key: u64,
    pub(super) routes: Object<Routes>,
    pub(super) found: Found,
    stage: AtomicU8,
    /// The head, once the connection has it no more.
    head: GilCell<Option<Box<http::Head>>>,
}

/// Creates the class with further methods, and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>, mut methods: Vec<Method<Request>>) -> PyResult<()> {
    let doc = "One request of a native application.";
    methods.extend(own_methods());
    let definition = Definition { methods, getters: getters(), ..Definition::new("Request", doc) };
    definition.make(module, Request::class()).map(drop)
}

fn getters() -> Vec<Getter<Request>> {
    vec![
        getter("method", |this: This<'_, Request>| {
            this.with_head(|py, head| Ok(make::latin_1(py, head.method())?.into_any()))
        }),
        getter("path", |this: This<'_, Request>| this.with_head(path)),
        getter("raw_path", |this: This<'_, Request>| {
            this.with_head(|py, head| Ok(make::bytes(py, head.path())?.into_any()))
        }),
        getter("query_string", |this: This<'_, Request>| {
            this.with_head(|py, head| Ok(make::bytes(py, head.query())?.into_any()))
        }),
        getter("path_params", path_params),
        getter("route", |this: This<'_, Request>| Ok(route(this))),
    ]
}

fn own_methods() -> Vec<Method<Request>> {
    let doc = "The content, which has arrived as a whole.";
    vec![Method::new("read", no_arguments(read), "($self)", doc)]
}

impl Request {
    #[inline]
    pub(super) fn make<'py>(
        protocol: This<'py, Protocol>,
        id: RequestId,
        key: u64,
        routes: &Bound<'py, Routes>,
        found: Found,
    ) -> Result<Bound<'py, Self>, ErrorSet> {
        let value = Self {
            protocol: protocol.to_owned().into(),
            id,
            key,
            routes: routes.clone().into(),
            found,
            stage: AtomicU8::new(Stage::Called as u8),
            head: GilCell::new(None),
        };
        Self::class().instance(protocol.py(), value)
    }

    /// Returns whether the request is that far, or farther.
    pub(super) fn is_past(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) >= stage as u8
    }

    /// Goes on to a stage. Returns whether it was before that.
    pub(super) fn enter(&self, stage: Stage) -> bool {
        self.stage.swap(stage as u8, Ordering::Relaxed) < stage as u8
    }
}

impl<'py> This<'py, Request> {
    /// Reads the head.
    pub(super) fn with_head<R>(self, read: impl FnOnce(Python<'py>, &http::Head) -> R) -> R {
        let (py, value) = (self.py(), self.value());
        value.head.with(py, |kept| match kept {
            Some(head) => read(py, head),
            None => value.protocol.this(py).state.with(py, |state| read(py, state.wire.head())),
        })
    }
}

/// Keeps a copy of the head, which the connection is about to lose, if anyone else may still ask for it.
pub(super) fn detach(this: This<'_, Request>) {
    let py = this.py();
    if this.is_shared() && this.head.with(py, |kept| kept.is_none()) {
        let head = this.with_head(|_, head| Box::new(head.clone()));
        this.head.with(py, |kept| *kept = Some(head));
    }
}

fn path<'py>(py: Python<'py>, head: &http::Head) -> PyResult<Bound<'py, PyAny>> {
    let decoded = http::percent_decoded(head.path());
    Ok(make::text(py, &String::from_utf8_lossy(&decoded))?.into_any())
}

fn path_params(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let raw = this.with_head(|_, head| head.path().to_vec());
    Ok(this.routes.get().path_params(this.py(), &this.found, &raw)?.into_any())
}

fn route(this: This<'_, Request>) -> Bound<'_, PyAny> {
    let py = this.py();
    match this.found {
        Found::Entry { place, .. } => this.routes.get().entry(place).route.bind(py).clone(),
        _ => py.None().into_bound(py),
    }
}

fn read(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let protocol = this.value().protocol.this(py);
    match driver::receive(protocol, this.id)? {
        Received::Content { .. } => {
            let content = protocol.state.with(py, |state| state.exchange.take_content(py, this.id))?;
            content.to_object(py)
        }
        _ => Ok(make::bytes(py, b"")?.into_any()),
    }
}

impl ClassValue for Request {
    type Head = Weak;

    one_class!(Request);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.protocol);
        visit.object(&self.routes);
    }

    fn clear(&self, _py: Python<'_>) {}
}
