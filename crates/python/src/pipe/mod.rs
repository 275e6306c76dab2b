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
//! | `end`     | `close()`, `abort()`, errors, `connection_lost`, the finalizer      |
//! | `info`    | the representation, private attributes                              |
//! | `class`   | the methods as Python sees them                                     |

mod class;
mod end;
mod info;
mod read;
mod write;

use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use reactor::{Interest, Token};
use stream::{Flow, PipeEnd, WriteQueue};

use crate::error::os_error;
use crate::ffi::bytes::Bytes;
use crate::ffi::call::copy_context;
use crate::ffi::method::Argument;
use crate::ffi::native::{Native, Visit, value_of};
use crate::ffi::object::Object;
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::protocol::{self, Callee};
use crate::transport::{
    FlowControlled, ask_kernel, call_connection_made, check_protocol, interest_of, schedule, wake,
};
use crate::watches::Kind;

pub(crate) use class::{make_classes, methods};
pub(crate) use read::on_readable;
pub(crate) use write::{flush, on_ready};

/// The value inside a transport.
pub(crate) struct Pipe {
    owner: Object<EventLoop>,
    /// `Kind::ReadPipe` or `Kind::WritePipe`.
    kind: Kind,
    body: Owned<Body>,
}

/// What changes in a transport's life.
struct Body {
    end: PipeEnd,
    flow: Flow,
    queue: WriteQueue<Bytes>,
    /// Whether the loop will flush this transport at the end of its turn.
    is_listed: bool,
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
) -> Result<Bound<'py, PyAny>, Raised> {
    let py = owner.py();
    owner.get().check_open()?;
    check_protocol(owner.get(), &connection.protocol)?;
    let descriptor = connection.descriptor;
    let body = Body {
        end: connection.end,
        flow: Flow::new(),
        queue: WriteQueue::new(),
        is_listed: false,
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
    let value = Pipe { owner: owner.clone().into(), kind, body: Owned::new(body) };
    let transport = class.class.instance(py, value)?;
    // Held weakly until the kernel is asked for something: the writer of a terminal is its user's alone.
    let object = PyWeakrefReference::new(&transport)?.into_any().into();
    let (token, displaced) = owner.get().kernel.with(py, |kernel| kernel.attach(descriptor, kind, object));
    drop(displaced);
    value_of::<Pipe>(transport.as_borrowed()).body.with(py, |body| body.token = Some(token));
    let begin = class.begin.bind_borrowed(py);
    schedule(owner, begin, &[transport.as_borrowed(), connection.waiter.as_borrowed()], None)?;
    Ok(transport)
}

/// Calls `connection_made`, lets the events come, and wakes the waiter.
fn begin(transport: Argument<'_>, waiter: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let mut outcome = Ok(());
    if let Some(callee) = pipe.callee(py) {
        let made = call_connection_made(pipe.owner.bind(py), &callee, transport);
        outcome = made.map_err(|raised| raised.take(py));
    }
    // Also where a KeyboardInterrupt is on its way out of the loop: the next run goes on.
    pipe.body.with(py, |body| body.end.start());
    settle(transport)?;
    wake(waiter)?;
    Ok(outcome?)
}

impl Pipe {
    /// The protocol with its context; `None` once the pipe is closed.
    #[inline(always)]
    fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        self.body.with(py, |body| body.callee(py))
    }
}

impl FlowControlled for Pipe {
    fn flow<R>(&self, py: Python<'_>, body: impl FnOnce(&mut Flow) -> R) -> R {
        self.body.with(py, |own| body(&mut own.flow))
    }
}

impl Body {
    #[inline(always)]
    fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        let protocol = self.protocol.as_ref()?.bind(py).clone();
        Some(Callee { protocol, context: self.context.bind(py).clone() })
    }
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
fn settle(transport: Argument<'_>) -> Result<(), Raised> {
    let pipe = value_of::<Pipe>(transport);
    let changed = pipe.body.with(transport.py(), |body| {
        let wanted = interest_of(body.end.interest());
        let token = body.token.filter(|_| wanted != body.watched)?;
        body.watched = wanted;
        Some((token, wanted))
    });
    let Some((token, wanted)) = changed else { return Ok(()) };
    match ask_kernel(pipe.owner.get(), transport, pipe.kind.half(), token, wanted)? {
        Ok(()) => Ok(()),
        Err(error) => {
            // A device that cannot be waited for, as /dev/null: asyncio reports it, too.
            let error = os_error(&error, "the pipe cannot be watched");
            let protocol = pipe.callee(transport.py()).map(|callee| callee.protocol);
            let owner = pipe.owner.bind(transport.py());
            protocol::report(owner, "Fatal error on pipe transport", &error, transport, protocol.as_ref())?;
            end::lose(transport, Some(error))
        }
    }
}

impl Native for Pipe {
    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.body.peek(|body| {
            visit.maybe(body.file.as_ref());
            visit.maybe(body.protocol.as_ref());
            visit.object(&body.context);
            visit.object(&body.extra);
        });
    }

    fn clear(&self, py: Python<'_>) {
        let protocol = self.body.with(py, |body| body.protocol.take());
        drop(protocol);
    }

    fn finalize(transport: Argument<'_>) -> PyResult<()> {
        end::finalize(transport)
    }
}
