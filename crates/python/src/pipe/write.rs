//! Bytes out: bytes written to a pipe or socket in one turn are sent by one call at its end, those for a terminal at
//! once.
//!
//! Bytes that the kernel does not take wait until it has room. Memory that its owner can change is copied before
//! `write()` returns. While nothing is written the kernel reports that the reader has left, if the kind of file allows
//! that.

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use pyo3::exceptions::{PyAssertionError, PyBrokenPipeError};
use pyo3::prelude::*;
use reactor::{Readiness, socket};
use stream::Admission;

use super::state::{Inner, Number, Pipe, open_descriptor, stop_blocking};
use crate::counters::Counters;
use crate::error::os_error;
use crate::ffi::detached::detached;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{
    self, AfterWrite, after_send, after_write, is_bytes_like, report_fatal, unchanging, update_interest,
};

/// The bytes that are copied to be sent by a detached thread: as many as a pipe takes without waiting.
const COPIED_AT_ONCE: usize = 4096;

/// Implements `transport.write(data)`. Bytes after `close()` or `write_eof()` are dropped.
pub(super) fn write(pipe: This<'_, Pipe>, data: Borrowed<'_>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    if !is_bytes_like(data) {
        // asyncio's check is an `assert`.
        return Err(new_error::<PyAssertionError>(data.repr()?.to_string_lossy().into_owned()).into());
    }
    let data = unchanging(data)?;
    let runs_here = pipe.owner.get().is_own_thread();
    let next = pipe.inner.with(py, |inner| {
        let is_empty = data.as_ref().is_empty();
        match inner.end.admit(is_empty) {
            Admission::Queue => {}
            refused => return Err(Some(refused)),
        }
        inner.queue.push_shared(data).map_err(|_| None)?;
        let (length, blocked) = (inner.queue.len(), inner.end.state.is_blocked());
        let gathers = runs_here && !inner.writes_at_once;
        Ok(AfterWrite::of(&mut inner.common, length, blocked, gathers))
    });
    match next {
        Ok(next) => after_write(pipe, next),
        Err(Some(refused)) => drop_write(pipe, refused),
        Err(None) => Err(no_memory().into()),
    }
}

/// Handles a write that comes too late.
#[cold]
fn drop_write(pipe: This<'_, Pipe>, refused: Admission) -> Result<(), ErrorSet> {
    let py = pipe.py();
    if refused == (Admission::Drop { warn: true }) {
        pipe.owner.get().imports.hooks.warn_of_lost_pipe_writes(py)?;
    }
    Ok(())
}

impl Inner {
    /// Offers the queue to the kernel. `Ok(true)` means that all is sent.
    fn send(&mut self, number: RawFd, counters: &Counters) -> io::Result<bool> {
        let sent = transport::send(
            &mut self.queue,
            |bytes| counters.sent(socket::write(number, bytes)),
            |slices| counters.sent(socket::write_vectored(number, slices)),
        );
        if matches!(sent, Ok(false)) {
            self.end.state.set_blocked(true);
        }
        sent
    }
}

/// Offers the queue to the kernel, and does what follows. This is called at the end of the turn, and before anything
/// that has to come after the bytes.
pub(crate) fn flush(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let is_due = pipe.inner.with(py, |inner| {
        inner.common.is_listed = false;
        inner.may_send()
    });
    if !is_due {
        return Ok(());
    }
    let descriptor = descriptor_or_wait(pipe)?;
    let mut sent = send_to(pipe, descriptor.raw());
    if matches!(&sent, Err(error) if error.kind() == io::ErrorKind::Unsupported)
        && let Some(number) = stop_blocking(pipe, true)
    {
        sent = send_to(pipe, number.raw());
    }
    match sent {
        Ok(false) => Ok(()),
        Ok(true) => after_send(pipe),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => flush_when_ready(pipe),
        Err(error) => fail(pipe, &error),
    }
}

/// Returns whether anything was offered.
fn send_to(pipe: This<'_, Pipe>, descriptor: RawFd) -> io::Result<bool> {
    let counters = &pipe.owner.get().counters;
    pipe.inner.with(pipe.py(), |inner| {
        if inner.may_send() { inner.send(descriptor, counters).map(|_| true) } else { Ok(false) }
    })
}

