//! The transport that h2 reads and writes: memory. Nothing blocks, and nobody is woken: the machine calls h2 again.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As much is encoded at a time: the rest waits in h2's queues, where one stream does not delay others.
const OUT_AT_MOST: usize = 256 * 1024;

/// The capacity for input that a connection keeps.
const KEPT_INPUT: usize = 1024;

/// One end of the memory that a machine and h2 share.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Pipe>>);

/// What has arrived, and what is to be sent.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    input: Vec<u8>,
    /// The number of bytes of the input that were read.
    read: usize,
    has_input_ended: bool,
    out: Vec<u8>,
    /// Whether output is taken.
    is_writable: bool,
    /// Whether output had no room since the last time that somebody asked.
    was_full: bool,
}

impl Memory {
    pub(super) fn pipe(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe {
    /// Adds bytes that have arrived.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.input.extend_from_slice(data);
    }

    /// Ends the input behind what has arrived.
    pub(super) fn end_input(&mut self) {
        self.has_input_ended = true;
    }

    /// Returns whether the input has ended.
    pub(super) const fn has_input_ended(&self) -> bool {
        self.has_input_ended
    }

    /// Returns the number of bytes that were not read yet.
    pub(super) fn unread(&self) -> usize {
        self.input.len() - self.read
    }

    /// Lends a buffer for output, until [`take_back`](Self::take_back).
    pub(super) fn lend(&mut self, out: &mut Vec<u8>, is_writable: bool) {
        mem::swap(&mut self.out, out);
        self.is_writable = is_writable;
        self.was_full = false;
    }

    /// Returns the buffer. Returns whether more is to be sent than it has.
    pub(super) fn take_back(&mut self, out: &mut Vec<u8>) -> bool {
        mem::swap(&mut self.out, out);
        if self.read == self.input.len() {
            self.input.clear();
            self.read = 0;
            // An idle connection keeps room for a usual request at most.
            if self.input.capacity() > KEPT_INPUT {
                self.input = Vec::new();
            }
        } else if self.read > self.input.len() / 2 {
            self.input.drain(..self.read);
            self.read = 0;
        }
        self.was_full
    }

    /// Returns how much more output is taken, roughly.
    pub(super) fn room(&self) -> usize {
        OUT_AT_MOST.saturating_sub(self.out.len())
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.is_writable && self.out.len() < OUT_AT_MOST;
        self.was_full |= !has_room;
        has_room
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.pipe();
        let count = pipe.unread().min(buffer.remaining());
        if count == 0 && !pipe.has_input_ended {
            return Poll::Pending;
        }
        let end = pipe.read + count;
        buffer.put_slice(&pipe.input[pipe.read..end]);
        pipe.read = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe();
        if !pipe.has_room() {
            return Poll::Pending;
        }
        pipe.out.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe();
        if !pipe.has_room() {
            return Poll::Pending;
        }
        let before = pipe.out.len();
        pieces.iter().for_each(|piece| pipe.out.extend_from_slice(piece));
        Poll::Ready(Ok(pipe.out.len() - before))
    }

    /// Content is copied once, from where it lies to the output.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
