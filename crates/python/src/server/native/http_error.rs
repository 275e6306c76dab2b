//! Exceptions of Python's modules, raised from here.

use pyo3::prelude::*;

use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Raises `HTTPError(status, detail)`.
#[cold]
pub(super) fn http_error(py: Python<'_>, status: u16, detail: &str) -> ErrorSet {
    let make = || {
        let class = py.import(name!("vitok.http.native.errors"))?.getattr(name!("HTTPError"))?;
        class.call1((make::integer(py, status.into())?, Text(detail)))
    };
    match make() {
        Ok(error) => PyErr::from_value(error).into(),
        Err(error) => error.into(),
    }
}

/// Raises `ClientDisconnected()`.
#[cold]
pub(super) fn client_disconnected(py: Python<'_>) -> ErrorSet {
    let make =
        || py.import(name!("vitok.http.native.content"))?.getattr(name!("ClientDisconnected"))?.call0();
    match make() {
        Ok(error) => PyErr::from_value(error).into(),
        Err(error) => error.into(),
    }
}
