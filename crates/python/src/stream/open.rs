//! Creates the transport of a stream, and lists those of a server.

use std::os::fd::{AsRawFd, OwnedFd};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::{Address, socket};
use stream::{ReadSize, State, WriteQueue};

use super::end;
use super::reader::read_mode_of;
use super::served::Served;
use super::state::{ExtraInfo, Inner, Socket, Stream};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::{Entry, SourceKind};
use crate::transport::{self, Common, alive, check_protocol, schedule_begin};

/// The parts of a new transport.
pub(crate) struct Connection<'py> {
    pub(crate) socket: NewSocket,
    pub(crate) protocol: Bound<'py, PyAny>,
    /// The context of the protocol's callbacks; a copy of the current one by default.
    pub(crate) context: Option<Bound<'py, PyAny>>,
    pub(crate) server: Option<Served>,
    /// The `extra` of asyncio's own constructor.
    pub(crate) extra: Option<Bound<'py, PyAny>>,
}

/// The socket of a new transport.
pub(crate) enum NewSocket {
    /// A socket that the loop has opened or accepted, with its peer and, if the listener knows it, its own address.
    Owned { file: OwnedFd, local: Option<Address>, peer: Address },
    /// A socket that the user has created.
    Object(SocketObject),
}

/// Creates a transport. Reading starts with [`begin`].
pub(crate) fn open<'py>(
    owner: &Bound<'py, EventLoop>,
    connection: Connection<'py>,
) -> Result<Bound<'py, Stream>, ErrorSet> {
    let py = owner.py();
    check_protocol(&connection.protocol)?;
    let read_mode = read_mode_of(owner, &connection.protocol)?;
    let (socket, descriptor, local, peer) = match connection.socket {
        NewSocket::Owned { file, local, peer } => {
            let descriptor = file.as_raw_fd();
            (Socket::Owned(file), descriptor, local, Some(peer))
        }
        NewSocket::Object(object) => {
            let descriptor = object.descriptor(py);
            (Socket::Object(object), descriptor, None, socket::peer_address(descriptor).ok())
        }
    };
    let local = local.or_else(|| socket::local_address(descriptor).ok());
    let inner = Inner {
        common: Common::new(descriptor, connection.protocol, connection.context)?,
        state: State::new(),
        read_size: ReadSize::new(),
        tells_turn_end: false,
        queue: WriteQueue::new(),
        socket,
        lenders: 0,
        kept: None,
        read_mode,
        server: connection.server.as_ref().map(|served| served.clone_ref(py)),
        extra: ExtraInfo { local, peer, known: copy_of(connection.extra)? },
        file_waiter: None,
    };
    let opened = transport::open(owner, SourceKind::Stream, inner)?;
    let stream = This::from(&opened);
    if let Some(served) = connection.server
        && let Err(raised) = served.attach(stream.object())
    {
        let error = raised.take(py);
        // The server does not count this connection.
        let uncounted = stream.inner.with(py, |inner| inner.server.take());
        drop(uncounted);
        drop(end::give_up(stream).map_err(|raised| raised.take(py)));
        return Err(error.into());
    }
    Ok(opened)
}

/// Copies the `extra` of asyncio's own constructor into a dict of the transport.
fn copy_of(extra: Option<Bound<'_, PyAny>>) -> PyResult<Option<Object<PyDict>>> {
    let Some(extra) = extra else { return Ok(None) };
    if !extra.is_truthy()? {
        return Ok(None);
    }
    let known = make::dict(extra.py())?;
    known.update(extra.cast()?)?;
    Ok(Some(known.into()))
}

/// Creates a transport whose `connection_made` the loop calls at its next turn; then a waiter is woken.
pub(crate) fn open_later<'py>(
    owner: &Bound<'py, EventLoop>,
    connection: Connection<'py>,
    waiter: Option<Bound<'py, PyAny>>,
) -> Result<Bound<'py, Stream>, ErrorSet> {
    let py = owner.py();
    if let NewSocket::Object(object) = &connection.socket {
        // A Unix socket has no such option.
        drop(socket::set_nodelay(object.descriptor(py)));
    }
    let opened = open(owner, connection)?;
    let stream = This::from(&opened);
    if let Err(raised) = schedule_begin(stream, waiter.as_ref().map(Bound::as_borrowed)) {
        let error = raised.take(py);
        drop(end::give_up(stream).map_err(|raised| raised.take(py)));
        return Err(error.into());
    }
    Ok(opened)
}

/// Returns the open transports of a server.
pub(crate) fn transports_of<'py>(
    py: Python<'py>,
    state: &EventLoop,
    server: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let objects: Vec<Object> = state.registry.with(py, |registry| {
        let sources = registry.table.entries().flat_map(Entry::sources);
        sources
            .filter(|source| source.kind == SourceKind::Stream)
            .map(|source| source.object.clone_ref(py))
            .collect()
    });
    let transports = objects.into_iter().filter_map(|object| alive(object.into_bound(py)));
    let is_its = |transport: &Bound<'py, PyAny>| {
        This::<Stream>::cast(transport.as_borrowed()).is_some_and(|stream| {
            stream
                .inner
                .with(py, |inner| inner.server.as_ref().is_some_and(|served| served.server.is(server)))
        })
    };
    Ok(transports.filter(is_its).collect())
}
