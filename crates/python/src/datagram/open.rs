//! Creates the transport of datagrams.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use stream::{AddressCache, BatchHeuristic, DatagramQueue, State};

use super::state::{Endpoint, Inner};
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::SourceKind;
use crate::transport::{self, Common, check_protocol, schedule_begin};

/// The parts of a new endpoint.
pub(crate) struct New<'py> {
    pub(crate) socket: SocketObject,
    pub(crate) protocol: Bound<'py, PyAny>,
    /// The `remote_addr` of `create_datagram_endpoint`, resolved.
    pub(crate) address: Option<Bound<'py, PyAny>>,
    /// The values of `get_extra_info`.
    pub(crate) extra: Bound<'py, PyDict>,
}

/// Creates a transport whose `connection_made` the loop calls at its next turn; then it wakes a waiter. Reading starts
/// after that.
pub(crate) fn open_later<'py>(
    owner: &Bound<'py, EventLoop>,
    new: New<'py>,
    waiter: Option<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let endpoint = open(owner, new)?;
    schedule_begin(This::from(&endpoint), waiter.as_ref().map(Bound::as_borrowed))?;
    Ok(endpoint.into_any())
}

fn open<'py>(owner: &Bound<'py, EventLoop>, new: New<'py>) -> Result<Bound<'py, Endpoint>, ErrorSet> {
    check_protocol(&new.protocol)?;
    let py = owner.py();
    let family = new.socket.bind(py).getattr(name!("family"))?.extract()?;
    let is_connected = match new.extra.get_item(name!("peername"))? {
        Some(peer) => peer.is_truthy()?,
        None => false,
    };
    let remote = match new.address {
        Some(address) if address.is_truthy()? => Some(address.into()),
        _ => None,
    };
    let descriptor = new.socket.descriptor(py);
    let inner = Inner {
        common: Common::new(descriptor, new.protocol, None)?,
        state: State::new(),
        batching: BatchHeuristic::new(),
        family,
        queue: DatagramQueue::new(),
        held: VecDeque::new(),
        peers: AddressCache::new(),
        last_from: None,
        last_to: None,
        socket: Some(new.socket),
        remote,
        is_connected,
        extra: new.extra.into(),
    };
    transport::open(owner, SourceKind::Datagram, inner)
}
