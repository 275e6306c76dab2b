//! The addresses of a connection's ends, in ASGI's form, and whether the connection is encrypted.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::connection::Protocol;
use crate::ffi::constants::none;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;

/// Returns the client's address and the server's, looked up at a connection's first request. None without a connection.
pub(super) fn of(protocol: This<'_, Protocol>) -> Result<[Bound<'_, PyAny>; 2], ErrorSet> {
    let (py, value) = (protocol.py(), protocol.value());
    let known = value.state.with(py, |state| {
        state.addresses.as_ref().map(|ends| ends.each_ref().map(|end| end.bind(py).clone()))
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let Some(transport) = value.transport(py) else { return Ok([none(py), none(py)]) };
    let [peer, own] = transport.addresses(py)?;
    let ends = [endpoint(peer, false)?, endpoint(own, true)?];
    keep(protocol, &ends);
    Ok(ends)
}

/// Keeps the addresses for the next requests of the connection.
pub(super) fn keep(protocol: This<'_, Protocol>, ends: &[Bound<'_, PyAny>; 2]) {
    let objects = ends.each_ref().map(|end| end.clone().into());
    let before = protocol.state.with(protocol.py(), |state| state.addresses.replace(objects));
    drop(before);
}

/// Returns whether the client speaks TLS.
pub(super) fn is_secure(protocol: This<'_, Protocol>) -> bool {
    protocol
        .state
        .with(protocol.py(), |state| state.transport.as_ref().is_some_and(|transport| transport.is_secure()))
}

/// Returns `(host, port)`, for a server's Unix socket `(path, None)`, otherwise None.
pub(super) fn endpoint<'py>(address: Bound<'py, PyAny>, is_server: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = address.py();
    if let Ok(address) = address.cast::<PyTuple>()
        && address.len() >= 2
    {
        if address.len() == 2 {
            return Ok(address.clone().into_any());
        }
        return Ok(make::tuple(py, [address.get_item(0)?, address.get_item(1)?])?.into_any());
    }
    if is_server && address.is_instance_of::<PyString>() && address.is_truthy()? {
        return Ok(make::tuple(py, [address, none(py)])?.into_any());
    }
    Ok(none(py))
}
