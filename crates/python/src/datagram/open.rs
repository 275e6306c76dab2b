//! Making the transport of datagrams.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::Interest;
use stream::{AddressCache, BatchHeuristic, DatagramQueue, Flow, State};

use super::state::{Endpoint, Inner, begin_method};
use crate::ffi::call::copy_context;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::SourceKind;
use crate::transport::{check_protocol, schedule};

/// What an endpoint is made of.
pub(crate) struct New<'py> {
    pub(crate) socket: SocketObject,
    pub(crate) protocol: Bound<'py, PyAny>,
    /// The `remote_addr` of `create_datagram_endpoint`, resolved.
    pub(crate) address: Option<Bound<'py, PyAny>>,
    /// What `get_extra_info` knows.
    pub(crate) facts: Bound<'py, PyDict>,
}

/// Makes a transport whose `connection_made` the loop calls at its next turn; then a waiter is woken. Nothing is read
/// before.
pub(crate) fn open_later<'py>(
    owner: &Bound<'py, EventLoop>,
    new: New<'py>,
    waiter: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    open_raw(owner, new, waiter).map_err(|raised| raised.take(owner.py()))
}

fn open_raw<'py>(
    owner: &Bound<'py, EventLoop>,
    new: New<'py>,
    waiter: Option<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    let transport = open(owner, new)?;
    let waiter = waiter.unwrap_or_else(|| py.None().into_bound(py));
    // The endpoint's own context is entered for the protocol alone.
    schedule(owner, begin_method(py)?, &[transport.as_borrowed(), waiter.as_borrowed()], None)?;
    Ok(transport)
}

fn open<'py>(owner: &Bound<'py, EventLoop>, new: New<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    check_protocol(&new.protocol)?;
    let family = new.socket.bind(py).getattr(name!("family"))?.extract()?;
    let is_connected = match new.facts.get_item(name!("peername"))? {
        Some(peer) => peer.is_truthy()?,
        None => false,
    };
    let remote = match new.address {
        Some(address) if address.is_truthy()? => Some(address.into()),
        _ => None,
    };
    let descriptor = new.socket.descriptor(py);
    let inner = Inner {
        state: State::new(),
        flow: Flow::new(),
        look: BatchHeuristic::new(),
        watched: Interest::NONE,
        number: descriptor,
        family,
        token: None,
        queue: DatagramQueue::new(),
        held: VecDeque::new(),
        peers: AddressCache::new(),
        last_from: None,
        last_to: None,
        socket: Some(new.socket),
        protocol: Some(new.protocol.into()),
        context: copy_context(py)?.into(),
        remote,
        is_connected,
        facts: new.facts.into(),
    };
    let value = Endpoint { owner: owner.clone().into(), inner: GilCell::new(inner) };
    let transport = Endpoint::class().instance(py, value)?.into_any();
    let object = transport.clone().into();
    let (token, evicted) =
        owner.get().registry.with(py, |registry| registry.attach(descriptor, SourceKind::Datagram, object));
    drop(evicted);
    value_of::<Endpoint>(transport.as_borrowed()).inner.with(py, |inner| inner.token = Some(token));
    Ok(transport)
}
