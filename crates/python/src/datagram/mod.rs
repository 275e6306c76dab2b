//! A datagram endpoint: what `asyncio.DatagramTransport` promises, over a UDP or a Unix socket.
//!
//! The decisions are `crates/stream`'s; here they meet the descriptor, the protocol and the loop. Every function that calls
//! the protocol, the exception handler or the socket object does so with no borrow alive, and asks the state anew
//! afterwards: the endpoint may be closed, paused or given another protocol in there.
//!
//! | File      | What                                                               |
//! |-----------|--------------------------------------------------------------------|
//! | `read`    | datagrams in: from readiness to the protocol                       |
//! | `write`   | datagrams out: at once, or when the kernel has room                |
//! | `route`   | addresses: whom a datagram is for, and who sent one                |
//! | `end`     | `close()`, `abort()`, errors, letting go of the socket             |
//! | `life`    | what it shares with the other transports                           |
//! | `class`   | the methods as Python sees them                                    |

mod class;
mod end;
mod life;
mod read;
mod route;
mod write;

use std::collections::VecDeque;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::{Address, Interest, Token};
use stream::{AddressCache, BatchHeuristic, DatagramQueue, Flow, State};

use self::route::Target;
use crate::ffi::bytes::Bytes;
use crate::ffi::call::copy_context;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::Argument;
use crate::ffi::native::{Native, Visit, value_of};
use crate::ffi::object::Object;
use crate::ffi::socket_object::descriptor_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::transport::{self, check_protocol, schedule};
use crate::watches::Kind;

pub(crate) use class::make_class;
pub(crate) use read::on_ready;

/// The value inside a transport.
pub(crate) struct Endpoint {
    owner: Object<EventLoop>,
    inner: GilCell<Inner>,
}

/// What changes in an endpoint's life.
pub(crate) struct Inner {
    state: State,
    flow: Flow,
    look: BatchHeuristic,
    /// What the kernel was asked to report.
    watched: Interest,
    /// The descriptor as it was when the endpoint was made.
    number: RawFd,
    family: i32,
    token: Option<Token>,
    queue: DatagramQueue<Bytes, Target>,
    /// What was received together with a datagram in whose callback the protocol paused.
    held: VecDeque<Arrived>,
    peers: AddressCache<Address, Object>,
    /// Whom the last datagram came from, and whom the last went to: answers go to the one, questions to the other.
    last_from: Option<(Object, Address)>,
    last_to: Option<(Object, Address)>,
    /// The `socket.socket`, which owns the descriptor; `None` once it is closed.
    socket: Option<Object>,
    protocol: Option<Object>,
    context: Object,
    /// The one address that the endpoint was made to send to.
    remote: Option<Object>,
    /// Whether the kernel knows the peer, so that no address is given to it.
    is_connected: bool,
    facts: Object<PyDict>,
}

/// A datagram as the protocol gets it: content and address.
struct Arrived {
    data: Object,
    from: Object,
}

/// What an endpoint is made of.
pub(crate) struct New<'py> {
    pub(crate) socket: Bound<'py, PyAny>,
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
    schedule(owner, class::begin_method(py)?, &[transport.as_borrowed(), waiter.as_borrowed()], None)?;
    Ok(transport)
}

fn open<'py>(owner: &Bound<'py, EventLoop>, new: New<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    check_protocol(owner.get(), &new.protocol)?;
    let descriptor: RawFd = new.socket.call_method0(name!("fileno"))?.extract()?;
    let family = new.socket.getattr(name!("family"))?.extract()?;
    let is_connected = match new.facts.get_item(name!("peername"))? {
        Some(peer) => peer.is_truthy()?,
        None => false,
    };
    let remote = match new.address {
        Some(address) if address.is_truthy()? => Some(address.into()),
        _ => None,
    };
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
        socket: Some(new.socket.into()),
        protocol: Some(new.protocol.into()),
        context: copy_context(py)?.into(),
        remote,
        is_connected,
        facts: new.facts.into(),
    };
    let value = Endpoint { owner: owner.clone().into(), inner: GilCell::new(inner) };
    let transport = class::class_of(py)?.instance(py, value)?;
    let object = transport.clone().into();
    let (token, evicted) =
        owner.get().kernel.with(py, |kernel| kernel.attach(descriptor, Kind::Datagram, object));
    drop(evicted);
    value_of::<Endpoint>(transport.as_borrowed()).inner.with(py, |inner| inner.token = Some(token));
    Ok(transport)
}

impl Inner {
    /// The descriptor to receive from and send to: -1 once the user has closed the socket behind the endpoint's back, so
    /// that whoever has the number now is left alone.
    #[inline(always)]
    fn descriptor(&self, py: Python<'_>) -> RawFd {
        self.socket.as_ref().map_or(-1, |socket| descriptor_of(socket.bind(py)))
    }
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
fn settle(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::settle::<Endpoint>(transport)
}

impl Native for Endpoint {
    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            visit.maybe(inner.socket.as_ref());
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

    fn finalize(transport: Argument<'_>) -> PyResult<()> {
        transport::finalize::<Self>(transport)
    }
}
