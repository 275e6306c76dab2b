//! Calls protocols: the methods of asyncio's protocol classes, each in the context of its connection.
//!
//! Exceptions are classified and reported here; the transport decides what they mean. While a method runs anything may
//! happen to its transport, so no borrow is alive across a call.

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::call::{call_method, in_context};
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;

/// A protocol, and the context that its methods are called in.
pub(crate) struct Callee<'py> {
    pub(crate) protocol: Bound<'py, PyAny>,
    pub(crate) context: Bound<'py, PyAny>,
}

impl<'py> Callee<'py> {
    /// Calls `protocol.name(*arguments)` in the connection's context.
    #[inline(always)]
    pub(crate) fn call<const COUNT: usize>(
        &self,
        name: &Py<PyString>,
        arguments: &[pyo3::Borrowed<'_, '_, PyAny>; COUNT],
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        in_context(self.context.as_borrowed(), || call_method(self.protocol.as_borrowed(), name, arguments))
    }

    /// Calls a method in the current context: for calls that asyncio makes within the user's own call.
    pub(crate) fn call_here(&self, name: &Py<PyString>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        self.call_here_with(name, &[])
    }

    /// Does the same with arguments.
    pub(crate) fn call_here_with<const COUNT: usize>(
        &self,
        name: &Py<PyString>,
        arguments: &[pyo3::Borrowed<'_, '_, PyAny>; COUNT],
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        call_method(self.protocol.as_borrowed(), name, arguments)
    }
}

/// Returns the exception that a protocol raised, unless it is one that leaves the loop.
pub(crate) fn failure(py: Python<'_>, raised: ErrorSet) -> Result<PyErr, ErrorSet> {
    let error = raised.take(py);
    if error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Err(error.into());
    }
    Ok(error)
}

/// Returns whether an exception is caused by the network rather than by the program: asyncio reports those in debug
/// mode only.
pub(crate) fn is_network_error(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyOSError>(py)
}

/// Passes an exception of a protocol to the loop's exception handler.
pub(crate) fn report<'py>(
    owner: &Bound<'py, EventLoop>,
    message: &str,
    error: &PyErr,
    transport: Borrowed<'py>,
    protocol: Option<&Bound<'py, PyAny>>,
) -> Result<(), ErrorSet> {
    let py = owner.py();
    let details = make::dict(py)?;
    details.set_item(name!("message"), Text(message))?;
    details.set_item(name!("exception"), error.value(py))?;
    details.set_item(name!("transport"), transport)?;
    details.set_item(name!("protocol"), protocol)?;
    let name = name!("call_exception_handler");
    call_method(owner.as_any().as_borrowed(), name, &[details.as_any().as_borrowed()]).map(drop)
}
