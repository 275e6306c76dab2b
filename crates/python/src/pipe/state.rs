//! What the transport of a pipe consists of, and the two classes that such transports have.
//!
//! It knows nothing of what moves the bytes, or of the methods.

use std::os::fd::RawFd;

use pyo3::exceptions::{PyException, PyMemoryError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use reactor::{Interest, Token};
use stream::{Flow, PipeEnd, WriteQueue};

use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{self, ClassValue, Subclass, Visit};
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::this::{This, value_of};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::SourceKind;
use crate::transport;

/// The value inside a transport.
pub(crate) struct Pipe {
    pub(super) owner: Object<EventLoop>,
    /// `Kind::ReadPipe` or `Kind::WritePipe`.
    pub(super) kind: SourceKind,
    pub(super) inner: GilCell<Inner>,
}

/// What changes in a transport's life.
pub(crate) struct Inner {
    pub(super) end: PipeEnd,
    pub(super) flow: Flow,
    pub(super) queue: WriteQueue<Bytes>,
    /// Whether the loop will flush this transport at the end of its turn.
    pub(super) is_listed: bool,
    /// Whether bytes are being written without the GIL; others wait in the queue behind them.
    pub(super) is_sending: bool,
    /// Whether a write leaves at once: to a terminal, which `print` writes to as well, and the order should be kept.
    pub(super) writes_at_once: bool,
    /// What the kernel was asked to report.
    pub(super) watched: Interest,
    /// The number of the file when the transport was made.
    pub(super) descriptor: RawFd,
    pub(super) token: Option<Token>,
    /// The file object; `None` once it is closed.
    pub(super) file: Option<Object>,
    pub(super) protocol: Option<Object>,
    pub(super) context: Object,
    pub(super) extra: Object,
}

/// A class, and the methods that the loop calls at the beginning and at the end of a pipe.
pub(super) struct Class {
    pub(super) class: &'static instance::Class<Pipe>,
    pub(super) begin: Py<PyAny>,
    pub(super) connection_lost: Py<PyAny>,
}

/// The reader's class and the writer's.
pub(super) static CLASSES: PyOnceLock<(Class, Class)> = PyOnceLock::new();

/// The class of the transports of this kind.
pub(super) fn class_of(py: Python<'_>, kind: SourceKind) -> PyResult<&'static Class> {
    let (reader, writer) =
        CLASSES.get(py).ok_or_else(|| new_error::<PyTypeError>("vitok._native was not initialised"))?;
    Ok(if kind == SourceKind::ReadPipe { reader } else { writer })
}

/// Tells the kernel what the state asks for, if that has changed.
#[inline(always)]
pub(super) fn settle(transport: Argument<'_>) -> Result<(), ErrorSet> {
    transport::settle::<Pipe>(transport)
}

/// What a closure finds in the changing part of a transport. It calls nothing of Python's.
pub(super) fn ask<R>(transport: Argument<'_>, question: impl FnOnce(&mut Inner) -> R) -> R {
    value_of::<Pipe>(transport).inner.with(transport.py(), question)
}

/// The number of the file; -1 once the file is closed, since the number may stand for another file by then. The file object
/// is of any class, so this may run user code: it is called without a borrow and before the state is looked at.
///
/// Errors: MemoryError, and exceptions that have to leave the loop.
pub(super) fn open_descriptor(transport: Argument<'_>) -> Result<RawFd, ErrorSet> {
    let py = transport.py();
    let (file, number) =
        ask(transport, |inner| (inner.file.as_ref().map(|file| file.clone_ref(py)), inner.descriptor));
    let Some(file) = file else { return Ok(-1) };
    match file.bind(py).call_method0(name!("fileno")).and_then(|answer| answer.extract::<RawFd>()) {
        Ok(answer) => Ok(if answer == number { number } else { -1 }),
        Err(error) if error.is_instance_of::<PyMemoryError>(py) => Err(error.into()),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(-1),
        Err(error) => Err(error.into()),
    }
}

impl ClassValue for Pipe {
    type Head = Subclass;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> =
        Some(|this| transport::finalize::<Self>(this.object()));

    fn classes() -> &'static [instance::Class<Self>] {
        static CLASSES: [instance::Class<Pipe>; 2] = [instance::Class::new(), instance::Class::new()];
        &CLASSES
    }

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
}
