//! A listening socket, which accepts connections.
//!
//! `accept_task` handles a connection; native protocols of this package, whose creation is not visible to a program,
//! start at once.
//!
//! The socket object belongs to its server. If the process has no descriptors left, accepting pauses for a second, as
//! in asyncio; otherwise the kernel would report the socket over and over.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use reactor::{Address, Interest, Token, monotonic_ns, socket};

use crate::accept_task::{self, Accepted, Acceptor};
use crate::error::os_error;
use crate::ffi::detached::detached;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{Evicted, Source, SourceKind};
use crate::stream::Served;
use crate::stream_protocol;

/// The most connections accepted for one event, so that a flood of them does not delay existing ones.
const ACCEPTED_AT_ONCE: usize = 64;

/// Where other processes accept from the socket, one that has nothing else to do pauses after two connections in so short
/// a time: on a machine with few processors it would accept a whole burst before another process has its turn. A busy
/// one needs no pause, since the kernel wakes those that are idle.
const BURST_NS: u64 = 30_000;
const BURST_PAUSE_SECONDS: f64 = 30e-6;

/// Errors of one connection before it was accepted, after which the next can be accepted: accept(2) on TCP.
const OF_A_PEER: [i32; 7] = [
    libc::ENETDOWN,
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::EHOSTUNREACH,
    libc::EOPNOTSUPP,
    libc::ENETUNREACH,
];

/// The pause of accepting when the process or the system has no descriptors or memory left: asyncio's number.
const RETRY_SECONDS: f64 = 1.0;

/// Accepts on one socket.
#[pyclass(frozen, immutable_type, module = "vitok._native")]
pub(crate) struct Listener {
    owner: Py<EventLoop>,
    /// The number of the socket when it was registered.
    descriptor: RawFd,
    parts: ClassCell<Option<Parts>>,
    token: ClassCell<Option<Token>>,
    /// When the last connection of a shared socket was accepted, on the monotonic clock.
    accepted_at: AtomicU64,
}

struct Parts {
    acceptor: Acceptor,
    socket: SocketObject,
    /// Whether connections start in the turn in which they are accepted.
    begins_at_once: bool,
    /// Whether other processes accept from the socket.
    is_shared: bool,
}

impl Parts {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            acceptor: self.acceptor.clone_ref(py),
            socket: self.socket.clone_ref(py),
            begins_at_once: self.begins_at_once,
            is_shared: self.is_shared,
        }
    }
}

/// Starts accepting on a non-blocking listening socket.
pub(crate) fn listen<'py>(
    owner: &Bound<'py, EventLoop>,
    factory: Bound<'py, PyAny>,
    socket: SocketObject,
    server: Option<Served>,
    context: Bound<'py, PyAny>,
) -> PyResult<()> {
    let py = owner.py();
    let descriptor = socket.descriptor(py);
    // Accepted sockets inherit the option, which saves a call for each. Other sockets than TCP refuse it, which is no
    // error.
    drop(socket::set_nodelay(descriptor));
    let parts = Parts {
        begins_at_once: stream_protocol::is_made_by(&factory),
        is_shared: owner.get().registry.with(py, |registry| registry.is_shared(descriptor)),
        acceptor: Acceptor {
            factory: factory.unbind(),
            server,
            context: context.unbind(),
            local: socket::local_address(descriptor).ok().filter(is_specific),
        },
        socket,
    };
    let listener = Listener {
        owner: owner.clone().unbind(),
        descriptor,
        parts: ClassCell::new(Some(parts)),
        token: ClassCell::new(None),
        accepted_at: AtomicU64::new(0),
    };
    let listener = Bound::new(py, listener)?;
    watch(&listener)
}

/// Returns whether connections to this address all have it as their own address.
fn is_specific(address: &Address) -> bool {
    match address {
        Address::V4 { addr, .. } => !addr.is_unspecified(),
        Address::V6 { addr, .. } => !addr.is_unspecified(),
        Address::Unix(_) => true,
        Address::Other { .. } => false,
    }
}

/// Stops accepting on the socket with this number. Returns whether it was accepting.
pub(crate) fn unlisten(py: Python<'_>, state: &EventLoop, descriptor: RawFd) -> bool {
    let mut evicted = Evicted::default();
    let detached = state.registry.with(py, |registry| {
        registry.set_shared(descriptor, false);
        let is_listener = |source: &Source| source.kind == SourceKind::Listener;
        registry.table.source_of(descriptor).filter(|source| is_listener(source))?;
        registry.detach(SourceKind::Listener, registry.table.token_of(descriptor)?, &mut evicted)
    });
    let Some(detached) = detached else { return false };
    if let Ok(listener) = detached.object.bind(py).cast::<Listener>() {
        listener.get().stop(py);
    }
    true
}

/// Accepts connections after an event. `is_alone` says that the poll had no other.
pub(crate) fn on_ready(listener: Borrowed<'_>, is_alone: bool) -> Result<(), ErrorSet> {
    let py = listener.py();
    let listener = listener.to_owned().cast_into::<Listener>().map_err(PyErr::from)?;
    let mut failures = 0;
    for _ in 0..ACCEPTED_AT_ONCE {
        // The code of the last connection may have closed the server.
        let Some(parts) = listener.get().parts(py) else { return Ok(()) };
        match accept(py, parts.socket.descriptor(py)) {
            Ok((file, peer)) => {
                let (owner, connection) = (listener.get().owner.bind(py), Accepted { file, peer });
                if parts.begins_at_once {
                    accept_task::begin(owner, &parts.acceptor, connection)?;
                } else {
                    accept_task::start(owner, &parts.acceptor, connection)?;
                }
                if parts.is_shared {
                    return let_others_accept(&listener, &parts, is_alone);
                }
            }
            Err(error) => match error.raw_os_error() {
                // The peer had left before it was accepted.
                Some(libc::ECONNABORTED) => {}
                _ if error.kind() == io::ErrorKind::WouldBlock => {
                    note_harmless(&listener, &parts, failures);
                    return Ok(());
                }
                Some(number) if OF_A_PEER.contains(&number) => {
                    report(&listener, &parts, &error)?;
                    failures += 1;
                }
                _ => {
                    report(&listener, &parts, &error)?;
                    return pause(&listener, RETRY_SECONDS);
                }
            },
        }
    }
    // If there are only errors, no peer is the cause.
    if failures == ACCEPTED_AT_ONCE { pause(&listener, RETRY_SECONDS) } else { Ok(()) }
}

