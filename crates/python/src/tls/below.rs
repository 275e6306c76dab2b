//! The transport below: a stream of the loop, or any other transport, such as TLS around this one.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::call::call_method;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::stream::{self, Stream};

/// A reference to the transport.
pub(super) enum Below {
    Stream(Object<Stream>),
    Foreign(Object),
}

impl Below {
    pub(super) fn new(transport: Borrowed<'_>) -> Self {
        if let Some(stream) = This::<Stream>::cast(transport) {
            return Self::Stream(stream.to_owned().into());
        }
        Self::Foreign(transport.to_owned().into())
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Stream(object) => Self::Stream(object.clone_ref(py)),
            Self::Foreign(object) => Self::Foreign(object.clone_ref(py)),
        }
    }

    pub(super) fn object(&self) -> &Py<PyAny> {
        match self {
            Self::Stream(object) => object.as_any(),
            Self::Foreign(object) => object,
        }
    }

    /// Sends bytes now, or as soon as there is room.
    #[inline]
    pub(super) fn send(&self, py: Python<'_>, bytes: &[u8]) -> Result<(), ErrorSet> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self {
            Self::Stream(stream) => stream::send_now(stream.this(py), bytes),
            Self::Foreign(transport) => {
                let data = make::bytes(py, bytes)?;
                call_method(transport.bind_borrowed(py), name!("write"), &[data.as_any().as_borrowed()])
                    .map(drop)
            }
        }
    }

    /// Returns whether a stream of the loop is lost, without a call.
    pub(super) fn is_lost(&self, py: Python<'_>) -> bool {
        match self {
            Self::Stream(stream) => stream::is_lost(stream.this(py)),
            Self::Foreign(_) => false,
        }
    }

    /// Returns whether it is closing. asyncio's own TLS transport tells that only of itself.
    pub(super) fn is_closing(&self, py: Python<'_>) -> Result<bool, ErrorSet> {
        Ok(self.call(py, name!("is_closing"))?.is_truthy()?)
    }

    /// Calls a method without arguments.
    pub(super) fn call<'py>(
        &self,
        py: Python<'py>,
        method: &Py<PyString>,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        call_method(self.object().bind_borrowed(py), method, &[])
    }

    /// Loses the connection, to an exception or to None.
    pub(super) fn force_close(&self, py: Python<'_>, error: Option<&PyErr>) -> Result<(), ErrorSet> {
        let error =
            error.map_or_else(|| py.None().into_bound(py), |error| error.value(py).clone().into_any());
        let transport = self.object().bind(py);
        if transport.getattr_opt(name!("_force_close"))?.is_some() {
            call_method(transport.as_borrowed(), name!("_force_close"), &[error.as_borrowed()]).map(drop)
        } else {
            self.call(py, name!("abort")).map(drop)
        }
    }
}
