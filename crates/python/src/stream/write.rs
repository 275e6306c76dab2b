//! Bytes out: gathered during the turn, sent by one call at its end.
//!
//! `write()` keeps `bytes` by reference and puts the stream on the loop's list; [`flush`] sends. Bytes are sent at once
//! if the loop does not run, if another thread writes, or if there are more than is worth gathering. Bytes that the
//! kernel does not take wait until it has room. Memory that its owner can change is copied or sent before `write()`
//! returns.

use std::collections::TryReserveError;
use std::io;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use reactor::socket;
use stream::Admission;

use super::state::{Inner, ReadMode, Stream};
use crate::buffer::View;
use crate::counters::Counters;
use crate::error::os_error;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{
    self, AfterWrite, LineCall, after_send, after_write, is_bytes_like, pause_if_high, runs_elsewhere,
    unchanging_lines, update_interest,
};

/// The largest memory that is copied; longer memory is offered to the kernel first, and only the rest is copied.
const COPY_AT_MOST: usize = 16 * 1024;

/// Implements `transport.write(data)`.
#[inline]
pub(super) fn write(stream: This<'_, Stream>, data: Borrowed<'_>) -> Result<(), ErrorSet> {
    match Bytes::of(data) {
        Some(data) => {
            let is_empty = data.as_ref().is_empty();
            enqueue("write", stream, is_empty, |inner| inner.queue.push_shared(data))
        }
        None => write_memory(stream, data),
    }
}

/// Checks a write by the named method, puts the data into the queue, and does the next step.
#[inline(always)]
pub(super) fn enqueue(
    method: &str,
    stream: This<'_, Stream>,
    is_empty: bool,
    push: impl FnOnce(&mut Inner) -> Result<(), TryReserveError>,
) -> Result<(), ErrorSet> {
    let py = stream.py();
    let runs_here = stream.owner.get().is_own_thread();
    let next = stream.inner.with(py, |inner| {
        match inner.state.admit(is_empty) {
            Admission::Queue => {}
            refused => return Err(Some(refused)),
        }
        push(inner).map_err(|_| None)?;
        let (length, blocked) = (inner.queue.len(), inner.state.is_blocked());
        Ok(AfterWrite::of(&mut inner.common, length, blocked, runs_here))
    });
    match next {
        Ok(next) => after_write(stream, next),
        Err(Some(refused)) => refuse(stream, refused, method),
        Err(None) => Err(no_memory().into()),
    }
}

impl Inner {
    /// Offers the queue to the kernel. `Ok(true)` means that all is sent.
    fn send(&mut self, py: Python<'_>, counters: &Counters) -> io::Result<bool> {
        let number = self.descriptor(py);
        let sent = transport::send(
            &mut self.queue,
            |bytes| counters.sent(socket::send(number, bytes)),
            |slices| counters.sent(socket::send_vectored(number, slices)),
        );
        if matches!(sent, Ok(false)) {
            self.state.set_blocked(true);
        }
        sent
    }
}

/// Offers the queue to the kernel, and does what follows when it is empty. This is called at the end of the turn, when
/// the kernel has room again, and before anything that has to come after the bytes.
pub(crate) fn flush(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let counters = &stream.owner.get().counters;
    let sent = stream.inner.with(py, |inner| {
        if inner.tells_turn_end {
            return Ok(None);
        }
        inner.common.is_listed = false;
        if inner.state.is_blocked() || inner.state.is_lost() {
            return Ok(Some(false));
        }
        // If nothing waits for the queue to be sent, that is all.
        inner.send(py, counters).map(|drained| Some(!drained || inner.has_plans()))
    });
    match sent {
        Ok(Some(false)) => Ok(()),
        Ok(Some(true)) => after_send(stream),
        // The loop calls the protocol and sends at the end of its turn.
        Ok(None) if runs_elsewhere(stream.owner.get()) => Ok(()),
        Ok(None) => tell_and_flush(stream),
        Err(error) => fail(stream, &error),
    }
}

