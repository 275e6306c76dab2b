//! Addresses of sockets as in Python's `socket` module, converted from and to the kernel's.
//!
//! Sockets are not known here, and no names are looked up: the caller uses the socket object for names.

use std::net::{Ipv4Addr, Ipv6Addr};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use reactor::Address;
use reactor::socket::ipv6_text;

use crate::ffi::make;

/// Returns `("127.0.0.1", 80)`, `("::1", 80, 0, 0)`, a path, or `bytes` for an abstract name. `None` for another
/// family.
pub(crate) fn to_object<'py>(py: Python<'py>, address: &Address) -> PyResult<Bound<'py, PyAny>> {
    Ok(match address {
        Address::V4 { addr, port } => {
            let host = make::text(py, &addr.to_string())?.into_any();
            make::tuple(py, [host, make::integer(py, i64::from(*port))?])?.into_any()
        }
        Address::V6 { addr, port, flowinfo, scope_id } => {
            let host = make::text(py, &ipv6_text(*addr))?.into_any();
            let [port, flowinfo, scope] =
                [u32::from(*port), *flowinfo, *scope_id].map(|number| make::integer(py, i64::from(number)));
            make::tuple(py, [host, port?, flowinfo?, scope?])?.into_any()
        }
        Address::Unix(path) if path.first() == Some(&0) => make::bytes(py, path)?.into_any(),
        Address::Unix(path) => make::file_name(py, path)?.into_any(),
        _ => py.None().into_bound(py),
    })
}

/// The largest traffic class and flow label that Python's `socket` module accepts.
const MOST_FLOWINFO: u32 = 0xF_FFFF;

/// Returns the kernel's form of a plain address of this family: a tuple of a literal and a port, or the path of a Unix
/// socket. `None` for names, for subclasses, which may behave differently, and for invalid addresses: the `socket`
/// module looks them up, or raises its own error.
pub(crate) fn from_object(object: &Bound<'_, PyAny>, family: i32) -> Option<Address> {
    match family {
        libc::AF_INET => v4(object.cast_exact().ok()?),
        libc::AF_INET6 => v6(object.cast_exact().ok()?),
        libc::AF_UNIX => unix(object),
        _ => None,
    }
}

fn v4(tuple: &Bound<'_, PyTuple>) -> Option<Address> {
    if tuple.len() != 2 {
        return None;
    }
    Some(Address::V4 { addr: host::<Ipv4Addr>(tuple)?, port: number(tuple, 1)? })
}

fn v6(tuple: &Bound<'_, PyTuple>) -> Option<Address> {
    let count = tuple.len();
    if !(2..=4).contains(&count) {
        return None;
    }
    let optional = |place| if place < count { number(tuple, place) } else { Some(0) };
    let flowinfo = optional(2).filter(|&flowinfo| flowinfo <= MOST_FLOWINFO)?;
    Some(Address::V6 {
        addr: host::<Ipv6Addr>(tuple)?,
        port: number(tuple, 1)?,
        flowinfo,
        scope_id: optional(3)?,
    })
}

fn host<T: std::str::FromStr>(tuple: &Bound<'_, PyTuple>) -> Option<T> {
    let host = tuple.get_borrowed_item(0).ok()?;
    host.cast_exact::<PyString>().ok()?.to_str().ok()?.parse().ok()
}

fn number<T: TryFrom<i64>>(tuple: &Bound<'_, PyTuple>, place: usize) -> Option<T> {
    let number = tuple.get_borrowed_item(place).ok()?;
    T::try_from(number.cast_exact::<PyInt>().ok()?.extract::<i64>().ok()?).ok()
}

/// Converts a path. One that is not ASCII depends on the encoding of the file system, which Python knows.
fn unix(object: &Bound<'_, PyAny>) -> Option<Address> {
    let path: Box<[u8]> = match object.cast_exact::<PyBytes>() {
        Ok(path) => path.as_bytes().into(),
        Err(_) => {
            let path = object.cast_exact::<PyString>().ok()?.to_str().ok().filter(|path| path.is_ascii())?;
            path.as_bytes().into()
        }
    };
    if path.is_empty() {
        return None;
    }
    let address = Address::Unix(path);
    address.check().is_ok().then_some(address)
}
