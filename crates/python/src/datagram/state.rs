//! The value of a datagram transport.
//!
//! The modules of this folder move the datagrams and define the methods.

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

/// The mutable part of an endpoint.
pub(crate) struct Inner {
    pub(super) common: Common,
    pub(super) state: State,
    pub(super) batching: BatchHeuristic,
    pub(super) family: i32,
    pub(super) queue: DatagramQueue<Bytes, Target>,
    /// Datagrams received together with one in whose callback the protocol paused.
    pub(super) held: VecDeque<Arrived>,
    pub(super) peers: AddressCache<Address, Object>,
    /// The sender of the last datagram received, and the receiver of the last one sent: answers go to the one,
    /// questions to the other.
    pub(super) last_from: Option<(Object, Address)>,
    pub(super) last_to: Option<(Object, Address)>,
    /// The `socket.socket`, which owns the descriptor; `None` once it is closed.
    pub(super) socket: Option<SocketObject>,
    /// The one address that the endpoint was created for.
    pub(super) remote: Option<Object>,
    /// Whether the socket is connected, so that no address is passed to the kernel.
    pub(super) is_connected: bool,
    pub(super) extra: Object<PyDict>,
}

/// A datagram as the protocol gets it: content and address.
pub(super) struct Arrived {
    pub(super) data: Object,
    pub(super) from: Object,
}

/// The receiver of a datagram.
pub(super) enum Target {
    /// The peer that the socket is connected to.
    Peer,
    At(Address),
    /// An address that only the socket object can resolve.
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

/// The class of these transports.
pub(super) static CLASSES: [Class<Endpoint>; 1] = [Class::new()];

impl Inner {
    /// Returns the descriptor to receive from and send to; -1 once the user has closed the socket, so that another file
    /// with its number is left alone. Read it after all user code, right before the system call.
    #[inline(always)]
    pub(super) fn descriptor(&self, py: Python<'_>) -> RawFd {
        self.socket.as_ref().map_or(-1, |socket| socket.descriptor(py))
    }
}
