//! What the transport of datagrams consists of, and the class that such transports have.
//!
//! It knows nothing of what moves the datagrams, or of the methods.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use reactor::{Address, Interest, Token};
use stream::{AddressCache, BatchHeuristic, DatagramQueue, Flow, State};

use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{self, ClassValue, Subclass, Visit};
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::transport;

/// The value inside a transport.
pub(crate) struct Endpoint {
    pub(super) owner: Object<EventLoop>,
    pub(super) inner: GilCell<Inner>,
}

/// What changes in an endpoint's life.
pub(crate) struct Inner {
    pub(super) state: State,
    pub(super) flow: Flow,
    pub(super) look: BatchHeuristic,
    /// What the kernel was asked to report.
    pub(super) watched: Interest,
    /// The descriptor as it was when the endpoint was made.
    pub(super) number: RawFd,
    pub(super) family: i32,
    pub(super) token: Option<Token>,
    pub(super) queue: DatagramQueue<Bytes, Target>,
    /// What was received together with a datagram in whose callback the protocol paused.
    pub(super) held: VecDeque<Arrived>,
    pub(super) peers: AddressCache<Address, Object>,
    /// Whom the last datagram came from, and whom the last went to: answers go to the one, questions to the other.
    pub(super) last_from: Option<(Object, Address)>,
    pub(super) last_to: Option<(Object, Address)>,
    /// The `socket.socket`, which owns the descriptor; `None` once it is closed.
    pub(super) socket: Option<SocketObject>,
    pub(super) protocol: Option<Object>,
    pub(super) context: Object,
    /// The one address that the endpoint was made to send to.
    pub(super) remote: Option<Object>,
    /// Whether the kernel knows the peer, so that no address is given to it.
    pub(super) is_connected: bool,
    pub(super) facts: Object<PyDict>,
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

/// The methods that the loop calls.
pub(super) struct Class {
    pub(super) begin: Py<PyAny>,
    pub(super) connection_lost: Py<PyAny>,
    pub(super) deliver_held: Py<PyAny>,
}

pub(super) static CLASS: PyOnceLock<Class> = PyOnceLock::new();

/// The function `_begin` of the class.
pub(super) fn begin_method<'py>(py: Python<'py>) -> PyResult<Argument<'py>> {
    known(py).map(|known| known.begin.bind_borrowed(py))
}

/// The function `_call_connection_lost` of the class.
pub(super) fn connection_lost_method<'py>(py: Python<'py>) -> PyResult<Argument<'py>> {
    known(py).map(|known| known.connection_lost.bind_borrowed(py))
}

/// The function `_deliver_held` of the class.
pub(super) fn deliver_held_method<'py>(py: Python<'py>) -> PyResult<Argument<'py>> {
    known(py).map(|known| known.deliver_held.bind_borrowed(py))
}

fn known(py: Python<'_>) -> PyResult<&'static Class> {
    CLASS.get(py).ok_or_else(|| new_error::<PyTypeError>("vitok._native was not initialised"))
}

impl Inner {
    /// The descriptor to receive from and send to: -1 once the user has closed the socket behind the endpoint's back, so
    /// that whoever has the number now is left alone. It is read after all user code, right before
    /// the system call.
    #[inline(always)]
    pub(super) fn descriptor(&self, py: Python<'_>) -> RawFd {
        self.socket.as_ref().map_or(-1, |socket| socket.descriptor(py))
    }
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
pub(super) fn settle(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::settle::<Endpoint>(transport)
}

impl ClassValue for Endpoint {
    type Head = Subclass;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> =
        Some(|this| transport::finalize::<Self>(this.object()));

    fn classes() -> &'static [instance::Class<Self>] {
        static CLASSES: [instance::Class<Endpoint>; 1] = [instance::Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            visit.maybe(inner.socket.as_ref().map(SocketObject::object));
            visit.maybe(inner.protocol.as_ref());
            visit.object(&inner.context);
            visit.maybe(inner.remote.as_ref());
            visit.object(&inner.facts);
            // The other addresses are ours: of text and numbers, they refer to nothing.
            inner.queue.iter().for_each(|(_, target)| visit.maybe(target.name()));
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.inner.with(py, |inner| {
            (inner.protocol.take(), inner.remote.take(), inner.queue.drain(), std::mem::take(&mut inner.held))
        });
        drop(released);
    }
}