/// Lets the other processes that watch the socket accept the next connection.
fn let_others_accept(listener: &Bound<'_, Listener>, parts: &Parts, is_alone: bool) -> Result<(), ErrorSet> {
    let (py, inner) = (listener.py(), listener.get());
    let now = monotonic_ns();
    if is_alone && now - inner.accepted_at.swap(now, Ordering::Relaxed) < BURST_NS {
        return pause(listener, BURST_PAUSE_SECONDS);
    }
    let moved = inner.owner.get().registry.with(py, |registry| registry.move_behind_others(inner.descriptor));
    let Err(error) = moved else { return Ok(()) };
    // The kernel has no memory to watch it again.
    report(listener, parts, &error)?;
    pause(listener, RETRY_SECONDS)
}

/// Records that no user code has run and nothing was sent, if that is so: the connections wait for their tasks.
fn note_harmless(listener: &Bound<'_, Listener>, parts: &Parts, failures: usize) {
    let (py, owner) = (listener.py(), listener.get().owner.get());
    let has_task_factory = owner.settings.with(py, |settings| settings.task_factory.is_some());
    if failures == 0 && !parts.begins_at_once && !has_task_factory {
        owner.note_harmless_event(py);
    }
}

/// Accepts the next connection. If another process has made the listener blocking, and may be faster, the thread
/// detaches.
fn accept(py: Python<'_>, descriptor: RawFd) -> io::Result<(OwnedFd, Address)> {
    match socket::accept(descriptor) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            detached(py, || socket::accept_when_ready(descriptor))
        }
        outcome => outcome,
    }
}

/// Reports an error through Python: one per second, with the number of others.
#[cold]
fn report(listener: &Bound<'_, Listener>, parts: &Parts, error: &io::Error) -> Result<(), ErrorSet> {
    let py = listener.py();
    let owner = listener.get().owner.bind(py);
    let error = os_error(error).into_value(py);
    owner.get().imports.hooks.report_accept_failure(py, owner, parts.socket.bind(py), error)?;
    Ok(())
}

/// Stops accepting for this long.
#[cold]
fn pause(listener: &Bound<'_, Listener>, seconds: f64) -> Result<(), ErrorSet> {
    let py = listener.py();
    let owner = listener.get().owner.bind(py);
    // First, because a listener that is paused and not resumed is lost.
    owner.call_method1(
        name!("call_later"),
        (make::float(py, seconds)?, listener.getattr(name!("_resume"))?),
    )?;
    listener.get().ask(py, Interest::NONE, listener.as_any().clone())?;
    Ok(())
}

fn watch(listener: &Bound<'_, Listener>) -> PyResult<()> {
    let py = listener.py();
    let inner = listener.get();
    let object = listener.as_any().clone().into();
    let (token, evicted) = inner
        .owner
        .get()
        .registry
        .with(py, |registry| registry.attach(inner.descriptor, SourceKind::Listener, object));
    drop(evicted);
    inner.token.with(py, |place| *place = Some(token));
    inner.ask(py, Interest::READABLE, listener.as_any().clone())
}

impl Listener {
    fn parts(&self, py: Python<'_>) -> Option<Parts> {
        self.parts.with(py, |parts| parts.as_ref().map(|parts| parts.clone_ref(py)))
    }

    fn ask(&self, py: Python<'_>, interest: Interest, listener: Bound<'_, PyAny>) -> PyResult<()> {
        let Some(token) = self.token.with(py, |token| *token) else { return Ok(()) };
        let state = self.owner.get();
        let (held, told) = state
            .registry
            .with(py, |registry| registry.ask(SourceKind::Listener, token, interest, listener.into()));
        drop(held);
        told.map_err(|error| os_error(&error))?;
        // A server that another thread starts: the loop may be asleep without it.
        state.wake_if_elsewhere()
    }

    fn stop(&self, py: Python<'_>) {
        let released = (self.parts.with(py, Option::take), self.token.with(py, Option::take));
        drop(released);
    }
}

#[pymethods]
impl Listener {
    /// Accept again, unless the server or its socket was closed meanwhile.
    fn _resume(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, listener) = (slf.py(), slf.get());
        let is_open = |parts: &Parts| parts.socket.descriptor(py) == listener.descriptor;
        if !listener.parts.with(py, |parts| parts.as_ref().is_some_and(is_open)) {
            return Ok(());
        }
        listener.ask(slf.py(), Interest::READABLE, slf.as_any().clone())
    }

    /// Stop accepting, since the kernel refuses to watch the socket.
    fn abort(slf: &Bound<'_, Self>) {
        slf.get().stop(slf.py());
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        let parts = self.parts.peek(|parts| match parts {
            Some(parts) => {
                visit.call(&**parts.socket.object())?;
                visit.call(&parts.acceptor.factory)?;
                parts.acceptor.server.as_ref().map_or(Ok(()), |served| served.traverse(&visit))?;
                visit.call(&parts.acceptor.context)
            }
            None => Ok(()),
        });
        parts.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        self.stop(py);
    }
}
