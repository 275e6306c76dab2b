//! Reads the messages that an application sends (ASGI HTTP specification and extensions).

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyDictMethods, PyList, PyString, PyTuple};
use wire::Message;

use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::items::items;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{is_bytes_like, unchanging};

/// Fields as name and value, in bytes that never change.
pub(super) type Fields = Vec<(Bytes, Bytes)>;

/// Reads a message; `None` if it is one of those that send a file. TypeError for an object that is no message,
/// RuntimeError for a type that is not known here.
#[inline]
pub(super) fn read(message: Borrowed<'_>) -> Result<Option<Message<Bytes>>, ErrorSet> {
    let [kind, status, headers, trailers, body, more_body] = usual_items(message)?;
    let kind = kind.ok_or_else(|| lacking("without a type", "type"))?;
    let Ok(kind) = kind.cast::<PyString>() else { return Err(lacking("without a type", "type").into()) };
    Ok(Some(match kind.to_cow()?.as_ref() {
        "http.response.body" => Message::Content { content: content(body)?, more: truth(more_body)? },
        "http.response.start" => {
            let (status, fields) = (self::status("http.response.start", status)?, fields(headers)?);
            Message::Start { status, fields, has_trailers: truth(trailers)? }
        }
        "http.response.trailers" => {
            let fields = fields(headers)?;
            Message::Trailers { fields, more: truth(item(message, name!("more_trailers"))?)? }
        }
        "http.response.early_hint" => Message::EarlyHint { links: links(message)? },
        "http.response.pathsend" | "http.response.zerocopysend" => return Ok(None),
        other => {
            let text = format!("this server knows no ASGI message of the type {other:?} here");
            return Err(new_error::<PyRuntimeError>(text).into());
        }
    }))
}

/// Returns the items that the two messages of a usual response have: by one walk over a usual message, otherwise by a
/// search for each.
#[inline]
fn usual_items(message: Borrowed<'_>) -> Result<[Option<Bound<'_, PyAny>>; 6], ErrorSet> {
    let names = [
        name!("type"),
        name!("status"),
        name!("headers"),
        name!("trailers"),
        name!("body"),
        name!("more_body"),
    ];
    if let Ok(dict) = message.cast::<PyDict>()
        && let Some(found) = items(dict, names)
    {
        return Ok(found);
    }
    let mut found = [const { None }; 6];
    for (place, name) in found.iter_mut().zip(names) {
        *place = item(message, name)?;
    }
    Ok(found)
}

/// Returns the item of a message with this name.
#[inline]
pub(super) fn item<'py>(
    message: Borrowed<'py>,
    name: &Py<PyString>,
) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    let py = message.py();
    if let Ok(message) = message.cast::<PyDict>() {
        return Ok(message.get_item(name)?);
    }
    let Ok(value) = message.call_method1(name!("get"), (name,)) else {
        let kind = message.get_type().name()?;
        return Err(new_error::<PyTypeError>(format!("an ASGI message is a dict, not {kind}")).into());
    };
    Ok(if value.is(py.None().bind(py)) { None } else { Some(value) })
}

/// Returns a truth value; false if it is missing.
#[inline]
pub(super) fn truth(value: Option<Bound<'_, PyAny>>) -> Result<bool, ErrorSet> {
    value.map_or(Ok(false), |value| Ok(value.is_truthy()?))
}

/// Returns the content of a body message; `None` if it is empty.
#[inline]
pub(super) fn content(body: Option<Bound<'_, PyAny>>) -> Result<Option<Bytes>, ErrorSet> {
    let Some(value) = body else { return Ok(None) };
    if let Some(bytes) = Bytes::of(value.as_borrowed()) {
        return Ok(if bytes.as_ref().is_empty() { None } else { Some(bytes) });
    }
    if value.is_none() {
        return Ok(None);
    }
    Ok(Some(bytes_of(value.as_borrowed())?))
}

/// Returns the status of a start message.
#[inline]
pub(super) fn status(kind: &str, status: Option<Bound<'_, PyAny>>) -> Result<u16, ErrorSet> {
    match status {
        Some(value) => Ok(value.extract().map_err(|_| lacking(kind, "status: an int of three digits"))?),
        None => Err(lacking(kind, "status").into()),
    }
}

/// Returns the fields in `headers` of a message.
#[inline]
pub(super) fn fields(headers: Option<Bound<'_, PyAny>>) -> Result<Fields, ErrorSet> {
    let Some(headers) = headers else { return Ok(Vec::new()) };
    if let Ok(list) = headers.cast::<PyList>() {
        let mut fields = Vec::with_capacity(list.len());
        // By index, and not up to the current length: a pair of an unusual type may run code that changes the list.
        let mut place = 0;
        while place < list.len() {
            fields.push(field(&list.get_item(place)?)?);
            place += 1;
        }
        return Ok(fields);
    }
    let mut fields = Vec::new();
    for pair in headers.try_iter()? {
        fields.push(field(&pair?)?);
    }
    Ok(fields)
}

#[inline]
fn field(pair: &Bound<'_, PyAny>) -> Result<(Bytes, Bytes), ErrorSet> {
    if let Ok(pair) = pair.cast_exact::<PyTuple>()
        && pair.len() == 2
    {
        let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
        if let (Some(name), Some(value)) = (Bytes::of_borrowed(&name), Bytes::of_borrowed(&value)) {
            return Ok((name, value));
        }
    }
    odd_field(pair)
}

/// Returns a pair of another type, such as a list, or of other objects with bytes.
#[cold]
fn odd_field(pair: &Bound<'_, PyAny>) -> Result<(Bytes, Bytes), ErrorSet> {
    let unusable =
        || new_error::<PyTypeError>("a header of an ASGI message is a pair of bytes, name and value");
    let parts: Vec<Bound<'_, PyAny>> = pair.try_iter().map_err(|_| unusable())?.collect::<PyResult<_>>()?;
    let [name, value] = &parts[..] else { return Err(unusable().into()) };
    if name.is_instance_of::<PyString>() || value.is_instance_of::<PyString>() {
        return Err(unusable().into());
    }
    Ok((bytes_of(name.as_borrowed())?, bytes_of(value.as_borrowed())?))
}

/// Returns bytes that never change, of any object that has bytes.
pub(super) fn bytes_of(value: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    if value.is_instance_of::<PyString>() {
        return Err(new_error::<PyTypeError>("an ASGI message has str where bytes belong").into());
    }
    // A subclass is copied: releasing it could run user code.
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return crate::ffi::bytes::kept(value.py(), bytes.as_bytes());
    }
    if !is_bytes_like(value) {
        let kind = value.get_type().name()?;
        return Err(new_error::<PyTypeError>(format!("an ASGI message has {kind} where bytes belong")).into());
    }
    unchanging(value)
}

/// Returns the links of an early hint.
fn links(message: Borrowed<'_>) -> Result<Vec<Bytes>, ErrorSet> {
    let Some(links) = item(message, name!("links"))? else { return Ok(Vec::new()) };
    links.try_iter()?.map(|link| bytes_of(link?.as_borrowed())).collect()
}

/// Returns the error for a message without a required item.
#[cold]
pub(super) fn lacking(kind: &str, what: &str) -> PyErr {
    new_error::<PyTypeError>(format!("the ASGI message {kind} has no valid {what}"))
}
