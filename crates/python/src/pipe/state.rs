//! What the transport of a pipe consists of, and the two classes that such transports have.
//!
//! It knows nothing of what moves the bytes, or of the methods.

use std::os::fd::RawFd;

use pyo3::exceptions::PyTypeError;
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