/// Does the same for a protocol that is called before. The queue is sent even if that call raises.
#[cold]
fn tell_and_flush(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let told = call_turn_ends(stream).map_err(|raised| raised.take(stream.py()));
    flush(stream)?;
    Ok(told?)
}

/// Makes the call that the protocol has requested.
#[cold]
fn call_turn_ends(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let (callee, read_mode) = stream.inner.with(py, |inner| {
        inner.tells_turn_end = false;
        (inner.common.callee(py), inner.read_mode)
    });
    match (callee, read_mode) {
        (Some(callee), ReadMode::StreamProtocol(native)) => (native.turn_ends)(callee.protocol.as_borrowed()),
        _ => Ok(()),
    }
}

impl Inner {
    /// Returns whether anything is due once the queue is sent.
    #[inline(always)]
    fn has_plans(&self) -> bool {
        self.state.awaits_drain() || self.common.flow.is_paused() || self.file_waiter.is_some()
    }
}

/// Sends more when the kernel has room again.
pub(super) fn on_writable(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let was_blocked = stream.inner.with(stream.py(), |inner| {
        let blocked = inner.state.is_blocked();
        inner.state.set_blocked(false);
        blocked
    });
    if !was_blocked {
        return Ok(());
    }
    let counters = &stream.owner.get().counters;
    let sent = stream.inner.with(stream.py(), |inner| inner.send(stream.py(), counters));
    match sent {
        Ok(_) => after_send(stream),
        Err(error) => fail(stream, &error),
    }
}

/// Wakes a `sendfile` that waits for the queue to be empty.
pub(super) fn wake_sender(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let waiter = stream.inner.with(py, |inner| inner.file_waiter.as_ref().map(|waiter| waiter.clone_ref(py)));
    let Some(waiter) = waiter.map(|waiter| waiter.into_bound(py)) else { return Ok(()) };
    if !waiter.call_method0(name!("done"))?.is_truthy()? {
        waiter.call_method1(name!("set_result"), (py.None(),))?;
    }
    Ok(())
}

/// Ends the sending side after all bytes from before `write_eof()` are sent.
pub(super) fn shut_down(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
    let py = stream.py();
    match stream.inner.with(py, |inner| socket::shutdown_write(inner.descriptor(py))) {
        Ok(()) => Ok(()),
        Err(error) => fail(stream, &error),
    }
}

/// Loses the connection after a failed send.
#[cold]
fn fail(stream: This<'_, Stream>, error: &io::Error) -> Result<(), ErrorSet> {
    transport::force_close(stream, Some(os_error(error)))
}

/// Handles a write that is an error of the caller, or comes too late.
#[cold]
fn refuse(stream: This<'_, Stream>, refused: Admission, method: &str) -> Result<(), ErrorSet> {
    let py = stream.py();
    let action = if method == "write" { "write" } else { "writelines" };
    match refused {
        Admission::Queue | Admission::Nothing => Ok(()),
        Admission::AfterEnd => {
            Err(new_error::<PyRuntimeError>(format!("Cannot call {method}() after write_eof()")).into())
        }
        Admission::FileInProgress => {
            Err(new_error::<PyRuntimeError>(format!("unable to {action}; sendfile is in progress")).into())
        }
        Admission::Drop { warn: false } => Ok(()),
        Admission::Drop { warn: true } => {
            let owner = stream.owner.get();
            owner.imports.hooks.warn_of_lost_writes(py)?;
            Ok(())
        }
    }
}

/// Writes memory that its owner can change: it is copied or sent before this returns.
fn write_memory(stream: This<'_, Stream>, data: Borrowed<'_>) -> Result<(), ErrorSet> {
    if !is_bytes_like(data) {
        return Err(wrong_type(data)?.into());
    }
    let view = match View::of(data) {
        Ok(view) => view,
        // Not contiguous: a copy of it is.
        Err(raised) => {
            drop(raised.take(data.py()));
            let copy = data.call_method0(name!("tobytes"))?;
            return write(stream, copy.as_borrowed());
        }
    };
    if view.len() > COPY_AT_MOST {
        return write_long(stream, &view);
    }
    enqueue("write", stream, view.len() == 0, |inner| inner.queue.push_copied(view.bytes()))
}

