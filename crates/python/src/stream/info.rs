//! What a transport says of itself: `get_extra_info()`, the representation, and the private attributes that libraries look
//! at.
//!
//! Addresses are kept as the kernel gave them and become Python's when somebody asks; so does the socket object.

use std::os::fd::IntoRawFd;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use reactor::Address;

use super::{Socket, Stream};
use crate::address::to_object;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::socket_object::{SocketObject, socket_class};
use crate::ffi::this::value_of;
use crate::imports::Imports;
use crate::name;
use crate::transport::repr;

/// What is known of a connection.
pub(super) struct ExtraInfo {
    local: Option<Address>,
    peer: Option<Address>,
    /// What was asked for already, and what the maker of the transport gave.
    known: Option<Object<PyDict>>,
}

impl ExtraInfo {
    pub(super) fn new(
        py: Python<'_>,
        local: Option<Address>,
        peer: Option<Address>,
        extra: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let known = match extra {
            Some(extra) if extra.is_truthy()? => {
                let known = make::dict(py)?;
                known.update(extra.cast()?)?;
                Some(known.into())
            }
            _ => None,
        };
        Ok(Self { local, peer, known })
    }

    pub(super) fn take_dict(&mut self) -> Option<Object<PyDict>> {
        self.known.take()
    }

    pub(super) fn dict(&self) -> Option<&Object<PyDict>> {
        self.known.as_ref()
    }
}

/// `transport.get_extra_info(name, default)`.
pub(super) fn extra<'py>(
    transport: Argument<'py>,
    name: Argument<'py>,
    default: Option<Argument<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = transport.py();
    let known = known(transport)?;
    if let Some(value) = known.get_item(name)? {
        return Ok(value);
    }
    let computed = match name.cast::<PyString>() {
        Ok(name) => compute(transport, &name.to_cow()?)?,
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

/// All facts at once, as a dict: the private attribute `_extra`.
pub(super) fn all(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    for name in ["socket", "sockname", "peername"] {
        extra(transport, make::text(py, name)?.as_any().as_borrowed(), None)?;
    }
    Ok(known(transport)?.into_any())
}

/// The dict of what is known, made at the first question.
fn known(transport: Argument<'_>) -> PyResult<Bound<'_, PyDict>> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
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

/// The peer's address and our own; None where there is none.
pub(super) fn addresses<'py>(py: Python<'py>, stream: &Stream) -> PyResult<[Bound<'py, PyAny>; 2]> {
    let (peer, local) = stream.inner.with(py, |inner| (inner.extra.peer.clone(), inner.extra.local.clone()));
    let object = |address: Option<Address>| match address {
        Some(address) => to_object(py, &address),
        None => Ok(py.None().into_bound(py)),
    };
    Ok([object(peer)?, object(local)?])
}

/// One of the facts that asyncio's transports know.
fn compute<'py>(transport: Argument<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match name {
        "socket" => transport_socket(transport),
        // asyncio has the key in any case, with None where the kernel had no answer.
        "peername" => addresses(transport.py(), value_of::<Stream>(transport)).map(|[peer, _]| Some(peer)),
        "sockname" => addresses(transport.py(), value_of::<Stream>(transport)).map(|[_, local]| Some(local)),
        _ => Ok(None),
    }
}

/// The `asyncio.trsock.TransportSocket`; that of a closed socket if nobody asked before the end.
fn transport_socket(transport: Argument<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let py = transport.py();
    let hooks = &Imports::of(py)?.hooks;
    let socket = match socket_object(transport)? {
        Some(socket) => socket,
        None => hooks.closed_socket(py, socket_class(py)?)?,
    };
    Ok(Some(hooks.transport_socket(py, socket)?))
}

/// The `socket.socket` behind the transport, which owns the descriptor from now on.
pub(super) fn socket_object(transport: Argument<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let (existing, number) = stream.inner.with(py, |inner| match &inner.socket {
        Socket::Object(object) => (Some(object.clone_ref(py)), None),
        Socket::Owned(_) => (None, Some(inner.number)),
        Socket::Closed => (None, None),
    });
    if let Some(object) = existing {
        return Ok(Some(object.bind(py).clone()));
    }
    let Some(number) = number else { return Ok(None) };
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
        // Another thread has asked meanwhile, or the connection has ended: the number is not this object's.
        object.call_method0(name!("detach"))?;
        drop(refused);
        return socket_object(transport);
    }
    Ok(Some(object))
}

/// `<SocketTransport fd=7 read=polling write=<idle, bufsize=0>>`, as asyncio writes it.
pub(super) fn represent(transport: Argument<'_>) -> String {
    repr::<Stream>(transport, "SocketTransport")
}
