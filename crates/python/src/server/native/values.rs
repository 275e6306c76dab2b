//! Content as a value: text, JSON, XML, a form. What is wrong with content is an HTTPError that says where.

use content::media_type::MediaType;
use pyo3::exceptions::{PyRecursionError, PyUnicodeDecodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::forms;
use super::http_error::http_error;
use super::reading;
use super::request::{Attribute, Request};
use crate::ffi::call::{call_method, call_one};
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// What content is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Body,
    Text,
    Json,
    Xml,
    Form,
}

impl Kind {
    /// Returns the kind of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "body" => Self::Body,
            "text" => Self::Text,
            "json" => Self::Json,
            "xml" => Self::Xml,
            "form" => Self::Form,
            _ => return None,
        })
    }

    /// Returns the name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Text => "text",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Form => "form",
        }
    }

    /// Returns the method that reads content as this.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Body => "Request.body",
            Self::Text => "Request.text",
            Self::Json => "Request.json",
            Self::Xml => "Request.xml",
            Self::Form => "Request.form",
        }
    }

    /// Returns where the value is kept: whoever asks again gets the same.
    const fn place(self) -> Option<Attribute> {
        match self {
            Self::Body => None,
            Self::Text => Some(Attribute::Text),
            Self::Json => Some(Attribute::Json),
            Self::Xml => Some(Attribute::Xml),
            Self::Form => Some(Attribute::Form),
        }
    }
}

/// Checks, before the content is read, that its media type can be read as this: HTTPError 415.
pub(super) fn check(this: This<'_, Request>, kind: Kind) -> Result<(), ErrorSet> {
    let py = this.py();
    if kind == Kind::Body {
        return Ok(());
    }
    let refusal = this.with_head(py, |head| {
        let Some(value) = head.fields().value_of(b"content-type") else { return without(kind) };
        match MediaType::parse(value) {
            Ok(media_type) => refusal(&media_type, kind),
            Err(error) => Some((400, format!("Content-Type: {error}"))),
        }
    })?;
    match refusal {
        Some((status, detail)) => Err(http_error(py, status, &detail)),
        None => Ok(()),
    }
}

/// Returns why content without a media type is refused. Only a form has no format without one.
fn without(kind: Kind) -> Option<(u16, String)> {
    (kind == Kind::Form).then(|| (415, "the content has no Content-Type where a form is expected".to_owned()))
}

fn refusal(media_type: &MediaType<'_>, kind: Kind) -> Option<(u16, String)> {
    let subtype = media_type.subtype();
    let has_suffix = |suffix: &[u8]| {
        subtype.len() > suffix.len() && subtype[subtype.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    };
    let (is_taken, expected) = match kind {
        Kind::Body | Kind::Text => (true, ""),
        Kind::Json => {
            let is_json = media_type.is(b"application", b"json") || media_type.is(b"text", b"json");
            (is_json || has_suffix(b"+json"), "application/json")
        }
        Kind::Xml => {
            let is_xml = media_type.is(b"application", b"xml") || media_type.is(b"text", b"xml");
            (is_xml || has_suffix(b"+xml"), "application/xml")
        }
        Kind::Form => {
            let is_form = media_type.is(b"application", b"x-www-form-urlencoded");
            (is_form || media_type.is(b"multipart", b"form-data"), "a form")
        }
    };
    if is_taken {
        return None;
    }
    let [kind, subtype] = [media_type.kind(), subtype].map(String::from_utf8_lossy);
    Some((415, format!("the content is {kind}/{subtype} where {expected} is expected")))
}

/// Returns the value for code that can't wait: RuntimeError if the content has not arrived.
pub(super) fn now(this: This<'_, Request>, kind: Kind) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if !is_made(this, kind) {
        check(this, kind)?;
    }
    value(this, kind)
}

/// Returns whether the value was made before.
pub(super) fn is_made(this: This<'_, Request>, kind: Kind) -> bool {
    kind.place().is_some_and(|place| Request::made(this, place).is_some())
}

/// Returns whether the content is a form of parts.
pub(super) fn is_multipart(this: This<'_, Request>) -> Result<bool, ErrorSet> {
    this.with_head(this.py(), |head| {
        let value = head.fields().value_of(b"content-type").unwrap_or_default();
        MediaType::parse(value).is_ok_and(|media_type| media_type.is(b"multipart", b"form-data"))
    })
}

