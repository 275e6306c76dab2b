//! The attributes of a request, except its content.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::cookies::cookies;
use super::headers::{self, Headers};
use super::methods::methods;
use super::query::{self, QueryParams};
use super::request::{Attribute, Request, Source};
use super::routes::{Found, path_of};
use crate::ffi::call::call_one;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::getter::{Getter, getter, repr};
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::Method;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::addresses;
use crate::server::connection::Protocol;

const DOC: &str = "\
A request, as a native application gets it.

Nothing is made of it before it is asked for, and what was made is kept. Its content is read by coroutines; a plain
function, whose request has arrived, has read() and the like.";

/// Creates the class with further methods, and adds it to the module.
pub(super) fn make_class<'py>(
    module: &Bound<'py, PyModule>,
    mut more: Vec<Method<Request>>,
) -> PyResult<Bound<'py, PyType>> {
    more.extend(methods());
    let (methods, getters, repr) = (more, getters(), Some(repr(representation)));
    let definition = Definition { methods, getters, repr, ..Definition::new("Request", DOC) };
    definition.make(module, Request::class())
}

/// The attributes of the class.
fn getters() -> Vec<Getter<Request>> {
    vec![
        getter("method", method),
        getter("path", path),
        getter("raw_path", raw_path),
        getter("query_string", query_string),
        getter("query", query),
        getter("headers", headers),
        getter("cookies", cookies_of),
        getter("host", host),
        getter("http_version", http_version),
        getter("scheme", scheme),
        getter("client", client),
        getter("server", server),
        getter("url", url),
        getter("state", state),
        getter("content_type", content_type),
        getter("content_length", content_length),
        getter("path_params", path_params),
        getter("route", route),
        getter("app", app),
        getter("root_path", root_path),
    ]
}

/// Returns the method as a string. Methods are tokens, so they are ASCII.
fn method(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let method = this.with_head(py, |head| {
        Ok::<_, ErrorSet>(match head.method() {
            b"GET" => name!("GET").bind(py).clone(),
            b"POST" => name!("POST").bind(py).clone(),
            b"PUT" => name!("PUT").bind(py).clone(),
            b"PATCH" => name!("PATCH").bind(py).clone(),
            b"DELETE" => name!("DELETE").bind(py).clone(),
            b"HEAD" => name!("HEAD").bind(py).clone(),
            b"OPTIONS" => name!("OPTIONS").bind(py).clone(),
            other => make::latin_1(py, other)?,
        })
    })??;
    Ok(method.into_any())
}

/// Returns the path, decoded. A path that is not UTF-8 has no route, and reaches handlers of errors only.
fn path(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::Path, || {
        let path = this.with_head(py, |head| {
            let raw = path_of(head);
            if raw.contains(&b'%') {
                query::text(py, &http::percent_decoded(raw))
            } else {
                query::text(py, raw)
            }
        })??;
        Ok(path.into_any())
    })
}

fn raw_path(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Ok(this.with_head(py, |head| make::bytes(py, path_of(head)))??.into_any())
}

fn query_string(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Ok(this.with_head(py, |head| make::bytes(py, head.query()))??.into_any())
}

fn query(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::Query, || {
        let raw: Box<[u8]> = this.with_head(py, |head| head.query().into())?;
        Ok(QueryParams::make(py, raw)?.into_any())
    })
}

fn headers(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::Headers, || {
        let fields = this.with_head(py, |head| head.fields().clone())?;
        Ok(Headers::make(py, fields)?.into_any())
    })
}

fn cookies_of(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::Cookies, || {
        let lines: Vec<Vec<u8>> = this.with_head(py, |head| {
            let lines = head.fields().iter().filter(|(name, _)| *name == b"cookie");
            lines.map(|(_, line)| line.to_vec()).collect()
        })?;
        Ok(cookies(py, &lines)?.into_any())
    })
}

/// Returns the value of Host, which is the authority of an absolute target.
fn host(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let host = this.with_head(py, |head| headers::value(py, head.fields(), b"host"))??;
    Ok(host.map_or_else(|| make::text(py, ""), Ok)?.into_any())
}

fn http_version(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    if let Some(given) = given(this, name!("http_version"))? {
        return Ok(given);
    }
    let text = match this.with_head(py, http::Head::version)? {
        http::Version::Http10 => name!("1.0"),
        http::Version::Http11 => name!("1.1"),
        http::Version::Http2 => name!("2"),
    };
    Ok(text.bind(py).clone().into_any())
}

fn scheme(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    match &this.value().source {
        Source::Scope(_) => {
            let given = given(this, name!("scheme"))?;
            Ok(given.unwrap_or_else(|| name!("http").bind(py).clone().into_any()))
        }
        Source::Connection { protocol, .. } => {
            let is_secure = addresses::is_secure(protocol.this(py));
            let scheme = if is_secure { name!("https") } else { name!("http") }.bind(py).clone().into_any();
            as_forwarded(this, protocol.this(py), name!("scheme"), scheme)
        }
    }
}

/// Returns the client, the server or the scheme, as a trusted proxy may have told them.
fn as_forwarded<'py>(
    this: This<'py, Request>,
    protocol: This<'py, Protocol>,
    key: &Py<PyString>,
    own: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = this.py();
    let Some(correct) = &protocol.value().http_server.get().settings.forwarded else { return Ok(own) };
    let [client, _] = addresses::of(protocol)?;
    let scope = make::dict(py)?;
    scope.set_item(name!("type"), name!("http"))?;
    scope.set_item(name!("client"), client)?;
    scope.set_item(name!("headers"), headers(this)?.getattr(name!("raw"))?)?;
    // The others are of no interest, but may be set, too.
    scope.set_item(key, own)?;
    call_one(correct.bind_borrowed(py), scope.as_any().as_borrowed())?;
    Ok(scope.get_item(key)?.unwrap_or_else(|| none(py)))
}

