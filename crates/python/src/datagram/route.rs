//! Addresses of an endpoint: whom a datagram is for, and who sent one.
//!
//! An address that a protocol is given is kept, so that a row of datagrams from one peer makes it once. A literal address
//! is read here. What has to be looked up, or is wrong, is left to the socket object's own `sendto`, which knows better.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reactor::Address;

use super::state::{Endpoint, Inner, Target};
use crate::address::{from_object, to_object};
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

/// Whom `sendto(data, address)` means. ValueError for another address than the one that the endpoint was made for.
pub(super) fn target(
    endpoint: This<'_, Endpoint>,
    address: Option<Borrowed<'_>>,
) -> Result<Target, ErrorSet> {
    let py = endpoint.py();
    let (remote, is_connected) = endpoint
        .inner
        .with(py, |inner| (inner.remote.as_ref().map(|remote| remote.bind(py).clone()), inner.is_connected));
    let address = address.map(|address| address.to_owned()).filter(|address| !address.is_none());
    if let Some(remote) = &remote
        && let Some(address) = &address
        && !address.is(remote)
        && !address.eq(remote)?
    {
        let text = format!("Invalid address: must be None or {}", remote.str()?);
        return Err(new_error::<PyValueError>(text).into());
    }
    if is_connected {
        return Ok(Target::Peer);
    }
    let address = remote.or(address).unwrap_or_else(|| py.None().into_bound(py));
    if let Some(known) = endpoint.inner.with(py, |inner| inner.known_address(&address)) {
        return Ok(Target::At(known));
    }
    let family = endpoint.inner.with(py, |inner| inner.family);
    let Some(read) = from_object(&address, family) else { return Ok(Target::Named(address.into())) };
    let kept = Some((address.into(), read.clone()));
    let before = endpoint.inner.with(py, |inner| std::mem::replace(&mut inner.last_to, kept));
    drop(before);
    Ok(Target::At(read))
}

/// The object that the protocol is given for a sender.
pub(super) fn sender<'py>(
    endpoint: This<'py, Endpoint>,
    from: Address,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = endpoint.py();
    let known = endpoint.inner.with(py, |inner| inner.peers.find(&from).map(|known| known.bind(py).clone()));
    let object = match known {
        Some(known) => known,
        None => {
            let fresh = to_object(py, &from)?;
            let (address, kept) = (from.clone(), fresh.clone().into());
            let evicted = endpoint.inner.with(py, |inner| inner.peers.insert(address, kept));
            drop(evicted);
            fresh
        }
    };
    let last = Some((object.clone().into(), from));
    let before = endpoint.inner.with(py, |inner| std::mem::replace(&mut inner.last_from, last));
    drop(before);
    Ok(object)
}

impl Inner {
    /// The address behind an object that came in or went out last. Such objects cannot change.
    #[inline(always)]
    fn known_address(&self, object: &Bound<'_, PyAny>) -> Option<Address> {
        let mut last = self.last_from.iter().chain(&self.last_to);
        // Nobody can be sent to without an address, and None is the object of every such sender.
        let known = last.find(|(known, _)| known.is(object) && !object.is_none());
        known.map(|(_, address)| address.clone())
    }
}
