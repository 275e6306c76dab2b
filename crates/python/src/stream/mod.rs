//! A stream transport: what `asyncio.Transport` promises, over a connected socket.
//!
//! The decisions are `crates/stream`'s; here they meet the descriptor, the protocol and the loop. Every function that calls
//! the protocol, the exception handler or anything else of Python's does so with no borrow alive, and asks the state anew
//! afterwards: the connection may be closed, paused or given another protocol in there.
//!
//! | File         | What                                                             |
//! |--------------|------------------------------------------------------------------|
//! | `read`       | bytes in: from readiness to the protocol                         |
//! | `reader`     | bytes in, for asyncio's own `StreamReader`                       |
//! | `native`     | both, for a protocol in Rust                                     |
//! | `write`      | bytes out: from `write()` to the kernel, at the end of the turn  |
//! | `end`        | `close()`, `abort()`, errors, letting go of the socket           |
//! | `life`       | what it shares with the other transports                         |
//! | `info`       | `get_extra_info()`, the representation                           |
//! | `class`      | the methods as Python sees them                                  |
//! | `attributes` | the private attributes                                           |

mod attributes;
mod class;
mod end;
mod info;
mod life;
mod protocol;
mod read;
mod reader;
mod write;

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use pyo3::prelude::*;
use reactor::{Address, Interest, Token, socket};
use stream::{Flow, ReadSize, State, WriteQueue};

use crate::ffi::bytes::Bytes;
use crate::ffi::call::{call_method, copy_context};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{Class, ClassValue, Subclass, Visit};
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::{This, value_of};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{Entry, SourceKind};
use crate::stream_protocol::{self, StreamProtocol};
use crate::transport::{self, alive, check_protocol, schedule};

pub(crate) use class::make_class;
pub(crate) use protocol::{
    addresses, close, is_lost, is_stream, pause_reading, resume_reading, tell_at_turn_end, write,
};
pub(crate) use read::on_ready;
pub(crate) use write::flush;

/// The value inside a transport.
pub(crate) struct Stream {
    owner: Object<EventLoop>,
    inner: GilCell<Inner>,
}

/// What changes in a transport's life.
pub(crate) struct Inner {
    state: State,
    flow: Flow,
    read_size: ReadSize,
    /// Whether the loop will flush this stream at the end of its turn.
    is_listed: bool,
    /// Whether the protocol wants to be told before that.
    tells_turn_end: bool,
    /// What the kernel was asked to report.
    watched: Interest,
    /// The descriptor as it was when the transport was made.
    number: RawFd,
    token: Option<Token>,
    queue: WriteQueue<Bytes>,
    socket: Socket,
    protocol: Option<Object>,
    read_mode: ReadMode,
    context: Object,
    server: Option<Object>,
    extra: info::ExtraInfo,
    /// The future of a `sendfile` that waits for the queue to be drained.
    file_waiter: Option<Object>,
}

/// Who owns the descriptor, and closes it once.
enum Socket {
    /// We do: nobody has asked for a `socket.socket` yet.
    Owned(OwnedFd),
    /// A `socket.socket` does.
    Object(SocketObject),
    Closed,
}

/// How the protocol takes what arrives.
#[derive(Clone, Copy)]
enum ReadMode {
    /// `data_received(bytes)`.
    Bytes,
    /// `get_buffer()` and `buffer_updated()`.
    Buffer,
    /// Into asyncio's own `StreamReader`, if it is still that at the time.
    Reader,
    /// In Rust.
    StreamProtocol(&'static StreamProtocol),
}

/// What a transport is made of.
pub(crate) struct Connection<'py> {
    pub(crate) socket: NewSocket,
    pub(crate) protocol: Bound<'py, PyAny>,
    /// The context of the protocol's callbacks; a copy of the current one where none is given.
    pub(crate) context: Option<Bound<'py, PyAny>>,
    pub(crate) server: Option<Bound<'py, PyAny>>,
    /// The `extra` of asyncio's own constructor.
    pub(crate) extra: Option<Bound<'py, PyAny>>,
}

/// The socket that a transport takes over.
pub(crate) enum NewSocket {
    /// One that the loop has accepted, with its peer and, where the listener knows it, its own address.
    Accepted { file: OwnedFd, local: Option<Address>, peer: Address },
    /// One that the user has made.
    Object(SocketObject),
}

