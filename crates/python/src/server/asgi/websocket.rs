//! ASGI's `websocket`: the events that an application receives, and the messages that it sends (ASGI WebSocket
//! specification, and its extension "Websocket Denial Response").

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use websocket::Kind;
use wire::{Message, Received, Wire as _};

use super::cycle::RequestCycle;
use super::message::{Fields, bytes_of, content, fields, item, lacking, status, truth};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::items::items;
use crate::ffi::make;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::connection::Protocol;
use crate::server::driver;

/// The code of a message that has none.
const NORMAL: u16 = 1000;

/// Returns the next event, if there is one. The first is the connection, whatever has become of it.
#[inline]
pub(super) fn next_event(cycle: This<'_, RequestCycle>) -> Result<Option<Bound<'_, PyAny>>, ErrorSet> {
    if !cycle.has_begun() {
        return connect(cycle).map(Some);
    }
    let py = cycle.py();
    let protocol = cycle.value().protocol.this(py);
    let message = loop {
        match driver::receive(protocol, cycle.request)? {
            Received::Message => {
                // If there was no memory for it, the connection has ended for that.
                if let Some(message) = protocol.state.with(py, |state| state.exchange.messages.pop_front()) {
                    break message;
                }
            }
            // The handshake has no content. HTTP tells of that once.
            Received::Content { .. } => {}
            Received::Nothing => return Ok(None),
            Received::Disconnect { .. } => return disconnect(protocol, 1006).map(Some),
            Received::Closed { code } => return disconnect(protocol, code).map(Some),
        }
    };
    let message = message.bind(py);
    let is_text = message.is_instance_of::<PyString>();
    let event = make::dict(py)?;
    event.set_item(name!("type"), name!("websocket.receive"))?;
    event.set_item(if is_text { name!("text") } else { name!("bytes") }, message)?;
    Ok(Some(event.into_any()))
}

#[cold]
fn connect(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let event = make::dict(cycle.py())?;
    event.set_item(name!("type"), name!("websocket.connect"))?;
    cycle.note_begin();
    Ok(event.into_any())
}

#[cold]
fn disconnect(protocol: This<'_, Protocol>, code: u16) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = protocol.py();
    let reason = protocol.state.with(py, |state| state.wire.close_reason().to_owned());
    let event = make::dict(py)?;
    event.set_item(name!("type"), name!("websocket.disconnect"))?;
    event.set_item(name!("code"), make::integer(py, i64::from(code))?)?;
    event.set_item(name!("reason"), make::text(py, &reason)?)?;
    Ok(event.into_any())
}

/// Reads a message. TypeError for an object that is no message, RuntimeError for a type that is not known here.
#[inline]
pub(super) fn read(message: Borrowed<'_>) -> Result<Message<Bytes>, ErrorSet> {
    if let Ok(dict) = message.cast::<PyDict>()
        && let Some([Some(kind), bytes, text]) = items(dict, [name!("type"), name!("bytes"), name!("text")])
        && is_send(&kind)
    {
        return data(bytes, text);
    }
    let kind = item(message, name!("type"))?.ok_or_else(|| lacking("without a type", "type"))?;
    let Ok(kind) = kind.cast::<PyString>() else { return Err(lacking("without a type", "type").into()) };
    Ok(match kind.to_cow()?.as_ref() {
        "websocket.send" => return data(item(message, name!("bytes"))?, item(message, name!("text"))?),
        "websocket.accept" => Message::Accept {
            subprotocol: subprotocol(item(message, name!("subprotocol"))?)?,
            fields: fields(item(message, name!("headers"))?)?,
        },
        "websocket.close" => close(message)?,
        "websocket.http.response.start" => {
            let status = status("websocket.http.response.start", item(message, name!("status"))?)?;
            let fields: Fields = fields(item(message, name!("headers"))?)?;
            Message::Start { status, fields, has_trailers: false }
        }
        "websocket.http.response.body" => Message::Content {
            content: content(item(message, name!("body"))?)?,
            more: truth(item(message, name!("more_body"))?)?,
        },
        other => {
            let text = format!("this server knows no ASGI message of the type {other:?} for a WebSocket");
            return Err(new_error::<PyRuntimeError>(text).into());
        }
    })
}

/// Returns the status with which a message answers a handshake, if the handshake waits for one.
#[inline]
pub(super) const fn status_of(message: &Message<Bytes>) -> Option<u16> {
    match message {
        Message::Accept { .. } => Some(101),
        Message::Close { .. } => Some(403),
        Message::Start { status, .. } => Some(*status),
        _ => None,
    }
}

/// Returns whether this is the type of a message to the peer. Its name has a dot, so the compiler of Python does not
/// intern it, and it has no known address.
#[inline]
fn is_send(kind: &Bound<'_, PyAny>) -> bool {
    kind.cast::<PyString>().is_ok_and(|kind| kind.to_cow().is_ok_and(|kind| kind == "websocket.send"))
}

/// Returns what a message to the peer says: exactly one of bytes and text.
#[inline]
fn data(bytes: Option<Bound<'_, PyAny>>, text: Option<Bound<'_, PyAny>>) -> Result<Message<Bytes>, ErrorSet> {
    let (kind, data) = match (present(bytes), present(text)) {
        (None, Some(text)) => (Kind::Text, text_of(&text, "websocket.send", "text")?),
        (Some(bytes), None) => (Kind::Binary, binary(bytes.as_borrowed())?),
        (Some(_), Some(_)) => {
            return Err(lacking("websocket.send", "single value: it has bytes and text").into());
        }
        (None, None) => return Err(lacking("websocket.send", "bytes and no valid text").into()),
    };
    Ok(Message::Data { kind, data })
}

fn present(value: Option<Bound<'_, PyAny>>) -> Option<Bound<'_, PyAny>> {
    value.filter(|value| !value.is_none())
}

#[inline]
fn binary(value: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    match Bytes::of(value) {
        Some(bytes) => Ok(bytes),
        None => bytes_of(value),
    }
}

#[inline]
fn text_of(text: &Bound<'_, PyAny>, message: &str, key: &str) -> Result<Bytes, ErrorSet> {
    match Bytes::of_text(text.as_borrowed())? {
        Some(bytes) => Ok(bytes),
        None => odd_text(text, message, key),
    }
}

/// Returns the text of a subclass, which is copied: releasing it could run user code.
#[cold]
fn odd_text(text: &Bound<'_, PyAny>, message: &str, key: &str) -> Result<Bytes, ErrorSet> {
    let Ok(string) = text.cast::<PyString>() else {
        let kind = text.get_type().name()?;
        return Err(new_error::<PyTypeError>(format!("{message} has {kind} where {key} is a str")).into());
    };
    crate::ffi::bytes::kept(text.py(), string.to_cow()?.as_bytes())
}

fn subprotocol(name: Option<Bound<'_, PyAny>>) -> Result<Option<Bytes>, ErrorSet> {
    present(name).map(|name| text_of(&name, "websocket.accept", "subprotocol")).transpose()
}

fn close(message: Borrowed<'_>) -> Result<Message<Bytes>, ErrorSet> {
    let code = match present(item(message, name!("code"))?) {
        None => NORMAL,
        Some(code) => code.extract().map_err(|_| lacking("websocket.close", "code: an int below 65536"))?,
    };
    let reason = match present(item(message, name!("reason"))?) {
        None => String::new(),
        Some(reason) => match reason.cast::<PyString>() {
            Ok(reason) => reason.to_cow()?.into_owned(),
            Err(_) => return Err(lacking("websocket.close", "reason: a str").into()),
        },
    };
    Ok(Message::Close { code, reason })
}
