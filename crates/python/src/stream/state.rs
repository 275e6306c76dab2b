//! The value of a stream's transport.
//!
//! The modules of this folder move the bytes and define the methods.

use std::io;
use std::os::fd::{OwnedFd, RawFd};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use reactor::Address;
use stream::{ReadSize, State, WriteQueue};

use super::served::Served;
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

/// The mutable part of a transport.
pub(crate) struct Inner {
    pub(super) common: Common,
    pub(super) state: State,
    pub(super) read_size: ReadSize,
    /// Whether the protocol wants a call before the stream is flushed at the end of the turn.
    pub(super) tells_turn_end: bool,
    pub(super) queue: WriteQueue<Bytes>,
    pub(super) socket: Socket,
    /// How many threads are making a socket object of the descriptor now.
    pub(super) lenders: u32,
    /// The descriptor of a transport that was closed meanwhile: the last of them closes it.
    pub(super) kept: Option<OwnedFd>,
    pub(super) read_mode: ReadMode,
    pub(super) server: Option<Served>,
    pub(super) extra: ExtraInfo,
    /// The future of a `sendfile` that waits for the queue to be sent.
    pub(super) file_waiter: Option<Object>,
}

/// The owner of the descriptor, which closes it once.
pub(super) enum Socket {
    /// This transport: no `socket.socket` was requested yet.
    Owned(OwnedFd),
    /// A `socket.socket`.
    Object(SocketObject),
    Closed,
}

/// How received bytes are passed to the protocol.
#[derive(Clone, Copy)]
pub(crate) enum ReadMode {
    /// `data_received(bytes)`.
    Bytes,
    /// `get_buffer()` and `buffer_updated()`.
    Buffer,
    /// Into asyncio's own `StreamReader`, if it is still that at the time of the read.
    Reader,
    /// To a protocol in Rust.
    StreamProtocol(&'static StreamProtocol),
}

/// The known values of `get_extra_info()`. Addresses are stored in the kernel's form and converted when they are
/// requested.
pub(super) struct ExtraInfo {
    pub(super) local: Option<Address>,
    pub(super) peer: Option<Address>,
    /// Values that were asked for already, and those passed at the creation.
    pub(super) known: Option<Object<PyDict>>,
}

/// The plan of one read.
pub(super) struct Plan<'py> {
    pub(super) callee: Callee<'py>,
    pub(super) read_mode: ReadMode,
    pub(super) size: ReadSize,
    /// The number of the socket, valid until user code runs.
    pub(super) descriptor: RawFd,
}

/// The result of one read.
pub(super) enum Received {
    /// The protocol or its reader has the bytes; or nothing was read, because the stream is closing.
    Handled,
    /// The peer has ended its side.
    End,
    /// The error of the kernel.
    Refused(io::Error),
}

/// The class of these transports.
pub(super) static CLASSES: [Class<Stream>; 1] = [Class::new()];

impl Inner {
    /// Returns the descriptor to read from and write to; -1 once the user has closed the socket, so that another file
    /// with its number is left alone. Read it after all user code, right before the system call.
    #[inline(always)]
    pub(super) fn descriptor(&self, py: Python<'_>) -> RawFd {
        match &self.socket {
            Socket::Owned(_) => self.common.number,
            Socket::Object(object) => object.descriptor(py),
            Socket::Closed => -1,
        }
    }

    /// Takes the socket out, to be closed. A descriptor that another thread makes an object of is left to that one.
    pub(super) fn take_socket(&mut self) -> Socket {
        match std::mem::replace(&mut self.socket, Socket::Closed) {
            Socket::Owned(file) if self.lenders > 0 => {
                self.kept = Some(file);
                Socket::Closed
            }
            taken => taken,
        }
    }
}

/// Returns whether the stream uses the descriptor now. While a file is being sent, `sock_sendfile` does.
pub(crate) fn owns_descriptor(stream: This<'_, Stream>) -> bool {
    !stream.inner.with(stream.py(), |inner| inner.state.is_sending_file())
}

impl Stream {
    /// Returns the descriptor of the next read; `None` if user code has closed the stream since the read was decided
    /// on.
    #[inline(always)]
    pub(super) fn descriptor_to_read(&self, py: Python<'_>) -> Option<RawFd> {
        self.inner.with(py, |inner| (!inner.state.is_closing()).then(|| inner.descriptor(py)))
    }
}
