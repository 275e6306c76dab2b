//! The methods of a protocol, looked up once when a parser is made, as httptools does.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::name;

/// A method of a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Callback {
    MessageBegin,
    Url,
    Status,
    Header,
    HeadersComplete,
    Body,
    MessageComplete,
    ChunkHeader,
    ChunkComplete,
}

impl Callback {
    /// The text of the error if it raises, as in httptools.
    pub(super) fn failure(self) -> &'static str {
        match self {
            Callback::MessageBegin => "`on_message_begin` callback error",
            Callback::Url => "`on_url` callback error",
            Callback::Status => "`on_status` callback error",
            Callback::Header => "`on_header` callback error",
            Callback::HeadersComplete => "`on_headers_complete` callback error",
            Callback::Body => "`on_body` callback error",
            Callback::MessageComplete => "`on_message_complete` callback error",
            Callback::ChunkHeader => "`on_chunk_header` callback error",
            Callback::ChunkComplete => "`on_chunk_complete` callback error",
        }
    }
}

const COUNT: usize = 9;

/// The methods that a protocol has.
pub(super) struct Callbacks([Option<Object>; COUNT]);

impl Callbacks {
    /// No methods.
    pub(super) const NONE: Self = Self([const { None }; COUNT]);

    /// Looks up the methods. One that is absent or None is not called.
    pub(super) fn of(protocol: &Bound<'_, PyAny>, is_response: bool) -> PyResult<Self> {
        let mut found = Self::NONE;
        let names = [
            (Callback::MessageBegin, name!("on_message_begin")),
            (Callback::Header, name!("on_header")),
            (Callback::HeadersComplete, name!("on_headers_complete")),
            (Callback::Body, name!("on_body")),
            (Callback::MessageComplete, name!("on_message_complete")),
            (Callback::ChunkHeader, name!("on_chunk_header")),
            (Callback::ChunkComplete, name!("on_chunk_complete")),
            if is_response {
                (Callback::Status, name!("on_status"))
            } else {
                (Callback::Url, name!("on_url"))
            },
        ];
        for (callback, name) in names {
            let method = protocol.getattr_opt(name)?;
            found.0[callback as usize] = method.filter(|method| !method.is_none()).map(Object::from);
        }
        Ok(found)
    }

    /// Returns the method, if there is one.
    #[inline(always)]
    pub(super) fn get<'py>(&'py self, py: Python<'py>, callback: Callback) -> Option<Borrowed<'py>> {
        self.0[callback as usize].as_ref().map(|method| method.bind_borrowed(py))
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.iter().flatten().try_for_each(|method| visit.call(&**method))
    }
}