/// Returns the value of content that is here.
#[inline]
pub(super) fn value(this: This<'_, Request>, kind: Kind) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let Some(place) = kind.place() else { return reading::whole(this) };
    Ok(Request::kept(this, place, || {
        let content = reading::whole(this)?;
        let content = content.cast::<PyBytes>().map_err(PyErr::from)?;
        match kind {
            Kind::Body => Ok(content.clone().into_any()),
            Kind::Text => text(this, content),
            Kind::Json => json(this, content),
            Kind::Xml => xml(this, content),
            Kind::Form => form(this, content),
        }
    })?)
}

/// Returns the parameter `charset` of the media type.
fn charset(this: This<'_, Request>) -> Result<Option<String>, ErrorSet> {
    let py = this.py();
    let charset = this.with_head(py, |head| {
        let value = head.fields().value_of(b"content-type")?;
        let charset = MediaType::parse(value).and_then(|media_type| media_type.charset());
        Some(charset.map(|charset| charset.map(|charset| String::from_utf8_lossy(&charset).into_owned())))
    })?;
    match charset {
        None => Ok(None),
        Some(Ok(charset)) => Ok(charset),
        Some(Err(error)) => Err(http_error(py, 400, &format!("Content-Type: {error}"))),
    }
}

/// Decodes text by its charset, which is UTF-8 unless it is given.
fn text<'py>(this: This<'py, Request>, content: &Bound<'py, PyBytes>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = this.py();
    let charset = charset(this)?;
    let name = charset.as_deref().unwrap_or("utf-8");
    let decoded = if name.eq_ignore_ascii_case("utf-8") {
        make::decoded(py, content.as_bytes()).map(Bound::into_any)
    } else {
        let module = py.import(name!("vitok.http.native.content"))?;
        module.call_method1(name!("decode"), (content, Text(name))).map_err(ErrorSet::from)
    };
    decoded.map_err(|raised: ErrorSet| {
        let error = raised.take(py);
        if !error.is_instance_of::<PyUnicodeDecodeError>(py) {
            return error.into();
        }
        let start = error.value(py).getattr(name!("start")).and_then(|start| start.extract::<usize>());
        match start {
            Ok(start) => http_error(py, 400, &format!("the content is not {name}, at byte {start}")),
            Err(error) => error.into(),
        }
    })
}

fn json<'py>(this: This<'py, Request>, content: &Bound<'py, PyBytes>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = this.py();
    let decoded = match &this.value().routes().json_decode {
        Some(decode) => call_one(decode.bind_borrowed(py), content.as_any().as_borrowed()),
        None => {
            let module = py.import(name!("vitok.http.native.content"))?;
            call_method(
                module.as_any().as_borrowed(),
                name!("decode_json"),
                &[content.as_any().as_borrowed()],
            )
        }
    };
    decoded.map_err(|raised| refuse(py, raised, "JSON"))
}

/// Makes an HTTPError of the error of a decoder, whose text says where.
#[cold]
fn refuse(py: Python<'_>, raised: ErrorSet, format: &str) -> ErrorSet {
    let error = raised.take(py);
    if error.is_instance_of::<PyRecursionError>(py) {
        return http_error(py, 400, &format!("the content is {format} that is nested too deeply"));
    }
    if !error.is_instance_of::<PyValueError>(py) {
        return error.into();
    }
    match error.value(py).str() {
        Ok(text) => http_error(py, 400, &format!("the content is not {format}: {}", text.to_string_lossy())),
        Err(error) => error.into(),
    }
}

fn xml<'py>(this: This<'py, Request>, content: &Bound<'py, PyBytes>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = this.py();
    let charset = charset(this)?;
    let charset = charset.as_deref().map(|charset| make::text(py, charset)).transpose()?;
    let read = py.import(name!("vitok._native"))?.getattr(name!("read_xml"))?;
    read.call1((content, charset)).map_err(|error| refuse(py, error.into(), "XML"))
}

fn form<'py>(this: This<'py, Request>, content: &Bound<'py, PyBytes>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = this.py();
    if this.with_head(py, |head| forms::is_urlencoded(head.fields()))? {
        return forms::form_of(py, content.as_bytes(), this.value().routes().form_limits.as_ref());
    }
    let module = py.import(name!("vitok.http.native.forms"))?;
    Ok(module.call_method1(name!("parse_form"), (this, content, py.None()))?)
}
