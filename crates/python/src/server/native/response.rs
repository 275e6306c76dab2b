//! `Response`: the status, fields and content of a response, or the source of its content.
//!
//! Fields are checked when they are set, so that an error is where the mistake is.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::bytes::{self, Bytes};
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{is_bytes_like, unchanging};

/// The content type of text, and of bytes.
pub(super) const TEXT: &[u8] = b"text/plain; charset=utf-8";
pub(super) const BYTES: &[u8] = b"application/octet-stream";
pub(super) const JSON: &[u8] = b"application/json";
pub(super) const CONTENT_TYPE: &[u8] = b"content-type";

/// A name or a value of a field: one that is known here, or one of the application's.
pub(super) enum Part {
    Known(&'static [u8]),
    Own(Bytes),
}

impl Part {
    /// Returns another reference to it.
    pub(super) fn clone_ref(&self) -> Self {
        match self {
            Self::Known(known) => Self::Known(known),
            Self::Own(own) => Self::Own(own.clone_ref()),
        }
    }
}

impl AsRef<[u8]> for Part {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Known(bytes) => bytes,
            Self::Own(bytes) => bytes.as_ref(),
        }
    }
}

/// What a response says.
pub(super) struct Parts {
    pub(super) status: u16,
    /// Names in lower case, and values.
    pub(super) fields: Vec<(Part, Part)>,
    pub(super) content: Option<Bytes>,
    /// What has the content, if that is not there as bytes.
    pub(super) source: Option<Object>,
}

/// A response.
#[pyclass(frozen, immutable_type, subclass, weakref, module = "vitok._native", name = "Response")]
pub(super) struct Response(ClassCell<Parts>);

#[pymethods]
impl Response {
    /// Creates a response. TypeError or ValueError for what can't be sent.
    #[new]
    #[pyo3(signature = (content = None, status = 200, headers = None, content_type = None, source = None))]
    fn new(
        py: Python<'_>,
        content: Option<&Bound<'_, PyAny>>,
        status: u16,
        headers: Option<&Bound<'_, PyAny>>,
        content_type: Option<&Bound<'_, PyAny>>,
        source: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut parts = Parts {
            status: checked_status(status)?,
            fields: Vec::new(),
            content: None,
            source: source.map(Object::from),
        };
        if let Some(content) = content {
            parts.set_content(content)?;
        }
        if let Some(value) = content_type {
            parts.set(py, CONTENT_TYPE, Part::Own(value_of(value.as_borrowed())?));
        }
        if let Some(headers) = headers {
            parts.add_all(headers)?;
        }
        Ok(Self(ClassCell::new(parts)))
    }

    /// The status, 200 to 999.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::integer(py, self.with(py, |parts| parts.status).into())?)
    }

    #[setter]
    fn set_status(&self, py: Python<'_>, status: u16) -> PyResult<()> {
        let status = checked_status(status)?;
        self.with(py, |parts| parts.status = status);
        Ok(())
    }

    /// The content, if it is there as bytes.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let empty = make::bytes(py, b"")?.into_any();
        self.with(py, |parts| parts.content.as_ref().map_or(Ok(empty), |content| Ok(content.to_object(py)?)))
    }

    #[setter]
    fn set_body(&self, py: Python<'_>, content: &Bound<'_, PyAny>) -> PyResult<()> {
        let (content, _) = content_of(content.as_borrowed())?;
        let before = self.with(py, |parts| parts.content.replace(content));
        drop(before);
        Ok(())
    }

    /// What has the content, or None.
    #[getter]
    fn source<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.with(py, |parts| parts.source.as_ref().map(|source| source.bind(py).clone()))
    }

    #[setter]
    fn set_source(&self, py: Python<'_>, source: Option<Bound<'_, PyAny>>) {
        let source = source.map(Object::from);
        let before = self.with(py, |parts| std::mem::replace(&mut parts.source, source));
        drop(before);
    }

    /// The fields as pairs of bytes, with names in lower case.
    #[getter]
    fn raw_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let copies: Result<Vec<_>, ErrorSet> = self.with(py, |parts| {
            let copy = |(name, value): &(Part, Part)| {
                Ok([make::bytes(py, name.as_ref())?.into_any(), make::bytes(py, value.as_ref())?.into_any()])
            };
            parts.fields.iter().map(copy).collect()
        });
        let pairs: Result<Vec<_>, ErrorSet> =
            copies?.into_iter().map(|pair| Ok(make::tuple(py, pair)?.into_any())).collect();
        Ok(make::list(py, pairs?)?.into_any())
    }

    /// Return the values of a field.
    fn _get_all<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = name_of(name.as_borrowed())?;
        let values: Result<Vec<_>, ErrorSet> = self.with(py, |parts| {
            let named = parts.fields.iter().filter(|(known, _)| known.as_ref() == name.as_ref());
            named.map(|(_, value)| Ok(make::latin_1(py, value.as_ref())?.into_any())).collect()
        });
        Ok(make::list(py, values?)?.into_any())
    }

    /// Set a field, in place of all of this name.
    fn _set(&self, py: Python<'_>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, value) = (name_of(name.as_borrowed())?, value_of(value.as_borrowed())?);
        self.with(py, |parts| parts.remove(name.as_ref()));
        self.with(py, |parts| parts.fields.push((Part::Own(name), Part::Own(value))));
        Ok(())
    }

    /// Add a field behind those of this name.
    fn _add(&self, py: Python<'_>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, value) = (name_of(name.as_borrowed())?, value_of(value.as_borrowed())?);
        self.with(py, |parts| parts.fields.push((Part::Own(name), Part::Own(value))));
        Ok(())
    }

    /// Remove the fields of this name. Return whether there were any.
    fn _remove(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let name = name_of(name.as_borrowed())?;
        Ok(self.with(py, |parts| parts.remove(name.as_ref())))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let look = |parts: &Parts| parts.source.as_ref().map_or(Ok(()), |source| visit.call(&**source));
        self.0.peek(look).unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        self.set_source(py, None);
    }
}

