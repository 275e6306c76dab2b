//! A request's head as ASGI's `scope` (ASGI HTTP specification, "HTTP Connection Scope").

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::names::NAMES;
use crate::ffi::items::set;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::addresses;
use crate::server::connection::Protocol;
use crate::server::settings::Settings;

/// The contents of a head, as objects whose creation runs no user code: the rest is created when the connection is not
/// borrowed any more.
pub(super) struct ScopeBuilder<'py> {
    method: Bound<'py, PyString>,
    path: Bound<'py, PyString>,
    raw_path: Bound<'py, PyBytes>,
    /// Absent if it is empty.
    query: Option<Bound<'py, PyBytes>>,
    version: http::Version,
    fields: Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
    /// What the client of a WebSocket offers; `None` for another request.
    subprotocols: Option<Vec<Bound<'py, PyAny>>>,
    /// Whether the client asks for another protocol, which is ignored.
    pub(super) asks_for_upgrade: bool,
}

impl<'py> ScopeBuilder<'py> {
    #[inline(always)]
    pub(super) fn take(
        py: Python<'py>,
        head: &http::Head,
        is_websocket: bool,
        root_path: &str,
    ) -> Result<Self, ErrorSet> {
        let names = NAMES.get(py)?;
        // An absolute target without a path means the root (RFC 9110 section 4.2.3).
        let raw = if head.path().is_empty() { b"/" } else { head.path() };
        let given = head.fields().iter();
        let mut fields = Vec::with_capacity(given.len());
        for (name, value) in given {
            fields.push((names.field(py, name)?, make::bytes(py, value)?));
        }
        let query = head.query();
        // The server as a whole is not below any path (RFC 9112 section 3.2.4).
        let is_whole = head.target_form() == http::TargetForm::Asterisk;
        let (path, raw_path) = paths(py, raw, if is_whole { "" } else { root_path })?;
        Ok(Self {
            method: names.method(py, head.method())?,
            path,
            raw_path,
            query: if query.is_empty() { None } else { Some(make::bytes(py, query)?) },
            version: head.version(),
            fields,
            subprotocols: is_websocket.then(|| subprotocols(py, head)).transpose()?,
            asks_for_upgrade: !is_websocket && head.upgrade().is_some(),
        })
    }

    /// Returns the scope, a new dict for each request.
    #[inline(always)]
    pub(super) fn into_scope(
        self,
        protocol: &Protocol,
        prototype: &Prototype,
    ) -> Result<Bound<'py, PyDict>, ErrorSet> {
        let py = self.method.py();
        let http_server = protocol.http_server.get();
        let (known, is_secure) = protocol.state.with(py, |state| {
            let known = state.addresses.as_ref().map(|ends| ends.each_ref().map(|end| end.bind(py).clone()));
            (known, state.transport.as_ref().is_some_and(|transport| transport.is_secure()))
        });
        let [client, server] = known.map_or_else(|| look_up(protocol, prototype, py), Ok)?;
        let is_websocket = self.subprotocols.is_some();
        let kind = if is_websocket { &prototype.websocket } else { &prototype.http };
        // Most requests have some of the prototype's values.
        let scope = kind.scope.bind(py).copy()?;
        if let Some(offered) = self.subprotocols {
            set(&scope, name!("subprotocols"), &make::list(py, offered)?)?;
        } else if !self.method.is(&**name!("GET")) {
            set(&scope, name!("method"), &self.method)?;
        }
        set(&scope, name!("path"), &self.path)?;
        set(&scope, name!("raw_path"), &self.raw_path)?;
        if let Some(query) = &self.query {
            set(&scope, name!("query_string"), query)?;
        }
        set(&scope, name!("client"), &client)?;
        let is_shared = |local: &Object| local.is(&server);
        if !http_server.shared.with(py, |shared| shared.local.as_ref().is_some_and(is_shared)) {
            set(&scope, name!("server"), &server)?;
        }
        let pair = |(name, value): (Bound<'py, PyBytes>, Bound<'py, PyBytes>)| {
            make::tuple(py, [name.into_any(), value.into_any()]).map(Bound::into_any)
        };
        let pairs: Result<Vec<_>, ErrorSet> = self.fields.into_iter().map(pair).collect();
        set(&scope, name!("headers"), &make::list(py, pairs?)?)?;
        set(&scope, name!("asgi"), &kind.asgi.bind(py).copy()?)?;
        let extensions = kind.extensions.bind(py).copy()?;
        if is_secure {
            let scheme = if is_websocket { name!("wss") } else { name!("https") };
            set(&scope, name!("scheme"), scheme.bind(py))?;
            set(&extensions, name!("tls"), &tls(protocol, prototype, py)?.copy()?)?;
        }
        set(&scope, name!("extensions"), &extensions)?;
        match self.version {
            http::Version::Http11 => {}
            http::Version::Http10 => set(&scope, name!("http_version"), name!("1.0").bind(py))?,
            http::Version::Http2 => set(&scope, name!("http_version"), name!("2").bind(py))?,
        }
        if let Some(state) = &http_server.settings.state {
            set(&scope, name!("state"), &state.bind(py).copy()?)?;
        }
        Ok(scope)
    }
}

