//! The value of a pipe's transport.
//!
//! The modules of this folder move the bytes and define the methods.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use reactor::{reopen, set_blocking};
use stream::{PipeEnd, WriteQueue};

use crate::ffi::bytes::Bytes;
use crate::ffi::instance::Class;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{Common, Transport};

/// The value inside a transport, of `SourceKind::ReadPipe` or `SourceKind::WritePipe`.
pub(crate) type Pipe = Transport<Inner>;

/// The mutable part of a transport.
pub(crate) struct Inner {
    pub(super) common: Common,
    pub(super) end: PipeEnd,
    pub(super) queue: WriteQueue<Bytes>,
    /// Whether a terminal's input has ended for now, and the protocol has not been asked yet whether it reads on.
    pub(super) asks_protocol: bool,
    /// Whether bytes are being written by a detached thread; others wait in the queue behind them.
    pub(super) is_sending: bool,
    /// Whether a write is sent at once: to a terminal, to which `print` writes as well, in order.
    pub(super) writes_at_once: bool,
    /// How reads and writes are kept from blocking.
    pub(super) nonblocking: Nonblocking,
    /// The file object; `None` once it is closed.
    pub(super) file: Option<Object>,
    pub(super) extra: Object,
}

/// How reads and writes are kept from blocking. The file stays as it is where the kernel has calls that never wait: other
/// processes may share it, such as a child with the same standard output, and `O_NONBLOCK` would make their writes fail.
pub(super) enum Nonblocking {
    /// By those calls, or by a flag that the file had before.
    AsItIs,
    /// The file was opened again, without blocking. Another thread may still write by that number when the transport
    /// ends, so the last one of both closes it.
    Reopened(Arc<OwnedFd>),
    /// The flag was set, and is cleared before the file is closed.
    Flagged,
}

impl Nonblocking {
    /// Returns the number to read or write, where `own` is that of the file itself.
    fn number(&self, own: RawFd) -> Number {
        match self {
            Nonblocking::Reopened(file) => Number { raw: file.as_raw_fd(), file: Some(file.clone()) },
            Nonblocking::AsItIs | Nonblocking::Flagged => Number { raw: own, file: None },
        }
    }
}

/// A number to read or write by. A file that was opened again stays open for as long as this value lives. The file object
/// of the user may be closed by another thread meanwhile; asyncio reads and writes by the number of such a file, too,
/// and without the GIL.
pub(super) struct Number {
    raw: RawFd,
    #[expect(dead_code, reason = "it is there to be dropped")]
    file: Option<Arc<OwnedFd>>,
}

impl Number {
    const NONE: Self = Self { raw: -1, file: None };

    #[inline(always)]
    pub(super) const fn raw(&self) -> RawFd {
        self.raw
    }
}

/// The reader's class and the writer's.
pub(super) static CLASSES: [Class<Pipe>; 2] = [Class::new(), Class::new()];

/// Returns the number to read or write, or -1 once the file is closed, since another file may have the number by then. The
/// file object is of any class, so this may run user code: call it without a borrow and before the state is read.
///
/// Errors: MemoryError, and exceptions that have to leave the loop.
pub(super) fn open_descriptor(pipe: This<'_, Pipe>) -> Result<Number, ErrorSet> {
    let py = pipe.py();
    let (file, number, used) = pipe.inner.with(py, |inner| {
        let file = inner.file.as_ref().map(|file| file.clone_ref(py));
        (file, inner.common.number, inner.nonblocking.number(inner.common.number))
    });
    let Some(file) = file else { return Ok(Number::NONE) };
    match file.bind(py).call_method0(name!("fileno")).and_then(|answer| answer.extract::<RawFd>()) {
        Ok(answer) => Ok(if answer == number { used } else { Number::NONE }),
        Err(error) if error.is_instance_of::<PyMemoryError>(py) => Err(error.into()),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(Number::NONE),
        Err(error) => Err(error.into()),
    }
}

/// Handles the first call that might wait, as those for a FIFO or a terminal may. Returns the number for another attempt,
/// or `None` if the descriptor still blocks.
#[cold]
pub(super) fn stop_blocking(pipe: This<'_, Pipe>, writes: bool) -> Option<Number> {
    pipe.inner.with(pipe.py(), |inner| {
        let number = inner.common.number;
        match reopen(number, writes) {
            Ok(file) => inner.nonblocking = Nonblocking::Reopened(Arc::new(file)),
            Err(_) if set_blocking(number, false).is_ok() => inner.nonblocking = Nonblocking::Flagged,
            Err(_) => return None,
        }
        Some(inner.nonblocking.number(number))
    })
}
