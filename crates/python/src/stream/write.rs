//! Bytes out: gathered while the turn lasts, sent by one call at its end.
//!
//! `write()` keeps `bytes` by reference and puts the stream on the loop's list; [`flush`] sends. What is written to a loop
//! that does not run, from another thread, or in excess of what is worth gathering leaves at once. What the kernel does not
//! take waits for it to have room. Memory that its owner can change is copied before `write()` returns, or sent.

use std::collections::TryReserveError;
use std::io;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use reactor::socket;
use stream::{Admission, Drained};

use super::{Inner, Stream, end, protocol, settle};
use crate::buffer::View;
use crate::error::os_error;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{
    self, Next, follow, is_bytes_like, pause_if_high, resume_if_low, schedule_lost, unchanging,
};

/// Memory that can change is copied up to here; what is longer is offered to the kernel first, and only the rest copied.
const COPY_AT_MOST: usize = 16 * 1024;

/// `transport.write(data)`.
#[inline]
pub(super) fn write(transport: Argument<'_>, data: Argument<'_>) -> Result<(), ErrorSet> {
    match Bytes::of(data) {
        Some(data) => {
            let is_empty = data.as_ref().is_empty();
            put("write", transport, is_empty, |inner| inner.queue.push_shared(data))
        }
        None => write_memory(transport, data),
    }
}

/// Admits a write by the method of this name, puts it into the queue, and sees to what follows.
#[inline(always)]
pub(super) fn put(
    method: &str,
    transport: Argument<'_>,
    is_empty: bool,
    push: impl FnOnce(&mut Inner) -> Result<(), TryReserveError>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let runs_here = stream.owner.get().is_own_thread();
    let next = stream.inner.with(py, |inner| {
        match inner.state.admit(is_empty) {
            Admission::Queue => {}
            refused => return Err(Some(refused)),
        }
        push(inner).map_err(|_| None)?;
        let (length, blocked) = (inner.queue.len(), inner.state.is_blocked());
        Ok(Next::of(length, &inner.flow, blocked, runs_here, &mut inner.is_listed))
    });
    match next {
        Ok(next) => follow::<Stream>(transport, next, flush),
        Err(Some(refused)) => refuse(transport, refused, method),
        Err(None) => Err(no_memory().into()),
    }
}

impl Inner {
    /// Offers the kernel what waits. `Ok(true)`: all is sent.
    fn send(&mut self, py: Python<'_>) -> io::Result<bool> {
        let number = self.descriptor(py);
        let sent = transport::send(
            &mut self.queue,
            |bytes| socket::send(number, bytes),
            |slices| socket::send_vectored(number, slices),
        );
        if matches!(sent, Ok(false)) {
            self.state.set_blocked(true);
        }
        sent
    }
}

/// Offers the kernel what waits, and sees to what follows when nothing is left. This is called at the end of the turn, when
/// the kernel has room again, and before whatever has to come after the bytes.
pub(crate) fn flush(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let sent = stream.inner.with(py, |inner| {
        if inner.tells_turn_end {
            return Ok(None);
        }
        inner.is_listed = false;
        if inner.state.is_blocked() || inner.state.is_lost() {
            return Ok(Some(false));
        }
        // Where nobody waits for the queue to be drained, that is all.
        inner.send(py).map(|drained| Some(!drained || inner.has_plans()))
    });
    match sent {
        Ok(Some(false)) => Ok(()),
        Ok(Some(true)) => after_send(transport),
        Ok(None) => tell_and_flush(transport, stream),
        Err(error) => fail(transport, &error),
    }
}

/// The same for a protocol that is told before. What waits leaves whatever that raises.
#[cold]
fn tell_and_flush(transport: Argument<'_>, stream: &Stream) -> Result<(), ErrorSet> {
    let told = protocol::tell_turn_ends(transport, stream).map_err(|raised| raised.take(transport.py()));
    flush(transport)?;
    Ok(told?)
}

impl Inner {
    /// Whether anything is due once the queue is drained.
    #[inline(always)]
    fn has_plans(&self) -> bool {
        self.state.awaits_drain() || self.flow.is_paused() || self.file_waiter.is_some()
    }
}

/// The kernel has room again.
pub(super) fn on_writable(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let stream = value_of::<Stream>(transport);
    let was_blocked = stream.inner.with(transport.py(), |inner| {
        let blocked = inner.state.is_blocked();
        inner.state.set_blocked(false);
        blocked
    });
    if !was_blocked {
        return Ok(());
    }
    let sent = stream.inner.with(transport.py(), |inner| inner.send(transport.py()));
    match sent {
        Ok(_) => after_send(transport),
        Err(error) => fail(transport, &error),
    }
}

/// Something was sent: the protocol may go on writing, and when nothing is left, what waited for that comes.
fn after_send(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    let resumed = resume_if_low::<Stream>(transport).map_err(|raised| raised.take(py));
    let (drained, waiter) = stream.inner.with(py, |inner| {
        if !inner.queue.is_empty() || inner.state.is_lost() {
            return (Drained::Nothing, None);
        }
        (inner.state.drained(), inner.file_waiter.as_ref().map(|waiter| waiter.clone_ref(py)))
    });
    let woken = waiter.map_or(Ok(()), |waiter| wake_sender(waiter.bind(py)));
    let settled = settle(transport).map_err(|raised| raised.take(py));
    // The state is past it: whatever failed before, nobody else would end the connection.
    match drained {
        Drained::Nothing => {}
        Drained::Lose => schedule_lost::<Stream>(transport, None)?,
        Drained::Shutdown => {
            let descriptor = stream.inner.with(py, |inner| inner.descriptor(py));
            if let Err(error) = socket::shutdown_write(descriptor) {
                fail(transport, &error)?;
            }
        }
    }
    Ok(resumed.and(woken).and(settled)?)
}