/// The result of a long write.
enum Direct {
    Done,
    Failed(io::Error),
    /// The bytes that the kernel did not take could not be copied. `is_torn` says whether it took a part.
    NoMemory {
        is_torn: bool,
    },
}

/// Offers long memory to the kernel at once, after the queue; only bytes that it does not take are copied.
fn write_long(stream: This<'_, Stream>, view: &View<'_>) -> Result<(), ErrorSet> {
    flush(stream)?;
    offer(stream, || view.bytes())
}

/// Sends bytes of a protocol in Rust at once, after the queue; only bytes that the kernel does not take are copied.
pub(crate) fn send_now(stream: This<'_, Stream>, bytes: &[u8]) -> Result<(), ErrorSet> {
    flush(stream)?;
    offer(stream, || bytes)
}

/// Offers bytes to the kernel behind a queue that was flushed. Nothing of Python's runs before they are read.
fn offer<'a>(stream: This<'_, Stream>, bytes: impl FnOnce() -> &'a [u8]) -> Result<(), ErrorSet> {
    let py = stream.py();
    let direct = stream.inner.with(py, |inner| {
        match inner.state.admit(false) {
            Admission::Queue => {}
            refused => return Err(refused),
        }
        let bytes = bytes();
        let mut taken = 0;
        let is_first = inner.queue.is_empty() && !inner.state.is_blocked();
        if is_first {
            match stream.owner.get().counters.sent(socket::send(inner.descriptor(py), bytes)) {
                Ok(count) => taken = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Ok(Direct::Failed(error)),
            }
        }
        if inner.queue.push_copied(&bytes[taken..]).is_err() {
            return Ok(Direct::NoMemory { is_torn: taken > 0 });
        }
        if is_first {
            inner.state.set_blocked(taken < bytes.len());
        }
        Ok(Direct::Done)
    });
    match direct {
        Ok(Direct::Done) => {
            update_interest(stream)?;
            pause_if_high(stream)
        }
        Ok(Direct::Failed(error)) => fail(stream, &error),
        Ok(Direct::NoMemory { is_torn }) => {
            if is_torn {
                // The peer has a part of it, and would take the next bytes for the rest.
                transport::force_close(stream, Some(no_memory()))?;
            }
            Err(no_memory().into())
        }
        Err(refused) => refuse(stream, refused, "write"),
    }
}

/// Whether asyncio's `writelines()` of this Python joins the lines and passes them to `write()`.
const IS_JOINED: bool = cfg!(not(Py_3_12));

/// Implements `transport.writelines(list_of_data)`: everything is queued before anything is sent, or nothing if one
/// item has the wrong type.
pub(super) fn write_lines(stream: This<'_, Stream>, lines: Borrowed<'_>) -> Result<(), ErrorSet> {
    let refused = stream.inner.with(stream.py(), |inner| inner.state.admit(true));
    if !matches!(refused, Admission::Queue | Admission::Nothing) {
        return refuse(stream, refused, if IS_JOINED { "write" } else { "writelines" });
    }
    let pieces = unchanging_lines(lines, if IS_JOINED { LineCall::Join } else { LineCall::View })?;
    // Iterating ran user code, which may have ended or closed the stream.
    let is_empty = pieces.iter().all(|piece| piece.as_ref().is_empty());
    enqueue("writelines", stream, is_empty, |inner| {
        pieces.into_iter().try_for_each(|piece| inner.queue.push_shared(piece))
    })
}

#[cold]
fn wrong_type(data: Borrowed<'_>) -> PyResult<PyErr> {
    let text = if cfg!(Py_3_14) {
        format!(
            "data argument must be a bytes, bytearray, or memoryview object, not {}",
            data.get_type().name()?.repr()?
        )
    } else {
        format!("data argument must be a bytes-like object, not {}", data.get_type().name()?.repr()?)
    };
    Ok(new_error::<PyTypeError>(text))
}
