//! The classes HttpRequestParser and HttpResponseParser as Python sees them. Both can be inherited from, and their
//! protocol is an argument of `__init__`, as in httptools.

use http::{Role, Version};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::feed;
use super::state::HttpParser;
use crate::ffi::constants::truth;
use crate::ffi::heap_type::{add_methods, finish};
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall, no_arguments};
use crate::ffi::this::{ByPyO3, Held, This};
use crate::ffi::trampoline::ErrorSet;

/// A parser of requests, for servers.
///
/// The methods of the protocol (`on_message_begin`, `on_url`, `on_header`, `on_headers_complete`, `on_body`,
/// `on_message_complete`, `on_chunk_header`, `on_chunk_complete`) are called by feed_data(). Each is optional.
#[pyclass(frozen, subclass, extends = HttpParser, module = "vitok._native")]
pub(crate) struct HttpRequestParser;

impl Held for HttpRequestParser {
    type Layout = ByPyO3;
}

#[pymethods]
impl HttpRequestParser {
    /// Creates a parser. A subclass may take arguments of its own.
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(HttpParser::new(Role::Request)).add_subclass(Self)
    }
}

/// A parser of responses, for clients.
///
/// The methods of the protocol (`on_message_begin`, `on_status`, `on_header`, `on_headers_complete`, `on_body`,
/// `on_message_complete`, `on_chunk_header`, `on_chunk_complete`) are called by feed_data(). Each is optional.
#[pyclass(frozen, subclass, extends = HttpParser, module = "vitok._native")]
pub(crate) struct HttpResponseParser;

impl Held for HttpResponseParser {
    type Layout = ByPyO3;
}

#[pymethods]
impl HttpResponseParser {
    /// Creates a parser. A subclass may take arguments of its own.
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(HttpParser::new(Role::Response)).add_subclass(Self)
    }
}

/// Adds the classes to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<HttpParser>()?;
    module.add_class::<HttpRequestParser>()?;
    module.add_class::<HttpResponseParser>()?;
    add_methods::<HttpParser>(py, common_methods())?;
    add_methods::<HttpRequestParser>(py, vec![request_method()])?;
    add_methods::<HttpResponseParser>(py, vec![response_method()])?;
    finish::<HttpRequestParser>(py);
    finish::<HttpResponseParser>(py);
    finish::<HttpParser>(py);
    Ok(())
}

fn common_methods() -> Vec<Method<HttpParser>> {
    vec![
        Method::new(
            "feed_data",
            fastcall(feed::feed_data),
            "($self, data)",
            "Parse data, and call the methods of the protocol.\n\n\
             HttpParserUpgrade if another protocol follows, with the offset of its bytes in data.\n\
             HttpParserError if the data breaks a rule, HttpParserCallbackError if a method of the protocol raises.",
        ),
        Method::new(
            "get_http_version",
            no_arguments(version),
            "($self)",
            "Return the version of the latest message, such as \"1.1\".",
        ),
        Method::new(
            "should_keep_alive",
            no_arguments(|this: This<'_, HttpParser>| {
                let keeps_alive = this.state.with(this.py(), |state| state.parser.keeps_alive());
                Ok(truth(this.py(), keeps_alive))
            }),
            "($self)",
            "Return whether another message may follow on the connection.",
        ),
        Method::new(
            "should_upgrade",
            no_arguments(|this: This<'_, HttpParser>| {
                let is_upgraded = this.state.with(this.py(), |state| state.parser.is_upgraded());
                Ok(truth(this.py(), is_upgraded))
            }),
            "($self)",
            "Return whether another protocol follows the message. It is known when its headers are complete.",
        ),
    ]
}

fn request_method() -> Method<HttpRequestParser> {
    let doc = "Return the method of the latest request.";
    Method::new("get_method", no_arguments(method), "($self)", doc)
}

fn response_method() -> Method<HttpResponseParser> {
    let doc = "Return the status of the latest response.";
    Method::new("get_status_code", no_arguments(status), "($self)", doc)
}

fn version(this: This<'_, HttpParser>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let version = match this.state.with(this.py(), |state| state.parser.version()) {
        Some(Version::Http10) => "1.0",
        // Nothing of HTTP/2 is parsed here.
        Some(Version::Http11 | Version::Http2) => "1.1",
        None => "0.0",
    };
    Ok(make::text(this.py(), version)?.into_any())
}

fn method(this: This<'_, HttpRequestParser>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let parser = This::<HttpParser>::cast(this.object());
    let method = parser.and_then(|parser| parser.state.with(py, |state| state.parser.method()));
    Ok(make::bytes(py, method.unwrap_or_default())?.into_any())
}

fn status(this: This<'_, HttpResponseParser>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let parser = This::<HttpParser>::cast(this.object());
    let status = parser.and_then(|parser| parser.state.with(py, |state| state.parser.status()));
    make::integer(py, status.unwrap_or_default().into())
}
