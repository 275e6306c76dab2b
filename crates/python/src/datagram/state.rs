//! What the transport of datagrams consists of.
//!
//! It knows nothing of what moves the datagrams, or of the methods.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::Address;
use stream::{AddressCache, BatchHeuristic, DatagramQueue, State};

use crate::ffi::bytes::Bytes;
use crate::ffi::instance::Class;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::transport::{Common, Transport};

/// The value inside a transport.
pub(crate) type Endpoint = Transport<Inner>;

/// What changes in an endpoint.
pub(crate) struct Inner {
    pub(super) common: Common,
    pub(super) state: State,
    pub(super) batching: BatchHeuristic,
    pub(super) family: i32,
    pub(super) queue: DatagramQueue<Bytes, Target>,
    /// What was received together with a datagram in whose callback the protocol paused.
    pub(super) held: VecDeque<Arrived>,
    pub(super) peers: AddressCache<Address, Object>,
    /// Whom the last datagram came from, and whom the last went to: answers go to the one, questions to the other.
    pub(super) last_from: Option<(Object, Address)>,
    pub(super) last_to: Option<(Object, Address)>,
    /// The `socket.socket`, which owns the descriptor; `None` once it is closed.
    pub(super) socket: Option<SocketObject>,
    /// The one address that the endpoint was made to send to.
    pub(super) remote: Option<Object>,
    /// Whether the kernel knows the peer, so that no address is given to it.
    pub(super) is_connected: bool,
    pub(super) extra: Object<PyDict>,
}

/// A datagram as the protocol gets it: content and address.
pub(super) struct Arrived {
    pub(super) data: Object,
    pub(super) from: Object,
}

/// Whom a datagram is for.
pub(super) enum Target {
    /// The peer that the socket is connected to.
    Peer,
    At(Address),
    /// What only the socket object can make sense of.
    Named(Object),
}

impl Target {
    pub(super) fn name(&self) -> Option<&Object> {
        match self {
            Self::Named(name) => Some(name),
            Self::Peer | Self::At(_) => None,
        }
    }
}

/// The class whose objects are such transports.
pub(super) static CLASSES: [Class<Endpoint>; 1] = [Class::new()];

impl Inner {
    /// The descriptor to receive from and send to: -1 once the user has closed the socket behind the endpoint's back, so
    /// that whoever has the number now is left alone. It is read after all user code, right before the system call.
    #[inline(always)]
    pub(super) fn descriptor(&self, py: Python<'_>) -> RawFd {
        self.socket.as_ref().map_or(-1, |socket| socket.descriptor(py))
    }
}
