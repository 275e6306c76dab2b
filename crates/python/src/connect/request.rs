//! The calls of `create_connection` that are answered natively: a literal address, a number as port, and only options
//! that have no effect.

use std::net::{Ipv4Addr, Ipv6Addr};

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use reactor::Address;

use super::replaced::is_replaced;
use crate::ffi::audit;
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};

/// The arguments of a call.
pub(super) struct Request {
    pub(super) factory: Object,
    /// The literal as it was passed, for the text of an error.
    pub(super) host: Object,
    pub(super) address: Address,
}

/// Options that have no effect if they are None, False or 0.
const WITHOUT_EFFECT: [&str; 9] = [
    "ssl",
    "family",
    "proto",
    "flags",
    "sock",
    "local_addr",
    "happy_eyeballs_delay",
    "interleave",
    "all_errors",
];

/// Returns the request of a call; `None` if asyncio's own method is needed.
pub(super) fn of(call: &Call<'_, EventLoop>) -> Result<Option<Request>, ErrorSet> {
    let Some([factory, host, port]) = arguments(call)? else { return Ok(None) };
    let Some(address) = literal(host, port) else { return Ok(None) };
    let owner = call.this();
    if owner.modes.any(Modes::DEBUG | Modes::OWN_CONNECT) || is_replaced(owner.object())? {
        return Ok(None);
    }
    if audit::has_hooks(c"vitok.create_connection", host, port)? {
        // They are told of the socket and of the address by the methods of a socket object.
        return Ok(None);
    }
    let (factory, host) = (factory.to_owned().into(), host.to_owned().into());
    Ok(Some(Request { factory, host, address }))
}

/// Returns factory, host and port, if no other argument has an effect.
fn arguments<'py>(call: &Call<'py, EventLoop>) -> Result<Option<[Borrowed<'py>; 3]>, ErrorSet> {
    let positional = call.positional();
    if positional.len() > 3 {
        return Ok(None);
    }
    let mut found = [positional.first().copied(), positional.get(1).copied(), positional.get(2).copied()];
    if call.has_keywords() {
        for (name, value) in call.keywords() {
            let name = name.cast::<PyString>().map_err(PyErr::from)?.to_str()?;
            let place = match name {
                "protocol_factory" => &mut found[0],
                "host" => &mut found[1],
                "port" => &mut found[2],
                _ if WITHOUT_EFFECT.contains(&name) && has_no_effect(value) => continue,
                _ => return Ok(None),
            };
            if place.replace(value).is_some() {
                return Ok(None);
            }
        }
    }
    let [Some(factory), Some(host), Some(port)] = found else { return Ok(None) };
    Ok(Some([factory, host, port]))
}

/// Returns whether an option is None, False or 0, as an integer of any class.
fn has_no_effect(value: Borrowed<'_>) -> bool {
    value.is_none() || value.cast::<PyInt>().is_ok_and(|number| matches!(number.extract::<i64>(), Ok(0)))
}

/// Returns the address, if the host is a literal and the port a number that fits. Subclasses may differ in anything, and
/// zones have to be looked up.
fn literal(host: Borrowed<'_>, port: Borrowed<'_>) -> Option<Address> {
    let port = port.cast_exact::<PyInt>().ok()?.extract::<u16>().ok()?;
    let host = host.cast_exact::<PyString>().ok()?;
    let host = host.to_str().ok()?;
    if let Ok(addr) = host.parse::<Ipv4Addr>() {
        return Some(Address::V4 { addr, port });
    }
    let addr = host.parse::<Ipv6Addr>().ok()?;
    Some(Address::V6 { addr, port, flowinfo: 0, scope_id: 0 })
}

impl Request {
    /// Returns the address as asyncio passes it to the socket.
    pub(super) fn address_object<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let host = self.host.bind(py).clone();
        let tuple = match self.address {
            Address::V4 { port, .. } => make::tuple(py, [host, make::integer(py, port.into())?])?,
            Address::V6 { port, flowinfo, scope_id, .. } => {
                let number = |number: u32| make::integer(py, number.into());
                make::tuple(py, [host, number(port.into())?, number(flowinfo)?, number(scope_id)?])?
            }
            _ => make::tuple(py, [host])?,
        };
        Ok(tuple.into_any())
    }
}
