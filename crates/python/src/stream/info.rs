//! The values of a transport's `get_extra_info()`.
//!
//! Addresses are stored in the kernel's form and converted when they are requested; the socket object is created
//! likewise.

use std::os::fd::{IntoRawFd, RawFd};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use reactor::Address;

use super::state::{Socket, Stream};
use crate::address::to_object;
use crate::ffi::make;
use crate::ffi::socket_object::{SocketObject, socket_class};
use crate::ffi::this::{Borrowed, This};
use crate::imports::Imports;
use crate::name;

/// Implements `transport.get_extra_info(name, default)`.
pub(super) fn extra<'py>(
    stream: This<'py, Stream>,
    name: Borrowed<'py>,
    default: Option<Borrowed<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = stream.py();
    let known = known(stream)?;
    if let Some(value) = known.get_item(name)? {
        return Ok(value);
    }
    let computed = match name.cast::<PyString>() {
        Ok(name) => compute(stream, &name.to_cow()?)?,
        Err(_) => None,
    };
    match computed {
        Some(value) => {
            known.set_item(name, &value)?;
            Ok(value)
        }
        None => Ok(default.map_or_else(|| py.None().into_bound(py), |default| default.to_owned())),
    }
}

/// Returns all values at once, as a dict: the private attribute `_extra`.
pub(super) fn all(stream: This<'_, Stream>) -> PyResult<Bound<'_, PyAny>> {
    let py = stream.py();
    for name in ["socket", "sockname", "peername"] {
        extra(stream, make::text(py, name)?.as_any().as_borrowed(), None)?;
    }
    Ok(known(stream)?.into_any())
}

/// Returns the dict of known values, created at the first request.
fn known(stream: This<'_, Stream>) -> PyResult<Bound<'_, PyDict>> {
    let py = stream.py();
    let present = stream.inner.with(py, |inner| inner.extra.known.as_ref().map(|known| known.clone_ref(py)));
    if let Some(present) = present {
        return Ok(present.into_bound(py));
    }
    let fresh = make::dict(py)?;
    let copy = fresh.clone().into();
    let before = stream.inner.with(py, |inner| inner.extra.known.replace(copy));
    drop(before);
    Ok(fresh)
}

/// Returns the peer's address and our own; None for a missing one.
pub(crate) fn addresses<'py>(py: Python<'py>, stream: &Stream) -> PyResult<[Bound<'py, PyAny>; 2]> {
    let (peer, local) = stream.inner.with(py, |inner| (inner.extra.peer.clone(), inner.extra.local.clone()));
    let object = |address: Option<Address>| match address {
        Some(address) => to_object(py, &address),
        None => Ok(py.None().into_bound(py)),
    };
    Ok([object(peer)?, object(local)?])
}

/// Computes one of the values that asyncio's transports have.
fn compute<'py>(stream: This<'py, Stream>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match name {
        "socket" => transport_socket(stream),
        // asyncio has the key in any case, with None if the kernel returned an error.
        "peername" => addresses(stream.py(), stream.value()).map(|[peer, _]| Some(peer)),
        "sockname" => addresses(stream.py(), stream.value()).map(|[_, local]| Some(local)),
        _ => Ok(None),
    }
}

/// Returns the `asyncio.trsock.TransportSocket`; that of a closed socket if it is first requested after the end.
fn transport_socket(stream: This<'_, Stream>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let py = stream.py();
    let hooks = &Imports::of(py)?.hooks;
    let socket = match socket_object(stream)? {
        Some(socket) => socket,
        None => hooks.closed_socket(py, socket_class(py)?)?,
    };
    Ok(Some(hooks.transport_socket(py, socket)?))
}

/// Returns the `socket.socket` of the transport, which owns the descriptor from now on.
pub(super) fn socket_object(stream: This<'_, Stream>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let py = stream.py();
    let (existing, number) = stream.inner.with(py, |inner| match &inner.socket {
        Socket::Object(object) => (Some(object.clone_ref(py)), None),
        Socket::Owned(_) => {
            inner.lenders += 1;
            (None, Some(inner.common.number))
        }
        Socket::Closed => (None, None),
    });
    if let Some(object) = existing {
        return Ok(Some(object.bind(py).clone()));
    }
    let Some(number) = number else { return Ok(None) };
    let made = object_of(stream, number);
    let closed_meanwhile = stream.inner.with(py, |inner| {
        inner.lenders -= 1;
        if inner.lenders == 0 { inner.kept.take() } else { None }
    });
    drop(closed_meanwhile);
    match made? {
        Some(object) => Ok(Some(object)),
        // Another thread has asked meanwhile, or the connection has ended.
        None => socket_object(stream),
    }
}

/// Makes a socket object of the descriptor of a stream, which is kept open meanwhile. `None` if the stream does not own
/// it any more.
fn object_of<'py>(stream: This<'py, Stream>, number: RawFd) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = stream.py();
    let number = make::integer(py, i64::from(number))?;
    let object = Imports::of(py)?.hooks.socket_of(py, socket_class(py)?, number)?;
    let known = SocketObject::expect(&object)
        .or_else(|error| object.call_method0(name!("detach")).and(Err(error)))?;
    let refused =
        stream.inner.with(py, |inner| match std::mem::replace(&mut inner.socket, Socket::Object(known)) {
            Socket::Owned(file) => {
                // The object owns the number now, and closes it.
                let _number = file.into_raw_fd();
                None
            }
            before => Some(std::mem::replace(&mut inner.socket, before)),
        });
    if let Some(refused) = refused {
        // The number does not belong to this object.
        object.call_method0(name!("detach"))?;
        drop(refused);
        return Ok(None);
    }
    Ok(Some(object))
}
