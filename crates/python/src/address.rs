//! Addresses of sockets as Python's `socket` module gives them, made out of the kernel's.
//!
//! It knows no socket and asks no kernel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use reactor::Address;

/// `("127.0.0.1", 80)`, `("::1", 80, 0, 0)`, a path, or `bytes` for an abstract name. `None` for another family.
pub(crate) fn to_object<'py>(py: Python<'py>, address: &Address) -> PyResult<Bound<'py, PyAny>> {
    Ok(match address {
        Address::V4 { addr, port } => (addr.to_string(), *port).into_pyobject(py)?.into_any(),
        Address::V6 { addr, port, flowinfo, scope_id } => {
            (addr.to_string(), *port, *flowinfo, *scope_id).into_pyobject(py)?.into_any()
        }
        Address::Unix(path) if path.first() == Some(&0) => PyBytes::new(py, path).into_any(),
        Address::Unix(path) if path.is_empty() => PyString::new(py, "").into_any(),
        Address::Unix(path) => OsStr::from_bytes(path).into_pyobject(py)?.to_owned().into_any(),
        _ => py.None().into_bound(py),
    })
}
