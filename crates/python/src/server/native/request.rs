//! `Request`: what an application asks a request for. Nothing is made before it is asked for, and what was made is kept.
//!
//! The head belongs to the connection while the request is its current one, and is copied for a request that somebody
//! keeps longer (`detach`). A request of another ASGI server brings its own head.

use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use wire::{RequestId, Wire as _};

use super::incoming::Incoming;
use super::routes::{Found, Routes};
use super::served_routes::ServedRoutes;
use crate::ffi::error::new_error;
use crate::ffi::free_list::{FreeList, free_list};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::server::connection::Protocol;

/// Requests come and go one after the other; as many as wait at a time are kept.
static SPARE: FreeList<Request> = free_list!(256);

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Stage {
    /// Its endpoint is called.
    Called,
    /// An exception of that is handled.
    Handled,
    /// Its response has begun.
    Sent,
    /// It has ended.
    Ended,
}

/// What the task that is followed returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Task {
    /// A value, which becomes the response.
    Value,
    /// Nothing: it sends the response.
    Sender,
    /// The content of the request, for a plain function that is called then.
    Gatherer,
}

/// One request.
pub(super) struct Request {
    pub(super) source: Source,
    /// The number of the request in the server.
    pub(super) key: u64,
    pub(super) found: Found,
    stage: AtomicU8,
    task: AtomicU8,
    /// What most requests have none of.
    rest: GilCell<Option<Box<Rest>>>,
}

/// Where a request has come from.
pub(super) enum Source {
    Connection {
        protocol: Object<Protocol>,
        /// The number of the request in the connection.
        id: RequestId,
        routes: Object<ServedRoutes>,
    },
    /// Another ASGI server.
    Scope(Box<Scope>),
}

/// A request of another ASGI server.
pub(super) struct Scope {
    pub(super) head: http::Head,
    pub(super) routes: Object<Routes>,
    pub(super) scope: Object,
    pub(super) receive: Object,
}

/// What was made for the application, and what it has read.
#[derive(Default)]
struct Rest {
    /// The head of a request that has outlived its response.
    head: Option<http::Head>,
    objects: [Option<Object>; Attribute::COUNT],
    incoming: Incoming,
}

/// The attributes that are kept.
#[derive(Clone, Copy)]
pub(super) enum Attribute {
    Path,
    Headers,
    Query,
    Cookies,
    PathParams,
    Route,
    State,
    Client,
    Server,
    Text,
    Json,
    Xml,
    Form,
}

impl Attribute {
    const COUNT: usize = Self::Form as usize + 1;
}

