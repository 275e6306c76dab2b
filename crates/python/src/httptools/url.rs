//! The function parse_url and the class URL. A URL holds the bytes that it was made of and the positions of its parts,
//! which become objects when they are asked for.

use std::ops::Range;

use http::Url;
use pyo3::prelude::*;

use super::errors;
use super::feed::constant_bytes;
use crate::ffi::bytes::Bytes;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::getter::{Getter, getter, repr};
use crate::ffi::instance::{ClassValue, Plain, Visit, one_class};
use crate::ffi::make;
use crate::ffi::this::This;
use crate::name;

/// The longest URL, as in httptools.
const MOST_BYTES: usize = 65_535;

/// The parts of a URL.
pub(crate) struct ParsedUrl {
    text: Bytes,
    parts: Url,
}

impl ClassValue for ParsedUrl {
    type Head = Plain;
    one_class!(ParsedUrl);

    /// `bytes` are in no cycle.
    fn visit(&self, _visit: &mut Visit) {}

    fn clear(&self, _py: Python<'_>) {}
}

/// Parse a URL or a request target into its parts. HttpParserInvalidURLError if it is none.
#[pyfunction]
fn parse_url<'py>(py: Python<'py>, url: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let text = constant_bytes(url.as_borrowed())?;
    let length = text.as_ref().len();
    if length > MOST_BYTES {
        let text = format!("url is too long: {length} bytes, and at most {MOST_BYTES} are allowed");
        return Err(errors::invalid_url(py, &text).into());
    }
    match Url::parse(text.as_ref()) {
        Some(parts) => Ok(ParsedUrl::class().instance(py, ParsedUrl { text, parts })?.into_any()),
        None => {
            let shown = url.repr()?;
            Err(errors::invalid_url(py, &format!("invalid url {}", shown.to_string_lossy())).into())
        }
    }
}

/// Adds both to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let mut definition =
        Definition::new("URL", "The parts of a URL, as bytes; the port is a number. An absent part is None.");
    definition.getters = getters();
    definition.repr = Some(repr(described));
    definition.make(module, ParsedUrl::class())?;
    module.add_function(wrap_pyfunction!(parse_url, module)?)
}

fn getters() -> Vec<Getter<ParsedUrl>> {
    vec![
        getter("schema", |this| part(this, |parts| &parts.scheme)),
        getter("host", |this| part(this, |parts| &parts.host)),
        getter("port", |this: This<'_, ParsedUrl>| match this.parts.port {
            Some(port) => Ok(make::integer(this.py(), port.into())?),
            None => Ok(none(this.py())),
        }),
        getter("path", |this| part(this, |parts| &parts.path)),
        getter("query", |this| part(this, |parts| &parts.query)),
        getter("fragment", |this| part(this, |parts| &parts.fragment)),
        getter("userinfo", |this| part(this, |parts| &parts.user_info)),
    ]
}

/// Returns the bytes of a part, or None.
fn part<'py>(
    this: This<'py, ParsedUrl>,
    which: impl FnOnce(&Url) -> &Option<Range<usize>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = this.py();
    match which(&this.parts) {
        Some(range) => {
            let text = this.text.as_ref();
            if range.len() == text.len() {
                return Ok(this.text.to_object(py)?);
            }
            Ok(make::bytes(py, &text[range.clone()])?.into_any())
        }
        None => Ok(none(py)),
    }
}

fn described<'py>(this: This<'py, ParsedUrl>) -> PyResult<Bound<'py, PyAny>> {
    let object = this.object();
    let mut parts = Vec::new();
    for (label, name) in [
        ("schema", name!("schema")),
        ("host", name!("host")),
        ("port", name!("port")),
        ("path", name!("path")),
        ("query", name!("query")),
        ("fragment", name!("fragment")),
        ("userinfo", name!("userinfo")),
    ] {
        parts.push(format!("{label}: {}", object.getattr(name)?.repr()?.to_string_lossy()));
    }
    Ok(make::text(this.py(), &format!("<URL {}>", parts.join(", ")))?.into_any())
}