/// Who sends a file waits for the queue to be sent.
fn wake_sender(waiter: &Bound<'_, PyAny>) -> PyResult<()> {
    if !waiter.call_method0(name!("done"))?.is_truthy()? {
        waiter.call_method1(name!("set_result"), (waiter.py().None(),))?;
    }
    Ok(())
}

/// The kernel refused to send: the connection is lost.
#[cold]
fn fail(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet> {
    end::lose(transport, Some(os_error(error)))
}

/// A write that is the caller's mistake, or comes too late.
#[cold]
fn refuse(transport: Argument<'_>, refused: Admission, method: &str) -> Result<(), ErrorSet> {
    let py = transport.py();
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
            let owner = value_of::<Stream>(transport).owner.get();
            owner.imports.hooks.warn_of_lost_writes(py)?;
            Ok(())
        }
    }
}

/// A write of memory that its owner can change: copied, or sent before this returns.
fn write_memory(transport: Argument<'_>, data: Argument<'_>) -> Result<(), ErrorSet> {
    if !is_bytes_like(data) {
        return Err(wrong_type(data)?.into());
    }
    let view = match View::of(data) {
        Ok(view) => view,
        // Not in one piece: a copy of it is.
        Err(raised) => {
            drop(raised.take(data.py()));
            let copy = data.call_method0(name!("tobytes"))?;
            return write(transport, copy.as_borrowed());
        }
    };
    if view.len() > COPY_AT_MOST {
        return write_long(transport, &view);
    }
    put("write", transport, view.len() == 0, |inner| inner.queue.push_copied(view.bytes()))
}

/// What a long write came to.
enum Direct {
    Done,
    Failed(io::Error),
    /// What the kernel did not take could not be copied. `is_torn`: it took a part.
    NoMemory {
        is_torn: bool,
    },
}

/// Offers long memory to the kernel at once, behind what waits already; only what it does not take is copied.
fn write_long(transport: Argument<'_>, view: &View<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let stream = value_of::<Stream>(transport);
    flush(transport)?;
    let direct = stream.inner.with(py, |inner| {
        match inner.state.admit(false) {
            Admission::Queue => {}
            refused => return Err(refused),
        }
        let mut taken = 0;
        let is_first = inner.queue.is_empty() && !inner.state.is_blocked();
        if is_first {
            match socket::send(inner.descriptor(py), view.bytes()) {
                Ok(count) => taken = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Ok(Direct::Failed(error)),
            }
        }
        if inner.queue.push_copied(&view.bytes()[taken..]).is_err() {
            return Ok(Direct::NoMemory { is_torn: taken > 0 });
        }
        if is_first {
            inner.state.set_blocked(taken < view.len());
        }
        Ok(Direct::Done)
    });
    match direct {
        Ok(Direct::Done) => {
            settle(transport)?;
            pause_if_high::<Stream>(transport)
        }
        Ok(Direct::Failed(error)) => fail(transport, &error),
        Ok(Direct::NoMemory { is_torn }) => {
            if is_torn {
                // The peer has a part of it and would take what comes next for the rest.
                end::lose(transport, Some(no_memory()))?;
            }
            Err(no_memory().into())
        }
        Err(refused) => refuse(transport, refused, "write"),
    }
}

/// `transport.writelines(list_of_data)`: everything goes into the queue before anything is sent, or nothing if one item
/// is of the wrong type.
pub(super) fn write_lines(transport: Argument<'_>, lines: Argument<'_>) -> Result<(), ErrorSet> {
    let stream = value_of::<Stream>(transport);
    let refused = stream.inner.with(transport.py(), |inner| inner.state.admit(true));
    if !matches!(refused, Admission::Queue | Admission::Nothing) {
        return refuse(transport, refused, "writelines");
    }
    let mut pieces = Vec::new();
    for line in lines.try_iter()? {
        let piece = shared(&line?)?;
        pieces.try_reserve(1).map_err(|_| no_memory())?;
        pieces.push(piece);
    }
    // Consuming the iterable ran code of the user's, which may have ended or closed the stream.
    let is_empty = pieces.iter().all(|piece| piece.as_ref().is_empty());
    put("writelines", transport, is_empty, |inner| {
        pieces.into_iter().try_for_each(|piece| inner.queue.push_shared(piece))
    })
}

/// A line that nobody can change.
fn shared(line: &Bound<'_, PyAny>) -> Result<Bytes, ErrorSet> {
    if !is_bytes_like(line.as_borrowed()) {
        return Err(wrong_type(line.as_borrowed())?.into());
    }
    unchanging(line.as_borrowed())
}

#[cold]
fn wrong_type(data: Argument<'_>) -> PyResult<PyErr> {
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
