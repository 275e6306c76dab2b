//! Requests of other ASGI servers, and values of a request made without one.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

use super::headers::Headers;
use super::query::QueryParams;
use super::request::{Attribute, Request, Scope, Source};
use super::routes::{Found, Routes};
use crate::ffi::class::add_constant;
use crate::ffi::error::new_error;
use crate::name;

/// Adds the functions to the classes.
pub(super) fn add(
    request: &Bound<'_, PyType>,
    headers: &Bound<'_, PyType>,
    query: &Bound<'_, PyType>,
) -> PyResult<()> {
    let py = request.py();
    add_constant(request, name!("from_scope"), wrap_pyfunction!(from_scope, py)?.as_any())?;
    add_constant(request, name!("__class_getitem__"), wrap_pyfunction!(generic_alias, py)?.as_any())?;
    add_constant(headers, name!("from_raw"), wrap_pyfunction!(headers_from_raw, py)?.as_any())?;
    add_constant(query, name!("from_raw"), wrap_pyfunction!(query_from_raw, py)?.as_any())
}

/// Create the request of an ASGI scope, of a request or a WebSocket, whose content `receive` returns. ValueError for a
/// scope that no HTTP request has.
#[pyfunction]
#[pyo3(name = "from_scope", signature = (scope, receive, routes, path_params, route = None, /))]
fn from_scope<'py>(
    scope: &Bound<'py, PyDict>,
    receive: Bound<'py, PyAny>,
    routes: Option<Bound<'py, Routes>>,
    path_params: Bound<'py, PyAny>,
    route: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = scope.py();
    let method = match scope.get_item(name!("method"))? {
        Some(method) => method.cast::<PyString>()?.to_string_lossy().into_owned(),
        None => "GET".to_owned(),
    };
    let mut target = without_root(path_of(scope)?, scope)?;
    if let Some(query) = scope.get_item(name!("query_string"))?.filter(|query| !query.is_none())
        && let query = query.cast::<PyBytes>()?.as_bytes()
        && !query.is_empty()
    {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    let fields = match scope.get_item(name!("headers"))? {
        Some(pairs) => pairs_of(&pairs)?,
        None => Vec::new(),
    };
    let head = http::Head::of(method.as_bytes(), &target, fields)
        .map_err(|error| new_error::<PyValueError>(format!("the scope has {error}")))?;
    let routes = match routes {
        Some(routes) => routes,
        None => Routes::empty(py)?,
    };
    let (routes, receive) = (routes.into(), receive.into());
    let scope = Scope { head, routes, scope: scope.clone().into_any().into(), receive };
    let made = Request::of(py, Source::Scope(Box::new(scope)), 0, Found::Missing)?;
    Request::keep((&made).into(), Attribute::PathParams, path_params);
    if let Some(route) = route {
        Request::keep((&made).into(), Attribute::Route, route);
    }
    Ok(made.into_any())
}

/// Return the class for a type of `path_params`, for annotations.
#[pyfunction]
#[pyo3(name = "__class_getitem__", signature = (item, /))]
fn generic_alias<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = item.py();
    let request = py.import(name!("vitok._native"))?.getattr(name!("Request"))?;
    py.import(name!("types"))?.getattr(name!("GenericAlias"))?.call1((request, item))
}

/// Returns the path as it was sent, or as it may have been sent.
fn path_of(scope: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    if let Some(raw) = scope.get_item(name!("raw_path"))?
        && let Ok(raw) = raw.cast::<PyBytes>()
        && let raw = raw.as_bytes().split(|byte| *byte == b'?').next().unwrap_or_default()
        && !raw.is_empty()
    {
        return Ok(raw.to_vec());
    }
    let path = match scope.get_item(name!("path"))? {
        Some(path) => path.cast::<PyString>()?.to_string_lossy().into_owned(),
        None => String::new(),
    };
    Ok(escaped(if path.is_empty() { "/" } else { &path }))
}

/// Returns a path as it may have been sent.
fn escaped(path: &str) -> Vec<u8> {
    let mut raw = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        // What a path has without an escape (RFC 3986 section 3.3).
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            raw.push(byte);
        } else {
            raw.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    raw
}

/// Returns a path without the root path, which is part of it (ASGI HTTP specification, `root_path`) but of no route.
fn without_root(raw: Vec<u8>, scope: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let Some(root) = scope.get_item(name!("root_path"))?.filter(|root| !root.is_none()) else {
        return Ok(raw);
    };
    let root = root.cast::<PyString>()?.to_string_lossy();
    let root = escaped(root.trim_end_matches('/'));
    Ok(match raw.strip_prefix(&root[..]) {
        Some([]) => b"/".to_vec(),
        Some(rest @ [b'/', ..]) => rest.to_vec(),
        _ => raw,
    })
}

/// Create headers of pairs of bytes. ValueError for a name or a value that HTTP does not allow.
#[pyfunction]
#[pyo3(name = "from_raw", signature = (pairs, /))]
fn headers_from_raw<'py>(pairs: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let fields =
        http::Fields::of(pairs_of(pairs)?).map_err(|error| new_error::<PyValueError>(error.to_string()))?;
    Ok(Headers::make(pairs.py(), fields)?.into_any())
}

/// Create the parameters of a query. HTTPError 400 for more than 1000.
#[pyfunction]
#[pyo3(name = "from_raw", signature = (query, /))]
fn query_from_raw<'py>(query: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    Ok(QueryParams::make(query.py(), query.as_bytes().into())?.into_any())
}

/// Reads pairs of bytes from any iterable of iterables.
fn pairs_of(pairs: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let bytes = |part: Option<PyResult<Bound<'_, PyAny>>>| match part {
        Some(part) => Ok::<_, PyErr>(part?.cast::<PyBytes>()?.as_bytes().to_vec()),
        None => Err(new_error::<PyValueError>("a header field is a pair of bytes")),
    };
    let pair = |pair: PyResult<Bound<'_, PyAny>>| {
        let mut parts = pair?.try_iter()?;
        Ok((bytes(parts.next())?, bytes(parts.next())?))
    };
    pairs.try_iter()?.map(pair).collect()
}
