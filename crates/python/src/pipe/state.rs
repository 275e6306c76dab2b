//! The value of a pipe's transport.
//!
//! The modules of this folder move the bytes and define the methods.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

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
    /// Whether bytes are being written without the GIL; others wait in the queue behind them.
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
    /// The file was opened again, without blocking.
    Reopened(OwnedFd),
    /// The flag was set, and is cleared before the file is closed.
    Flagged,
}

impl Nonblocking {
    fn number(&self) -> Option<RawFd> {
        match self {
            Nonblocking::Reopened(file) => Some(file.as_raw_fd()),
            Nonblocking::AsItIs | Nonblocking::Flagged => None,
        }
    }
}

/// The reader's class and the writer's.
pub(super) static CLASSES: [Class<Pipe>; 2] = [Class::new(), Class::new()];

/// Returns the number to read or write, or -1 once the file is closed, since another file may have the number by then. The
/// file object is of any class, so this may run user code: call it without a borrow and before the state is read.
///
/// Errors: MemoryError, and exceptions that have to leave the loop.
pub(super) fn open_descriptor(pipe: This<'_, Pipe>) -> Result<RawFd, ErrorSet> {
    let py = pipe.py();
    let (file, number, used) = pipe.inner.with(py, |inner| {
        let file = inner.file.as_ref().map(|file| file.clone_ref(py));
        (file, inner.common.number, inner.nonblocking.number().unwrap_or(inner.common.number))
    });
    let Some(file) = file else { return Ok(-1) };
    match file.bind(py).call_method0(name!("fileno")).and_then(|answer| answer.extract::<RawFd>()) {
        Ok(answer) => Ok(if answer == number { used } else { -1 }),
        Err(error) if error.is_instance_of::<PyMemoryError>(py) => Err(error.into()),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(-1),
        Err(error) => Err(error.into()),
    }
}

/// Handles the first call that might wait, as those for a FIFO or a terminal may. Returns the number for another attempt,
/// or `None` if the descriptor still blocks.
#[cold]
pub(super) fn stop_blocking(pipe: This<'_, Pipe>, writes: bool) -> Option<RawFd> {
    pipe.inner.with(pipe.py(), |inner| {
        let number = inner.common.number;
        match reopen(number, writes) {
            Ok(file) => inner.nonblocking = Nonblocking::Reopened(file),
            Err(_) if set_blocking(number, false).is_ok() => inner.nonblocking = Nonblocking::Flagged,
            Err(_) => return None,
        }
        Some(inner.nonblocking.number().unwrap_or(number))
    })
}