/// Makes a transport. Nothing is read before [`begin`].
pub(crate) fn open<'py>(
    owner: &Bound<'py, EventLoop>,
    connection: Connection<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    let state = owner.get();
    check_protocol(&connection.protocol)?;
    let context = match connection.context {
        Some(context) => context,
        None => copy_context(py)?,
    };
    let read_mode = read_mode_of(owner, &connection.protocol)?;
    let (socket, descriptor, local, peer) = match connection.socket {
        NewSocket::Accepted { file, local, peer } => {
            let descriptor = file.as_raw_fd();
            (Socket::Owned(file), descriptor, local, Some(peer))
        }
        NewSocket::Object(object) => {
            let descriptor = object.descriptor(py);
            (Socket::Object(object), descriptor, None, socket::peer_address(descriptor).ok())
        }
    };
    let local = local.or_else(|| socket::local_address(descriptor).ok());
    let extra = info::ExtraInfo::new(py, local, peer, connection.extra)?;
    let inner = Inner {
        state: State::new(),
        flow: Flow::new(),
        read_size: ReadSize::new(),
        is_listed: false,
        tells_turn_end: false,
        watched: Interest::NONE,
        number: descriptor,
        token: None,
        queue: WriteQueue::new(),
        socket,
        protocol: Some(connection.protocol.into()),
        read_mode,
        context: context.into(),
        server: connection.server.as_ref().map(|server| server.clone().into()),
        extra,
        file_waiter: None,
    };
    let value = Stream { owner: owner.clone().into(), inner: GilCell::new(inner) };
    let transport = Stream::class().instance(py, value)?.into_any();
    let (token, evicted) = state
        .registry
        .with(py, |registry| registry.attach(descriptor, SourceKind::Stream, transport.clone().into()));
    drop(evicted);
    let stream = value_of::<Stream>(transport.as_borrowed());
    stream.inner.with(py, |inner| inner.token = Some(token));
    if let Some(server) = connection.server {
        let name = name!("_attach");
        if let Err(raised) = call_method(server.as_borrowed(), name, &[transport.as_borrowed()]) {
            let error = raised.take(py);
            // It does not count among the server's.
            let uncounted = stream.inner.with(py, |inner| inner.server.take());
            drop(uncounted);
            drop(end::give_up(transport.as_borrowed()).map_err(|raised| raised.take(py)));
            return Err(error.into());
        }
    }
    Ok(transport)
}

/// Makes a transport whose `connection_made` the loop calls at its next turn; then a waiter is woken.
pub(crate) fn open_later<'py>(
    owner: &Bound<'py, EventLoop>,
    connection: Connection<'py>,
    waiter: Option<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    if let NewSocket::Object(object) = &connection.socket {
        // A Unix socket has no such option.
        drop(socket::set_nodelay(object.descriptor(py)));
    }
    let transport = open(owner, connection)?;
    let waiter = waiter.unwrap_or_else(|| py.None().into_bound(py));
    // The connection's own context is entered for the protocol alone.
    let scheduled =
        schedule(owner, class::begin_method(py)?, &[transport.as_borrowed(), waiter.as_borrowed()], None);
    if let Err(raised) = scheduled {
        let error = raised.take(py);
        drop(end::give_up(transport.as_borrowed()).map_err(|raised| raised.take(py)));
        return Err(error.into());
    }
    Ok(transport)
}

/// Whether the descriptor is the stream's own now. While a file is sent past it, it is `sock_sendfile`'s.
pub(crate) fn owns_descriptor(transport: Argument<'_>) -> bool {
    !value_of::<Stream>(transport).inner.with(transport.py(), |inner| inner.state.is_sending_file())
}

/// The open transports of a server.
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
        let stream = value_of::<Stream>(transport.as_borrowed());
        stream.inner.with(py, |inner| inner.server.as_ref().is_some_and(|own| own.is(server)))
    };
    Ok(transports.filter(is_its).collect())
}

/// Calls `connection_made` and begins to read.
pub(crate) fn begin(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::begin::<Stream>(transport)
}

impl Inner {
    /// The descriptor to read from and write to: -1 once the user has closed the socket behind the transport's back, so
    /// that whoever has the number now is left alone. It is read after all user code, right before
    /// the system call.
    #[inline(always)]
    fn descriptor(&self, py: Python<'_>) -> RawFd {
        match &self.socket {
            Socket::Owned(_) => self.number,
            Socket::Object(object) => object.descriptor(py),
            Socket::Closed => -1,
        }
    }
}

impl Stream {
    /// The descriptor of the next read; `None` if user code has closed the stream since the read was decided on.
    #[inline(always)]
    fn descriptor_to_read(&self, py: Python<'_>) -> Option<RawFd> {
        self.inner.with(py, |inner| (!inner.state.is_closing()).then(|| inner.descriptor(py)))
    }
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
fn settle(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::settle::<Stream>(transport)
}

/// How a protocol takes what arrives, by its class.
fn read_mode_of(owner: &Bound<'_, EventLoop>, protocol: &Bound<'_, PyAny>) -> PyResult<ReadMode> {
    let class = owner.get().imports.buffered_protocol.bind(owner.py());
    if protocol.is_instance(class)? {
        return Ok(ReadMode::Buffer);
    }
    if let Some(native) = stream_protocol::of(protocol) {
        return Ok(ReadMode::StreamProtocol(native));
    }
    Ok(if reader::may_feed(protocol)? { ReadMode::Reader } else { ReadMode::Bytes })
}

impl ClassValue for Stream {
    type Head = Subclass;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> =
        Some(|this| transport::finalize::<Self>(this.object()));

    fn classes() -> &'static [Class<Self>] {
        static CLASSES: [Class<Stream>; 1] = [Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            visit.maybe(inner.protocol.as_ref());
            visit.object(&inner.context);
            visit.maybe(inner.server.as_ref());
            visit.maybe(inner.file_waiter.as_ref());
            if let Socket::Object(object) = &inner.socket {
                visit.object(object.object());
            }
            visit.maybe(inner.extra.dict());
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.inner.with(py, |inner| {
            (inner.protocol.take(), inner.server.take(), inner.file_waiter.take(), inner.extra.take_dict())
        });
        drop(released);
    }
}
