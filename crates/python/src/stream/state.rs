//! What the transport of a stream consists of.
//!
//! It knows nothing of what moves the bytes, or of the methods.

use std::io;
use std::os::fd::{OwnedFd, RawFd};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::Address;
use stream::{ReadSize, State, WriteQueue};

use crate::ffi::bytes::Bytes;
use crate::ffi::instance::Class;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::protocol::Callee;
use crate::stream_protocol::StreamProtocol;
use crate::transport::{Common, Transport};

/// The value inside a transport.
pub(crate) type Stream = Transport<Inner>;

/// What changes in a transport.
pub(crate) struct Inner {
    pub(super) common: Common,
    pub(super) state: State,
    pub(super) read_size: ReadSize,
    /// Whether the protocol wants to be told before the stream is flushed at the end of the turn.
    pub(super) tells_turn_end: bool,
    pub(super) queue: WriteQueue<Bytes>,
    pub(super) socket: Socket,
    pub(super) read_mode: ReadMode,
    pub(super) server: Option<Object>,
    pub(super) extra: ExtraInfo,
    /// The future of a `sendfile` that waits for the queue to be drained.
    pub(super) file_waiter: Option<Object>,
}

/// Who owns the descriptor, and closes it once.
pub(super) enum Socket {
    /// We do: nobody has asked for a `socket.socket` yet.
    Owned(OwnedFd),
    /// A `socket.socket` does.
    Object(SocketObject),
    Closed,
}

/// How the protocol takes what arrives.
#[derive(Clone, Copy)]
pub(super) enum ReadMode {
    /// `data_received(bytes)`.
    Bytes,
    /// `get_buffer()` and `buffer_updated()`.
    Buffer,
    /// Into asyncio's own `StreamReader`, if it is still that at the time.
    Reader,
    /// In Rust.
    StreamProtocol(&'static StreamProtocol),
}

/// What is known of a connection. Addresses are kept as the kernel gave them and become Python's when somebody asks.
pub(super) struct ExtraInfo {
    pub(super) local: Option<Address>,
    pub(super) peer: Option<Address>,
    /// What was asked for already, and what the maker of the transport gave.
    pub(super) known: Option<Object<PyDict>>,
}

/// What one read is about to do.
pub(super) struct Plan<'py> {
    pub(super) callee: Callee<'py>,
    pub(super) read_mode: ReadMode,
    pub(super) size: ReadSize,
    /// The number of the socket, for as long as no user code runs.
    pub(super) descriptor: RawFd,
}

/// What one read came to.
pub(super) enum Received {
    /// The protocol, or its reader, has it; or nothing was read, because the stream is closing.
    Handled,
    /// The peer has ended its side.
    End,
    /// The kernel's answer.
    Refused(io::Error),
}

/// The class whose objects are such transports.
pub(super) static CLASSES: [Class<Stream>; 1] = [Class::new()];

impl Inner {
    /// The descriptor to read from and write to: -1 once the user has closed the socket behind the transport's back, so
    /// that whoever has the number now is left alone. It is read after all user code, right before the system call.
    #[inline(always)]
    pub(super) fn descriptor(&self, py: Python<'_>) -> RawFd {
        match &self.socket {
            Socket::Owned(_) => self.common.number,
            Socket::Object(object) => object.descriptor(py),
            Socket::Closed => -1,
        }
    }
}

/// Whether the descriptor is the stream's own now. While a file is sent past it, it is `sock_sendfile`'s.
pub(crate) fn owns_descriptor(stream: This<'_, Stream>) -> bool {
    !stream.inner.with(stream.py(), |inner| inner.state.is_sending_file())
}

impl Stream {
    /// The descriptor of the next read; `None` if user code has closed the stream since the read was decided on.
    #[inline(always)]
    pub(super) fn descriptor_to_read(&self, py: Python<'_>) -> Option<RawFd> {
        self.inner.with(py, |inner| (!inner.state.is_closing()).then(|| inner.descriptor(py)))
    }
}