/// Returns the number to write to. If that fails, the bytes wait until the kernel reports room, and the next write
/// tries again.
fn descriptor_or_wait(pipe: This<'_, Pipe>) -> Result<Number, ErrorSet> {
    open_descriptor(pipe).or_else(|raised| {
        let error = raised.take(pipe.py());
        pipe.inner.with(pipe.py(), |inner| inner.end.state.set_blocked(true));
        update_interest(pipe)?;
        Err(error.into())
    })
}

/// Does the same for a descriptor that blocks, whatever was tried. The thread detaches, in case another process takes the room
/// that was there; so a copy is sent, and another flush in between does nothing.
#[cold]
fn flush_when_ready(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let mut copy = [0; COPIED_AT_ONCE];
    loop {
        let descriptor = descriptor_or_wait(pipe)?;
        let Some(count) = pipe.inner.with(py, |inner| inner.begin_copy(&mut copy)) else { break };
        let sent = detached(py, || socket::write_when_ready(descriptor.raw(), &copy[..count]));
        let sent = pipe.owner.get().counters.sent(sent);
        match pipe.inner.with(py, |inner| inner.end_copy(count, sent)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return fail(pipe, &error),
        }
    }
    after_send(pipe)
}

impl Inner {
    /// Returns whether bytes wait and can be written now.
    fn may_send(&self) -> bool {
        let state = &self.end.state;
        !self.queue.is_empty() && !self.is_sending && !state.is_blocked() && !state.is_lost()
    }

    /// Copies the next bytes, and prevents other flushes until they are sent.
    fn begin_copy(&mut self, copy: &mut [u8]) -> Option<usize> {
        if !self.may_send() {
            return None;
        }
        let mut first = [IoSlice::new(&[])];
        self.queue.slices(&mut first);
        let count = first[0].len().min(copy.len());
        copy[..count].copy_from_slice(&first[0][..count]);
        self.is_sending = true;
        Some(count)
    }

    /// Removes the sent bytes of a copy from the queue. Returns whether there may be room for more.
    fn end_copy(&mut self, count: usize, sent: io::Result<usize>) -> io::Result<bool> {
        self.is_sending = false;
        let sent = match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            sent => sent?,
        };
        // Another thread may have released the transport, and the queue with it.
        self.queue.advance(sent.min(self.queue.len()));
        if sent < count && !self.queue.is_empty() {
            self.end.state.set_blocked(true);
        }
        Ok(sent == count)
    }
}

/// Handles that the reader has left, or that the kernel has room again.
pub(crate) fn on_ready(pipe: This<'_, Pipe>, readiness: Readiness) -> Result<(), ErrorSet> {
    let py = pipe.py();
    if readiness.readable() && pipe.inner.with(py, |inner| inner.end.may_lose_reader()) {
        return on_reader_gone(pipe);
    }
    let is_due = readiness.writable()
        && pipe.inner.with(py, |inner| {
            let is_due = inner.end.state.is_blocked() && !inner.end.state.is_lost();
            inner.end.state.set_blocked(false);
            is_due
        });
    if is_due { flush(pipe) } else { Ok(()) }
}

/// Ends the pipe because there is no reader any more. That is an error if bytes are still to be written, as in asyncio.
fn on_reader_gone(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    // Bytes written in this turn have not been offered yet: the kernel's own error is more precise.
    let flushed = flush(pipe).map_err(|raised| raised.take(py));
    let waits = pipe.inner.with(py, |inner| !inner.queue.is_empty());
    transport::force_close(pipe, waits.then(|| new_error::<PyBrokenPipeError>("")))?;
    Ok(flushed?)
}

/// Loses the pipe after a failed write.
#[cold]
fn fail(pipe: This<'_, Pipe>, error: &io::Error) -> Result<(), ErrorSet> {
    let error = os_error(error);
    let told = report_fatal(pipe, &error, "Fatal write error on pipe transport", true);
    pipe.inner.with(pipe.py(), |inner| inner.end.write_failed());
    transport::force_close(pipe, Some(error))?;
    Ok(told?)
}
