//! The transports of pipes: `asyncio.ReadTransport` and `asyncio.WriteTransport` over a FIFO, a terminal, a socket or any other
//! character device.
//!
//! Both are one kind of object inside: a reader's queue stays empty. The file object is the one owner of the descriptor, and
//! it is closed, never the number behind it. The decisions are `crates/stream`'s. Every function that calls the protocol, the
//! exception handler or the file object does so with no borrow alive, and asks the state anew afterwards.
//!
//! | File      | What                                                                |
//! |-----------|---------------------------------------------------------------------|
//! | `read`    | bytes in                                                            |
//! | `write`   | bytes out, and that the reader has left                             |
//! | `end`     | `close()`, `abort()`, errors, letting go of the file                |
//! | `life`    | what it shares with the other transports                            |
//! | `info`    | the representation, private attributes                              |
//! | `class`   | the methods as Python sees them                                     |

mod class;
mod end;
mod info;
mod life;
mod read;
mod write;

use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use reactor::{Interest, Token};
use stream::{Flow, PipeEnd, WriteQueue};

use crate::ffi::bytes::Bytes;
use crate::ffi::call::copy_context;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::Argument;
use crate::ffi::native::{Native, Visit, value_of};
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::transport::{self, check_protocol, schedule};
use crate::watches::Kind;

pub(crate) use class::{make_classes, methods};
pub(crate) use read::on_readable;
pub(crate) use write::{flush, on_ready};

/// The value inside a transport.
pub(crate) struct Pipe {
    owner: Object<EventLoop>,
    /// `Kind::ReadPipe` or `Kind::WritePipe`.
    kind: Kind,
    inner: GilCell<Inner>,
}

/// What changes in a transport's life.
pub(crate) struct Inner {
    end: PipeEnd,
    flow: Flow,
    queue: WriteQueue<Bytes>,
    /// Whether the loop will flush this transport at the end of its turn.
    is_listed: bool,
    /// Whether bytes are being written without the GIL; others wait in the queue behind them.
    is_sending: bool,
    /// Whether a write leaves at once: to a terminal, which `print` writes to as well, and the order should be kept.
    writes_at_once: bool,
    /// What the kernel was asked to report.
    watched: Interest,
    descriptor: RawFd,
    token: Option<Token>,
    /// The file object; `None` once it is closed.
    file: Option<Object>,
    protocol: Option<Object>,
    context: Object,
    extra: Object,
}

/// What a transport is made of.
struct Connection<'py> {
    file: Bound<'py, PyAny>,
    descriptor: RawFd,
    protocol: Bound<'py, PyAny>,
    waiter: Bound<'py, PyAny>,
    extra: Bound<'py, PyAny>,
    end: PipeEnd,
    writes_at_once: bool,
}

/// Makes a transport. At its next turn the loop calls `connection_made`, then the waiter is woken.
fn open<'py>(
    owner: &Bound<'py, EventLoop>,
    kind: Kind,
    connection: Connection<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    owner.get().check_open()?;
    check_protocol(owner.get(), &connection.protocol)?;
    let descriptor = connection.descriptor;
    let inner = Inner {
        end: connection.end,
        flow: Flow::new(),
        queue: WriteQueue::new(),
        is_listed: false,
        is_sending: false,
        writes_at_once: connection.writes_at_once,
        watched: Interest::NONE,
        descriptor,
        token: None,
        file: Some(connection.file.into()),
        protocol: Some(connection.protocol.into()),
        context: copy_context(py)?.into(),
        extra: connection.extra.into(),
    };
    let class = class::class_of(py, kind)?;
    let value = Pipe { owner: owner.clone().into(), kind, inner: GilCell::new(inner) };
    let transport = class.class.instance(py, value)?;
    // Held weakly until the kernel is asked for something: the writer of a terminal is its user's alone.
    let object = PyWeakrefReference::new(&transport)?.into_any().into();
    let (token, evicted) = owner.get().kernel.with(py, |kernel| kernel.attach(descriptor, kind, object));
    drop(evicted);
    value_of::<Pipe>(transport.as_borrowed()).inner.with(py, |inner| inner.token = Some(token));
    let begin = class.begin.bind_borrowed(py);
    schedule(owner, begin, &[transport.as_borrowed(), connection.waiter.as_borrowed()], None)?;
    Ok(transport)
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
fn settle(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::settle::<Pipe>(transport)
}

impl Native for Pipe {
    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            visit.maybe(inner.file.as_ref());
            visit.maybe(inner.protocol.as_ref());
            visit.object(&inner.context);
            visit.object(&inner.extra);
        });
    }

    fn clear(&self, py: Python<'_>) {
        let protocol = self.inner.with(py, |inner| inner.protocol.take());
        drop(protocol);
    }

    fn finalize(transport: Argument<'_>) -> PyResult<()> {
        transport::finalize::<Self>(transport)
    }
}
