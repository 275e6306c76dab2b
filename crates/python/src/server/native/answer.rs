//! What an endpoint returns, as a response: read here, and sent in one call of the machine.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyTuple};
use wire::{SendError, Wire as _};

use super::detach::detach;
use super::files::{self, FileSource};
use super::request::{Request, Stage};
use super::response::{BYTES, CONTENT_TYPE, JSON, Part, Parts, Response, TEXT, checked_status};
use super::routes::{Found, Routes};
use crate::ffi::bytes::Bytes;
use crate::ffi::call::{call_one, call_two};
use crate::ffi::error::new_error;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::driver;

/// What a value is.
pub(super) enum Answer<'py> {
    /// A response with one field, or none.
    Plain { status: u16, content_type: &'static [u8], content: Option<Bytes> },
    /// A response that exists only here.
    Parts(Parts),
    /// A response whose content is there.
    Whole(Bound<'py, Response>),
    /// A response whose content a source has.
    Streamed(Bound<'py, Response>),
    /// The coroutine of a value.
    Later(Bound<'py, PyAny>),
}

/// Reads a value. TypeError for one that is no response and becomes none.
#[inline]
pub(super) fn read<'py>(
    request: This<'py, Request>,
    routes: &Routes,
    value: Bound<'py, PyAny>,
) -> Result<Answer<'py>, ErrorSet> {
    if let Some(text) = Bytes::of_text(value.as_borrowed())? {
        return Ok(Answer::Plain { status: 200, content_type: TEXT, content: Some(text) });
    }
    if let Some(bytes) = Bytes::of(value.as_borrowed()) {
        return Ok(Answer::Plain { status: 200, content_type: BYTES, content: Some(bytes) });
    }
    read_other(request, routes, value)
}

fn read_other<'py>(
    request: This<'py, Request>,
    routes: &Routes,
    value: Bound<'py, PyAny>,
) -> Result<Answer<'py>, ErrorSet> {
    let py = value.py();
    if let Ok(response) = value.cast::<Response>() {
        let source =
            response.get().with(py, |parts| parts.source.as_ref().map(|source| source.bind(py).clone()));
        let Some(source) = source else { return Ok(Answer::Whole(response.clone())) };
        if let Ok(file) = source.cast::<FileSource>() {
            let head = response.get().with(py, |parts| parts.head());
            if let Some(whole) = files::answer(file.get(), head, request)? {
                return Ok(Answer::Parts(whole));
            }
        }
        return Ok(Answer::Streamed(response.clone()));
    }
    if value.is_none() {
        return Ok(Answer::Plain { status: 204, content_type: b"", content: None });
    }
    if is_json(&value) {
        let content = json(routes, &value)?;
        return Ok(Answer::Plain { status: 200, content_type: JSON, content: Some(content) });
    }
    if let Ok(pair) = value.cast::<PyTuple>() {
        return with_status(request, routes, pair);
    }
    if value.hasattr(name!("__await__"))? {
        return Ok(Answer::Later(value));
    }
    converted(request, routes, &value)
}

/// Returns the response that a value becomes, for what surrounds an endpoint. TypeError for a value that becomes none, or
/// for a coroutine.
#[pyfunction]
#[pyo3(signature = (routes, value, request, /))]
pub(super) fn response_of(
    routes: &Bound<'_, Routes>,
    value: Bound<'_, PyAny>,
    request: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let (py, routes) = (request.py(), routes.get());
    let Some(request) = This::cast(request.as_borrowed()) else {
        return Err(new_error::<PyTypeError>("expected a request"));
    };
    let parts = match read(request, routes, value)? {
        Answer::Whole(response) | Answer::Streamed(response) => return Ok(response.into_any().unbind()),
        Answer::Later(_) => return Err(new_error::<PyTypeError>("a coroutine is no response")),
        Answer::Parts(parts) => parts,
        Answer::Plain { status, content_type, content } => {
            Parts { status, fields: field_of(content_type), content, source: None }
        }
    };
    // The class in Python, which has a mapping of fields.
    let class = py.import(name!("vitok.http.native.responses"))?.getattr(name!("Response"))?;
    let response = class.call0()?.cast_into::<Response>()?;
    let before = response.get().with(py, |own| std::mem::replace(own, parts));
    drop(before);
    Ok(response.into_any().unbind())
}

/// Puts the name of the endpoint before the text of a TypeError for the value that it has returned.
#[cold]
pub(super) fn named(request: This<'_, Request>, routes: &Routes, raised: ErrorSet) -> ErrorSet {
    let py = request.py();
    let error = raised.take(py);
    let place = match request.value().found {
        Found::Entry { place, .. } if !request.is_past(Stage::Handled) => place,
        _ => return error.into(),
    };
    if !error.is_instance_of::<PyTypeError>(py) {
        return error.into();
    }
    let endpoint = routes.entry(place).endpoint.bind(py);
    let text = |name| endpoint.getattr(name).and_then(|text| text.extract::<String>()).unwrap_or_default();
    let name = format!("{}.{}", text(name!("__module__")), text(name!("__qualname__")));
    let better = new_error::<PyTypeError>(format!("handler {name}: {}", error.value(py)));
    better.set_cause(py, Some(error));
    better.into()
}

