//! The methods of a request: they return coroutines of its content, or its content at once.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::body::{self, What};
use super::reading::{self, Streamed};
use super::request::{Attribute, Request, Source};
use super::stream;
use super::values::{self, Kind};
use crate::ffi::arguments::{named, one};
use crate::ffi::constants::{none, truth};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;

const BODY: &str = "\
The whole content.

HTTPError 413 for content that is longer than max_body of the application, ClientDisconnected if the client leaves before
all of it has arrived, and RuntimeError while another task reads it, or once stream() has.";

const TEXT: &str = "\
The content as text, by the charset of Content-Type, or UTF-8.

HTTPError 415 for a charset that is not known, 400 for content that is not in it, and what body() raises.";

const JSON: &str = "\
The value that the content is JSON of.

HTTPError 415 for another media type than JSON's (none at all is accepted), 400 for content that is not JSON, and what
body() raises.";

const XML: &str = "\
The root element of the content: an xml.etree.ElementTree.Element.

HTTPError 415 for another media type than XML's (none at all is accepted), 400 for content that is not XML or passes a
limit, and what body() raises.";

const FORM: &str = "\
The fields and files of a form, urlencoded or in parts.

HTTPError 415 for another media type, 400 for content that is no such form, 413 for one that passes a limit, and what
body() raises.";

const READ: &str = "\
The whole content, as body() returns it, for a plain function, which is called when it has arrived.

The errors of body(); RuntimeError for a coroutine function whose content has not arrived.";

const READ_TEXT: &str = "\
The content as text, for a plain function: text() without await. The errors of text() and read().";

const READ_JSON: &str = "\
The value that the content is JSON of, for a plain function: json() without await. The errors of json() and read().";

const READ_XML: &str = "\
The root element of the content, for a plain function: xml() without await. The errors of xml() and read().";

const READ_FORM: &str = "\
The fields and files of a form, for a plain function: form() without await, with the application's limits.

The errors of form() and read().";

const STREAM: &str = "\
The content part by part, as it arrives, for `async for`.

Nothing is kept, and max_body is no limit. ClientDisconnected if the client leaves before the end. RuntimeError if the
content is read in another way.";

const IS_DISCONNECTED: &str = "\
Whether the client has left. The loop has a turn before that.";

const URL_FOR: &str = "\
The URL of a named route, as this client has to ask for it.

Names of the mounted application whose route answers the request come first. LookupError if no route has the name,
TypeError for parameters that are missing or unknown, ValueError for a value that no path has.";

/// The methods of the class.
pub(super) fn methods() -> Vec<Method<Request>> {
    let method = Method::new;
    let coroutines = [
        method("body", no_arguments(|this| read(this, Kind::Body)), "($self)", BODY),
        method("text", no_arguments(|this| read(this, Kind::Text)), "($self)", TEXT),
        method("json", no_arguments(|this| read(this, Kind::Json)), "($self)", JSON),
        method("xml", no_arguments(|this| read(this, Kind::Xml)), "($self)", XML),
        method("form", fastcall(form), "($self, *, limits=None)", FORM),
        method("stream", no_arguments(stream), "($self)", STREAM),
        method("is_disconnected", no_arguments(is_disconnected), "($self)", IS_DISCONNECTED),
    ];
    let url_for =
        method("url_for", fastcall(url_for), "($self, name, /, *, _query=None, **parameters)", URL_FOR);
    coroutines.into_iter().chain([url_for]).chain(functions()).chain(for_python()).collect()
}

/// The methods for code that can't wait.
fn functions() -> [Method<Request>; 5] {
    let method = Method::new;
    [
        method("read", no_arguments(|this| values::now(this, Kind::Body)), "($self)", READ),
        method("read_text", no_arguments(|this| values::now(this, Kind::Text)), "($self)", READ_TEXT),
        method("read_json", no_arguments(|this| values::now(this, Kind::Json)), "($self)", READ_JSON),
        method("read_xml", no_arguments(|this| values::now(this, Kind::Xml)), "($self)", READ_XML),
        method("read_form", no_arguments(|this| values::now(this, Kind::Form)), "($self)", READ_FORM),
    ]
}

/// The methods that `vitok.http.native.content` reads a request of another server with.
fn for_python() -> [Method<Request>; 13] {
    let method = Method::new;
    [
        method(
            "_begin_reading",
            fastcall(begin_reading),
            "($self, kind, /)",
            "Whether the content is here already.",
        ),
        method("_add", fastcall(add), "($self, event, /)", "Take an event; whether the content is here now."),
        method(
            "_begin_part",
            no_arguments(begin_part),
            "($self)",
            "A part that is here, b\"\" at the end, or None.",
        ),
        method(
            "_add_part",
            fastcall(add_part),
            "($self, event, /)",
            "The part in an event, b\"\" at the end, or None.",
        ),
        method(
            "_cease_reading",
            no_arguments(cease_reading),
            "($self)",
            "Leave the content to the next reader.",
        ),
        method("_value", fastcall(value), "($self, kind, /)", "The value of content that is here."),
        method("_is_whole", no_arguments(is_whole), "($self)", "Whether the content is here."),
        method(
            "_takes_events",
            no_arguments(takes_events),
            "($self)",
            "Whether no reader waits for an event.",
        ),
        method(
            "_form_limits",
            no_arguments(form_limits),
            "($self)",
            "The limits of the application's forms, or None.",
        ),
        method("_kept_form", no_arguments(kept_form), "($self)", "The form, or None."),
        method("_keep_form", fastcall(keep_form), "($self, form, /)", "Keep the form."),
        method("_is_lost", no_arguments(is_lost), "($self)", "Whether the client is known to have left."),
        method(
            "_keep",
            fastcall(keep),
            "($self, event, /)",
            "Keep the content of an event for the next reader.",
        ),
    ]
}