impl Response {
    #[inline]
    pub(super) fn with<R>(&self, py: Python<'_>, body: impl FnOnce(&mut Parts) -> R) -> R {
        self.0.with(py, body)
    }
}

impl Parts {
    /// Returns a copy of the status and the fields.
    pub(super) fn head(&self) -> Self {
        let copy = |(name, value): &(Part, Part)| (name.clone_ref(), value.clone_ref());
        Self {
            status: self.status,
            fields: self.fields.iter().map(copy).collect(),
            content: None,
            source: None,
        }
    }

    /// Sets the content, and its type if that is not known yet.
    fn set_content(&mut self, content: &Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let (content, kind) = content_of(content.as_borrowed())?;
        if kind == TEXT || !content.as_ref().is_empty() {
            self.fields.push((Part::Known(CONTENT_TYPE), Part::Known(kind)));
        }
        self.content = Some(content);
        Ok(())
    }

    /// Removes the fields of this name. Returns whether there were any.
    fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.fields.len();
        self.fields.retain(|(known, _)| known.as_ref() != name);
        self.fields.len() < before
    }

    /// Sets a field that is known here.
    pub(super) fn set(&mut self, _py: Python<'_>, name: &'static [u8], value: Part) {
        self.remove(name);
        self.fields.push((Part::Known(name), value));
    }

    /// Adds fields of a mapping, or of pairs. A content type replaces the one that follows from the content.
    pub(super) fn add_all(&mut self, headers: &Bound<'_, PyAny>) -> Result<(), ErrorSet> {
        let items = match headers.cast::<PyDict>() {
            Ok(dict) => dict.items().into_any(),
            // The mapping of a response has the first value of a name in `items()`, and all of them in `items_all()`.
            Err(_) => match headers.getattr_opt(crate::name!("items_all"))? {
                Some(items) => items.call0()?,
                None => match headers.getattr_opt(crate::name!("items"))? {
                    Some(items) => items.call0()?,
                    None => headers.clone(),
                },
            },
        };
        for pair in items.try_iter()? {
            let pair = pair?;
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair
                .extract()
                .map_err(|_| new_error::<PyTypeError>("headers are pairs of name and value"))?;
            let (name, value) = (name_of(name.as_borrowed())?, value_of(value.as_borrowed())?);
            if name.as_ref() == CONTENT_TYPE {
                self.remove(CONTENT_TYPE);
            }
            self.fields.push((Part::Own(name), Part::Own(value)));
        }
        Ok(())
    }
}

/// Checks a status.
pub(super) fn checked_status(status: u16) -> PyResult<u16> {
    if (200..1000).contains(&status) {
        return Ok(status);
    }
    Err(new_error::<PyValueError>(format!("the status of a response is from 200 to 999, not {status}")))
}

/// Returns content and the type that it has without another.
fn content_of(content: Borrowed<'_>) -> Result<(Bytes, &'static [u8]), ErrorSet> {
    if let Some(text) = Bytes::of_text(content)? {
        return Ok((text, TEXT));
    }
    if let Some(bytes) = Bytes::of(content) {
        return Ok((bytes, BYTES));
    }
    if is_bytes_like(content) {
        return Ok((unchanging(content)?, BYTES));
    }
    // A subclass of str.
    if let Ok(text) = content.cast::<PyString>() {
        return Ok((bytes::kept(content.py(), text.to_cow()?.as_bytes())?, TEXT));
    }
    let kind = content.get_type().name()?;
    Err(new_error::<PyTypeError>(format!("the content of a response is bytes or str, not {kind}")).into())
}

/// Returns the name of a field, in lower case.
fn name_of(name: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    let given = part_of(name)?;
    http::check_field(given.as_ref(), b"").map_err(|_| unusable("name", given.as_ref()))?;
    if given.as_ref().iter().any(u8::is_ascii_uppercase) {
        return bytes::kept(name.py(), &given.as_ref().to_ascii_lowercase());
    }
    Ok(given)
}

/// Returns the value of a field. A string has its Latin-1 characters.
fn value_of(value: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    let given = part_of(value)?;
    http::check_field(b"x", given.as_ref()).map_err(|_| unusable("value", given.as_ref()))?;
    Ok(given)
}

fn part_of(part: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    let py = part.py();
    if let Some(bytes) = Bytes::of(part) {
        return Ok(bytes);
    }
    let Ok(text) = part.cast::<PyString>() else {
        let kind = part.get_type().name()?;
        return Err(new_error::<PyTypeError>(format!("a header is str or bytes, not {kind}")).into());
    };
    if let Some(text) = Bytes::of_text(part)?.filter(|text| text.as_ref().is_ascii()) {
        return Ok(text);
    }
    let text = text.to_cow()?;
    let latin_1: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes::kept(py, &latin_1.map_err(|_| unusable("value", text.as_bytes()))?)
}

#[cold]
fn unusable(what: &str, given: &[u8]) -> PyErr {
    let given = String::from_utf8_lossy(given);
    new_error::<PyValueError>(format!("{given:?} can't be the {what} of a header"))
}
