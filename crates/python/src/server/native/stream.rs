//! `stream()`: the content of a request part by part, as an asynchronous iterator.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use super::body::{self, What};
use super::incoming::Incoming;
use super::reading;
use super::request::Request;
use crate::ffi::async_iterator::{self, AsyncIterator};
use crate::ffi::class::Definition;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;

/// The parts of the content of a request.
pub(super) struct Stream {
    request: Object<Request>,
    /// Whether it has yielded content that was gathered before.
    has_yielded_all: AtomicBool,
}

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition::new("HttpStream", "The content of a request, part by part.");
    async_iterator::make_class(module, Stream::class(), definition).map(drop)
}

/// Returns the parts of the content, once. RuntimeError if it is read in another way, or was streamed.
pub(super) fn make(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    check(this)?;
    let py = this.py();
    let has_yielded_all = AtomicBool::new(false);
    Ok(Stream::class().instance(py, Stream { request: this.to_owned().into(), has_yielded_all })?.into_any())
}

/// Checks that a stream may begin.
pub(super) fn check(this: This<'_, Request>) -> Result<(), ErrorSet> {
    let checked = this.with_incoming(this.py(), |incoming| incoming.check_stream());
    checked.map_err(|obstacle| reading::raise(this, obstacle))
}

impl AsyncIterator for Stream {
    fn next(this: This<'_, Self>) -> Result<Bound<'_, PyAny>, ErrorSet> {
        let (py, stream) = (this.py(), this.value());
        let request = stream.request.this(py);
        if !request.with_incoming(py, |incoming| Incoming::is_whole(incoming)) {
            return body::make(request, What::Part);
        }
        let had_all = stream.has_yielded_all.swap(true, Ordering::Relaxed);
        body::make(request, if had_all { What::End } else { What::Part })
    }
}

impl ClassValue for Stream {
    type Head = Weak;

    one_class!(Stream);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.request);
    }

    fn clear(&self, _py: Python<'_>) {}
}