pub(super) fn client(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    end(this, Attribute::Client)
}

pub(super) fn server(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    end(this, Attribute::Server)
}

/// Returns the address of one end.
fn end(this: This<'_, Request>, attribute: Attribute) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, attribute, || {
        let is_client = matches!(attribute, Attribute::Client);
        match &this.value().source {
            Source::Scope(_) => {
                let given = given(this, if is_client { name!("client") } else { name!("server") })?;
                let Some(given) = given else { return Ok(none(py)) };
                // ASGI allows any iterable of two.
                Ok(py.get_type::<PyTuple>().call1((given,))?)
            }
            Source::Connection { protocol, .. } => {
                let [client, server] = addresses::of(protocol.this(py))?;
                let (key, own) =
                    if is_client { (name!("client"), client) } else { (name!("server"), server) };
                Ok(as_forwarded(this, protocol.this(py), key, own)?)
            }
        }
    })
}

/// Returns the URL that the client asked for, as far as the request tells.
fn url(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let (scheme, host, root_path) = (scheme(this)?, host(this)?, root_path(this)?);
    let (scheme, host) = (scheme.cast::<PyString>()?.to_cow()?, host.cast::<PyString>()?.to_cow()?);
    let root_path = root_path.cast::<PyString>()?.to_cow()?;
    let target = this.with_head(py, |head| {
        let separator: &[u8] = if head.query().is_empty() { b"" } else { b"?" };
        [path_of(head), separator, head.query()].concat()
    })?;
    let target = String::from_utf8_lossy(&target);
    Ok(make::text(py, &format!("{scheme}://{host}{}{target}", root_path.trim_end_matches('/')))?.into_any())
}

/// Returns the request's own copy of the state of the lifespan.
fn state(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::State, || match &this.value().source {
        Source::Scope(_) => {
            Ok(given(this, name!("state"))?.map_or_else(|| make::dict(py).map(Bound::into_any), Ok)?)
        }
        Source::Connection { protocol, .. } => {
            let settings = &protocol.this(py).value().http_server.get().settings;
            Ok(settings
                .state
                .as_ref()
                .map_or_else(|| make::dict(py), |state| Ok(state.bind(py).copy()?))?
                .into_any())
        }
    })
}

/// Returns the parameters in the path.
fn path_params(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Request::kept(this, Attribute::PathParams, || {
        let raw = this.with_head(py, |head| path_of(head).to_vec())?;
        Ok(this.value().routes().path_params(py, &this.value().found, &raw)?.into_any())
    })
}

/// Returns the application; None for a request without one.
fn app(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Ok(this.value().routes().options.bind(py).get_item(name!("app"))?.unwrap_or_else(|| none(py)))
}

/// Returns the prefix of all paths that a proxy, or another application, has taken off.
fn root_path(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    if let Source::Connection { protocol, .. } = &this.value().source {
        let root_path = &protocol.this(py).value().http_server.get().settings.root_path;
        return Ok(make::text(py, root_path)?.into_any());
    }
    let given = given(this, name!("root_path"))?;
    Ok(given.map_or_else(|| make::text(py, "").map(Bound::into_any), Ok)?)
}

/// Returns the route that was found; None where there is none.
fn route(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    Ok(match this.value().found {
        Found::Entry { place, .. } => this.value().routes().entry(place).route.bind(py).clone(),
        _ => Request::made(this, Attribute::Route).unwrap_or_else(|| none(py)),
    })
}

/// Returns the media type of the content in lower case, without its parameters; None without Content-Type.
fn content_type(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let media_type = this.with_head(py, |head| {
        let value = head.fields().value_of(b"content-type")?;
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        Some(make::latin_1(py, &value[..end].trim_ascii().to_ascii_lowercase()))
    })?;
    Ok(media_type.transpose()?.map_or_else(|| none(py), Bound::into_any))
}

/// Returns the length of the content in bytes; None if it is known only at the end.
fn content_length(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let is_told = matches!(this.value().source, Source::Connection { .. });
    let length = this.with_head(py, |head| match head.framing() {
        // Another server may pass on content that it has received without a length.
        http::Framing::Length(0) if !is_told && head.fields().value_of(b"content-length").is_none() => None,
        http::Framing::Length(length) => Some(length),
        http::Framing::Chunked => None,
    })?;
    Ok(match length {
        Some(length) => make::count(py, usize::try_from(length).unwrap_or(usize::MAX))?,
        None => none(py),
    })
}

/// Returns what another ASGI server has put in the scope, if it is there and not None.
fn given<'py>(this: This<'py, Request>, key: &Py<PyString>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    let Source::Scope(scope) = &this.value().source else { return Ok(None) };
    let scope = scope.scope.bind(this.py()).cast::<PyDict>().map_err(PyErr::from)?;
    Ok(scope.get_item(key)?.filter(|value| !value.is_none()))
}

/// Returns `<Request GET /path>`.
fn representation(this: This<'_, Request>) -> PyResult<Bound<'_, PyAny>> {
    let py = this.py();
    let line = this.with_head(py, |head| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{} {}", text(head.method()), text(path_of(head)))
    });
    let line = line.unwrap_or_else(|raised| {
        drop(raised.take(py));
        "that is over".to_owned()
    });
    Ok(make::text(py, &format!("<Request {line}>"))?.into_any())
}