/// Returns a coroutine of the content as a value.
#[inline]
fn read(this: This<'_, Request>, kind: Kind) -> Result<Bound<'_, PyAny>, ErrorSet> {
    match &this.value().source {
        Source::Connection { .. } => body::make(this, What::Value(kind)),
        Source::Scope(scope) => {
            let py = this.py();
            let name = make::text(py, kind.name())?;
            let module = py.import(name!("vitok.http.native.content"))?;
            Ok(module.call_method1(name!("read"), (this, scope.receive.bind(py), name))?)
        }
    }
}

/// Returns a coroutine of the form. One with parts, or with limits of its own, is read by Python's code.
fn form<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (py, this) = (call.py, call.this());
    let is_plain = call.positional().is_empty() && !call.has_keywords();
    let mut limits = none(py);
    if !is_plain {
        if !call.positional().is_empty() {
            return Err(new_error::<PyTypeError>("form() takes no positional arguments").into());
        }
        limits = named(call, "form", &["limits"])?[0].map_or_else(|| none(py), |limits| limits.to_owned());
    }
    if limits.is_none() && !values::is_multipart(this)? {
        return read(this, Kind::Form);
    }
    let module = py.import(name!("vitok.http.native.content"))?;
    Ok(module.call_method1(name!("receive_form"), (this, limits))?)
}

fn url_for<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (arguments, keywords) = call.unbound()?;
    let function = call.py.import(name!("vitok.http.native.urls"))?.getattr(name!("url_for"))?;
    Ok(function.call(make::tuple(call.py, arguments)?, Some(&keywords))?)
}

fn stream(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    match &this.value().source {
        Source::Connection { .. } => stream::make(this),
        Source::Scope(scope) => {
            stream::check(this)?;
            let py = this.py();
            let module = py.import(name!("vitok.http.native.content"))?;
            Ok(module.call_method1(name!("stream"), (this, scope.receive.bind(py)))?)
        }
    }
}

fn is_disconnected(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    match &this.value().source {
        Source::Connection { .. } => body::make(this, What::IsDisconnected),
        Source::Scope(scope) => {
            let py = this.py();
            let module = py.import(name!("vitok.http.native.content"))?;
            Ok(module.call_method1(name!("is_disconnected"), (this, scope.receive.bind(py)))?)
        }
    }
}

fn begin_reading<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let kind = kind_of(one(call, "_begin_reading", "kind")?)?;
    if values::is_made(call.this(), kind) {
        return Ok(truth(call.py, true));
    }
    values::check(call.this(), kind)?;
    Ok(truth(call.py, reading::begin(call.this())?))
}

fn kind_of(name: Borrowed<'_>) -> Result<Kind, ErrorSet> {
    let kind = Kind::of(&name.cast::<PyString>().map_err(PyErr::from)?.to_string_lossy());
    kind.ok_or_else(|| new_error::<PyValueError>("content is not read as that").into())
}

fn value<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    values::value(call.this(), kind_of(one(call, "_value", "kind")?)?)
}

fn is_whole(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    Ok(truth(py, this.with_incoming(py, |incoming| incoming.is_whole())))
}

fn takes_events(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    Ok(truth(py, this.with_incoming(py, |incoming| incoming.is_idle())))
}

fn form_limits(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let limits = this.value().routes().options.bind(py).get_item(name!("form_limits"))?;
    Ok(limits.unwrap_or_else(|| none(py)))
}

fn kept_form(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(Request::made(this, Attribute::Form).unwrap_or_else(|| none(this.py())))
}

fn keep_form<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let form = one(call, "_keep_form", "form")?;
    Request::keep(call.this(), Attribute::Form, form.to_owned());
    Ok(none(call.py))
}

fn add<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (part, more) = reading::read_event(call.this(), one(call, "_add", "event")?)?;
    reading::add(call.this(), part, more)?;
    Ok(truth(call.py, !more))
}

fn begin_part(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    streamed(this, Some(reading::begin_part(this)?))
}

fn add_part<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (part, more) = reading::read_event(call.this(), one(call, "_add_part", "event")?)?;
    streamed(call.this(), reading::take_part(call.this(), part, more))
}

fn streamed(this: This<'_, Request>, streamed: Option<Streamed>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    match streamed {
        Some(Streamed::Part(part)) => part.to_object(py),
        Some(Streamed::End) => Ok(make::bytes(py, b"")?.into_any()),
        Some(Streamed::Nothing) | None => Ok(none(py)),
    }
}

fn cease_reading(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    reading::pause(this);
    Ok(none(this.py()))
}

fn is_lost(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(this.py(), reading::is_disconnected(this)))
}

fn keep<'py>(call: &Call<'py, Request>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    reading::keep(call.this(), one(call, "_keep", "event")?)?;
    Ok(none(call.py))
}