impl Request {
    /// Creates the request that is the current one of a connection.
    #[inline]
    pub(super) fn make<'py>(
        protocol: This<'py, Protocol>,
        id: RequestId,
        key: u64,
        routes: &Bound<'py, ServedRoutes>,
        found: Found,
    ) -> Result<Bound<'py, Self>, ErrorSet> {
        let (py, routes) = (protocol.py(), routes.clone().into());
        let protocol = protocol.to_owned().into();
        Self::of(py, Source::Connection { protocol, id, routes }, key, found)
    }

    #[inline]
    pub(super) fn of<'py>(
        py: Python<'py>,
        source: Source,
        key: u64,
        found: Found,
    ) -> Result<Bound<'py, Self>, ErrorSet> {
        let stage = AtomicU8::new(Stage::Called as u8);
        let (task, rest) = (AtomicU8::new(Task::Value as u8), GilCell::new(None));
        let value = Self { source, key, found, stage, task, rest };
        Self::class().instance(py, value)
    }

    /// Returns the routes of its application.
    #[inline]
    pub(super) fn routes(&self) -> &Routes {
        match &self.source {
            Source::Connection { routes, .. } => routes.get().routes(),
            Source::Scope(scope) => scope.routes.get(),
        }
    }

    /// Returns whether the request is that far, or farther.
    pub(super) fn is_past(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) >= stage as u8
    }

    /// Goes on to a stage. Returns whether it was before that.
    pub(super) fn enter(&self, stage: Stage) -> bool {
        self.stage.fetch_max(stage as u8, Ordering::Relaxed) < stage as u8
    }

    /// Records what the task that is followed returns.
    pub(super) fn note_task(&self, task: Task) {
        self.task.store(task as u8, Ordering::Relaxed);
    }

    /// Returns whether it is that.
    pub(super) fn is_task(&self, task: Task) -> bool {
        self.task.load(Ordering::Relaxed) == task as u8
    }

    /// Returns the connection, and the number of the request in it. RuntimeError for a request of another server, which
    /// is answered there.
    #[inline]
    pub(super) fn connection<'py>(
        &'py self,
        py: Python<'py>,
    ) -> Result<(This<'py, Protocol>, RequestId), ErrorSet> {
        match &self.source {
            Source::Connection { protocol, id, .. } => Ok((protocol.this(py), *id)),
            Source::Scope(_) => Err(new_error::<PyRuntimeError>("a request of another server").into()),
        }
    }

    /// Reads the head. `look` calls Python only to create strings and bytes. RuntimeError for a request that is over and
    /// was not detached.
    #[inline]
    pub(super) fn with_head<R>(
        &self,
        py: Python<'_>,
        look: impl FnOnce(&http::Head) -> R,
    ) -> Result<R, ErrorSet> {
        match &self.source {
            Source::Scope(scope) => Ok(look(&scope.head)),
            Source::Connection { protocol, id, .. } => {
                let protocol = protocol.this(py);
                let look =
                    |rest: &mut Option<Box<Rest>>| match rest.as_ref().and_then(|rest| rest.head.as_ref()) {
                        Some(head) => Some(look(head)),
                        None => protocol.state.with(py, |state| {
                            let is_current = state.wire.latest() == *id;
                            is_current
                                .then(|| state.wire.head())
                                .filter(|head| !head.method().is_empty())
                                .map(look)
                        }),
                    };
                self.rest.with(py, look).ok_or_else(is_over)
            }
        }
    }

    /// Keeps a copy of the head, which the connection is about to lose. Returns whether there is one that was not kept.
    pub(super) fn keep_head(&self, py: Python<'_>) -> bool {
        if self.rest.with(py, |rest| rest.as_ref().is_some_and(|rest| rest.head.is_some())) {
            return false;
        }
        match self.with_head(py, http::Head::clone) {
            Ok(head) => {
                self.with_rest(py, |rest| rest.head = Some(head));
                true
            }
            // It is over already.
            Err(raised) => {
                drop(raised.take(py));
                false
            }
        }
    }

    /// Returns an attribute, made at the first time.
    #[inline]
    pub(super) fn kept<'py>(
        this: This<'py, Self>,
        attribute: Attribute,
        make: impl FnOnce() -> Result<Bound<'py, PyAny>, ErrorSet>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(known) = Self::made(this, attribute) {
            return Ok(known);
        }
        let object = make()?;
        Self::keep(this, attribute, object.clone());
        Ok(object)
    }

    /// Changes what is known of the content.
    pub(super) fn with_incoming<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Incoming) -> R) -> R {
        self.with_rest(py, |rest| change(&mut rest.incoming))
    }

    fn with_rest<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Rest) -> R) -> R {
        self.rest.with(py, |rest| change(rest.get_or_insert_default()))
    }

    /// Keeps the value of an attribute.
    pub(super) fn keep<'py>(this: This<'py, Self>, attribute: Attribute, value: Bound<'py, PyAny>) {
        let (place, object) = (attribute as usize, value.into());
        let before = this.with_rest(this.py(), |rest| rest.objects[place].replace(object));
        drop(before);
    }

    /// Returns the value of an attribute, if it was made.
    pub(super) fn made<'py>(this: This<'py, Self>, attribute: Attribute) -> Option<Bound<'py, PyAny>> {
        let py = this.py();
        let place = attribute as usize;
        let known = this.rest.with(py, |rest| {
            let known = rest.as_ref()?.objects[place].as_ref()?;
            Some(known.clone_ref(py))
        });
        known.map(|known| known.into_bound(py))
    }
}

#[cold]
fn is_over() -> ErrorSet {
    new_error::<PyRuntimeError>("the request is over").into()
}

impl ClassValue for Request {
    type Head = Weak;

    one_class!(Request);

    fn visit(&self, visit: &mut Visit) {
        match &self.source {
            Source::Connection { protocol, routes, .. } => {
                visit.object(protocol);
                visit.object(routes);
            }
            Source::Scope(scope) => {
                visit.object(&scope.routes);
                visit.object(&scope.scope);
                visit.object(&scope.receive);
            }
        }
        self.rest.peek(|rest| {
            let objects = rest.iter().flat_map(|rest| &rest.objects);
            objects.for_each(|object| visit.maybe(object.as_ref()));
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.rest.with(py, Option::take);
        drop(released);
    }

    #[inline(always)]
    fn spare() -> Option<&'static FreeList<Self>> {
        Some(&SPARE)
    }
}
