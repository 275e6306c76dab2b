//! Addresses of an endpoint: the receiver of a datagram, and the sender of one.
//!
//! The address object of a peer is cached, so that successive datagrams share it. A literal address is parsed here.
//! Names and invalid addresses are left to the socket object's own `sendto`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reactor::Address;

use super::state::{Endpoint, Inner, Target};
use crate::address::{from_object, to_object};
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

/// Returns the target of `sendto(data, address)`. ValueError for another address than the endpoint's own.
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

/// Returns the object of a sender for the protocol.
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
    /// Returns the address behind an object of the last datagram received or sent. Such objects never change.
    #[inline(always)]
    fn known_address(&self, object: &Bound<'_, PyAny>) -> Option<Address> {
        let mut last = self.last_from.iter().chain(&self.last_to);
        // Nothing can be sent without an address, and None is the object of every sender without one.
        let known = last.find(|(known, _)| known.is(object) && !object.is_none());
        known.map(|(_, address)| address.clone())
    }
}