/// Returns `path`, decoded, and `raw_path`, as it was sent; both begin with the root path, unless they are `*`.
fn paths<'py>(
    py: Python<'py>,
    raw: &[u8],
    root_path: &str,
) -> Result<(Bound<'py, PyString>, Bound<'py, PyBytes>), ErrorSet> {
    if root_path.is_empty() && raw.is_ascii() && !raw.contains(&b'%') {
        return Ok((make::ascii(py, raw)?, make::bytes(py, raw)?));
    }
    let decoded = http::percent_decoded(raw);
    let path = [root_path, &String::from_utf8_lossy(&decoded)].concat();
    Ok((make::text(py, &path)?, make::bytes(py, &[root_path.as_bytes(), raw].concat())?))
}

/// Returns the client's address and the server's, at a connection's first request.
#[cold]
fn look_up<'py>(
    protocol: &Protocol,
    prototype: &Prototype,
    py: Python<'py>,
) -> Result<[Bound<'py, PyAny>; 2], ErrorSet> {
    let none = || py.None().into_bound(py);
    let Some(transport) = protocol.transport(py) else { return Ok([none(), none()]) };
    let [peer, own] = transport.addresses(py)?;
    let client = addresses::endpoint(peer, false)?;
    let server = shared(protocol, prototype, addresses::endpoint(own, true)?)?;
    let (for_client, for_server) = (client.clone().into(), server.clone().into());
    let before = protocol.state.with(py, |state| state.addresses.replace([for_client, for_server]));
    drop(before);
    Ok([client, server])
}

/// Returns the extension `tls`, which is the same for all requests of a connection: made at the first one.
fn tls<'py>(
    protocol: &Protocol,
    prototype: &Prototype,
    py: Python<'py>,
) -> Result<Bound<'py, PyDict>, ErrorSet> {
    let known = protocol.state.with(py, |state| state.tls.as_ref().map(|tls| tls.bind(py).clone()));
    if let Some(known) = known {
        return Ok(known.cast_into().map_err(PyErr::from)?);
    }
    let ssl_object = match protocol.transport(py) {
        Some(transport) => transport.fact(py, name!("ssl_object"))?,
        None => py.None().into_bound(py),
    };
    let made = prototype.tls.bind(py).call1((ssl_object,))?.cast_into::<PyDict>().map_err(PyErr::from)?;
    let object: Object = made.clone().into_any().into();
    let before = protocol.state.with(py, |state| state.tls.replace(object));
    drop(before);
    Ok(made)
}

/// Returns a shared object for the server's own address, which is the same for nearly all connections. The prototype has
/// the latest.
fn shared<'py>(
    protocol: &Protocol,
    prototype: &Prototype,
    server: Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = server.py();
    let http_server = protocol.http_server.get();
    let last = http_server.shared.with(py, |shared| shared.local.as_ref().map(|local| local.clone_ref(py)));
    if let Some(last) = last
        && last.bind(py).eq(&server)?
    {
        return Ok(last.into_bound(py));
    }
    let object: Object = server.clone().into();
    prototype.http.scope.bind(py).set_item(name!("server"), &server)?;
    prototype.websocket.scope.bind(py).set_item(name!("server"), &server)?;
    let before = http_server.shared.with(py, |shared| shared.local.replace(object));
    drop(before);
    Ok(server)
}

/// What is the same for all requests of a server.
pub(super) struct Prototype {
    pub(super) http: Scopes,
    pub(super) websocket: Scopes,
    /// Makes the extension `tls` of a connection from its `ssl.SSLObject`.
    tls: Py<PyAny>,
}

/// What is the same for all requests of a kind.
#[derive(FromPyObject)]
pub(super) struct Scopes {
    /// A scope with a key for everything.
    #[pyo3(item(0))]
    pub(super) scope: Py<PyDict>,
    /// The dicts that each scope gets a copy of.
    #[pyo3(item(1))]
    asgi: Py<PyDict>,
    #[pyo3(item(2))]
    extensions: Py<PyDict>,
}

impl Prototype {
    pub(super) fn make(py: Python<'_>, settings: &Settings) -> PyResult<Self> {
        let module = py.import(name!("vitok.http.scope"))?;
        let (root_path, version) = (Text(&settings.root_path), Text(&settings.asgi_version));
        let facts = (root_path, version, settings.announces_path_send, settings.announces_zero_copy_send);
        let http = module.call_method1(name!("prototype"), facts)?.extract()?;
        let (root_path, version) = (Text(&settings.root_path), Text(&settings.asgi_version));
        let websocket = module.call_method1(name!("websocket_prototype"), (root_path, version))?.extract()?;
        let tls = module.getattr(name!("tls_extension"))?.getattr(name!("make"))?.unbind();
        Ok(Self { http, websocket, tls })
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.http.scope)?;
        visit.call(&self.websocket.scope)
    }
}

/// Returns the subprotocols that the client of a WebSocket offers.
fn subprotocols<'py>(py: Python<'py>, head: &http::Head) -> Result<Vec<Bound<'py, PyAny>>, ErrorSet> {
    let names = websocket::subprotocols(head.fields().iter());
    names.map(|name| Ok(make::latin_1(py, name)?.into_any())).collect()
}