fn field_of(content_type: &'static [u8]) -> Vec<(Part, Part)> {
    let field = (Part::Known(CONTENT_TYPE), Part::Known(content_type));
    if content_type.is_empty() { Vec::new() } else { vec![field] }
}

fn is_json(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
}

/// Returns a value as JSON.
fn json(routes: &Routes, value: &Bound<'_, PyAny>) -> Result<Bytes, ErrorSet> {
    let py = value.py();
    let Some(encode) = &routes.json_encode else {
        return Err(new_error::<PyTypeError>("this application has no encoder of JSON").into());
    };
    let encoded = call_one(encode.bind_borrowed(py), value.as_borrowed())?;
    match (Bytes::of(encoded.as_borrowed()), Bytes::of_text(encoded.as_borrowed())?) {
        (Some(bytes), _) | (None, Some(bytes)) => Ok(bytes),
        (None, None) => Err(new_error::<PyTypeError>("json_encode returned neither bytes nor str").into()),
    }
}

/// Converts a value of a type that is not known here by the application's function.
fn converted<'py>(
    request: This<'py, Request>,
    routes: &Routes,
    value: &Bound<'py, PyAny>,
) -> Result<Answer<'py>, ErrorSet> {
    let py = value.py();
    let kind = value.get_type();
    if let Some(values) = &routes.values {
        let made = call_two(values.bind_borrowed(py), [value.as_borrowed(), request.object()])?;
        // A function that returns what it was given would be asked for ever.
        if !made.get_type().is(&kind) {
            return read(request, routes, made);
        }
    }
    Err(new_error::<PyTypeError>(format!("{} is no response", kind.name()?)).into())
}

/// Reads `(value, status)` and `(value, status, headers)`.
fn with_status<'py>(
    request: This<'py, Request>,
    routes: &Routes,
    given: &Bound<'py, PyTuple>,
) -> Result<Answer<'py>, ErrorSet> {
    let wrong = "a tuple that is a response is (value, status) or (value, status, headers)";
    if !(2..=3).contains(&given.len()) {
        return Err(new_error::<PyTypeError>(wrong).into());
    }
    let status: u16 = given.get_item(1)?.extract().map_err(|_| new_error::<PyTypeError>(wrong))?;
    let status = checked_status(status)?;
    let item = given.get_item(0)?;
    if item.is_instance_of::<PyTuple>() {
        return Err(new_error::<PyTypeError>(wrong).into());
    }
    let is_response = item.is_instance_of::<Response>();
    let mut parts = match read(request, routes, item)? {
        Answer::Plain { content_type, content, .. } => {
            Parts { status, fields: field_of(content_type), content, source: None }
        }
        Answer::Parts(parts) => Parts { status, ..parts },
        // The application's function has made it of a value, and nobody else has it.
        Answer::Whole(made) if !is_response => {
            let taken = Parts { status, fields: Vec::new(), content: None, source: None };
            let parts = made.get().with(given.py(), |own| std::mem::replace(own, taken));
            Parts { status, ..parts }
        }
        Answer::Whole(_) | Answer::Streamed(_) | Answer::Later(_) => {
            let text = "the value in a tuple that is a response is no Response and no coroutine";
            return Err(new_error::<PyTypeError>(text).into());
        }
    };
    if given.len() == 3 {
        parts.add_all(&given.get_item(2)?)?;
    }
    Ok(Answer::Parts(parts))
}

/// Sends a response as a whole. Nobody is told if the client has left.
#[inline]
pub(super) fn respond(request: This<'_, Request>, answer: Answer<'_>) -> Result<(), ErrorSet> {
    let py = request.py();
    let (protocol, id) = request.value().connection(py)?;
    detach(request);
    // Releasing the last reference runs user code, which may ask the connection for something.
    let kept = if let Answer::Whole(response) = &answer { Some(response.clone()) } else { None };
    let sent = driver::respond(protocol, |wire, context, out| match answer {
        Answer::Plain { status, content_type, content } => {
            let kind = [(CONTENT_TYPE, content_type)];
            let fields = kind.into_iter().filter(|(_, kind)| !kind.is_empty());
            wire.respond(id, wire::Response { status, fields, content }, context, out)
        }
        Answer::Parts(Parts { status, fields, content, .. }) => {
            wire.respond(id, wire::Response { status, fields: pairs(&fields), content }, context, out)
        }
        Answer::Whole(response) => response.get().with(py, |parts| {
            let (status, content) = (parts.status, parts.content.as_ref().map(Bytes::clone_ref));
            wire.respond(id, wire::Response { status, fields: pairs(&parts.fields), content }, context, out)
        }),
        Answer::Streamed(_) | Answer::Later(_) => Err(SendError::Complete),
    });
    drop(kept);
    match sent? {
        Ok(_) | Err(SendError::Disconnected) => Ok(()),
        Err(SendError::Invalid(error)) => Err(new_error::<PyRuntimeError>(error.to_string()).into()),
        Err(SendError::Misused(text)) => Err(new_error::<PyRuntimeError>(text).into()),
        Err(SendError::Complete | SendError::OutOfOrder(_)) => {
            Err(new_error::<PyRuntimeError>("a request is answered once").into())
        }
    }
}

#[inline]
fn pairs(fields: &[(Part, Part)]) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
}
