//! Bytes in and out: one read, the steps after a write, sending a queue, and the types of objects that are written.
//!
//! Descriptors are not known here: the callers pass the calls that move the bytes.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};
use stream::WriteQueue;

use super::flow::pause_if_high;
use super::state::{Common, Inner, Transport};
use crate::buffer::View;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;

/// The largest write that is gathered before it is sent. Longer writes are sent at once: with 100 connections that each
/// echo 64 KiB, bytes that wait for the end of the turn would have left the cache by then, and cost twice as much.
const GATHER_AT_MOST: usize = 16 * 1024;

/// The slices of one call. Small writes are gathered into one piece, so these are long ones, or were queued before.
const SLICES: usize = 64;

/// The step that follows the queueing in `write()`.
pub(crate) enum AfterWrite {
    Nothing,
    /// Put the transport on the loop's list, to be flushed at the end of the turn.
    List,
    /// Send now.
    Send,
    /// The kernel has no room: the protocol may have to pause.
    Pause,
}

impl AfterWrite {
    /// Returns the step after a write that left `length` bytes in the queue. `runs_here`: whether this thread will
    /// flush the loop's list of transports.
    #[inline(always)]
    pub(crate) fn of(common: &mut Common, length: usize, blocked: bool, runs_here: bool) -> Self {
        let high = common.flow.high();
        if blocked {
            return if length > high { Self::Pause } else { Self::Nothing };
        }
        if !runs_here || length > GATHER_AT_MOST.min(high) {
            return Self::Send;
        }
        if std::mem::replace(&mut common.is_listed, true) { Self::Nothing } else { Self::List }
    }
}

/// Does the step after a write.
#[inline(always)]
pub(crate) fn after_write<I: Inner>(
    transport: This<'_, Transport<I>>,
    next: AfterWrite,
) -> Result<(), ErrorSet> {
    match next {
        AfterWrite::Nothing => Ok(()),
        AfterWrite::List => {
            let listed = transport.object().to_owned().into();
            let owner = transport.owner.get();
            owner.queues.with(transport.py(), |queues| queues.unsent.push(listed));
            Ok(())
        }
        AfterWrite::Send => {
            I::flush(transport)?;
            pause_if_high(transport)
        }
        AfterWrite::Pause => pause_if_high(transport),
    }
}

/// Offers the queue to the kernel, by the call for one piece or the one for several. `Ok(true)` means that all is sent,
/// `Ok(false)` that the kernel has no more room.
#[inline(always)]
pub(crate) fn send(
    queue: &mut WriteQueue<Bytes>,
    one: impl Fn(&[u8]) -> io::Result<usize>,
    several: impl Fn(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<bool> {
    while !queue.is_empty() {
        let (offered, sent) = match queue.only() {
            Some(bytes) => (bytes.len(), one(bytes)),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = queue.slices(&mut slices);
                let offered = slices[..count].iter().map(|slice| slice.len()).sum();
                (offered, several(&slices[..count]))
            }
        };
        match sent {
            Ok(count) => {
                queue.advance(count);
                if count < offered {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads into the loop's buffer, and returns an object of the right size, or `None` at the end of the stream.
#[inline(always)]
pub(crate) fn receive<'py>(
    py: Python<'py>,
    owner: &EventLoop,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]>,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    owner.inbound.with(py, |buffer| match buffer.receive(fill) {
        Ok([]) => Ok(Ok(None)),
        Ok(content) => make::bytes(py, content).map(|data| Ok(Some(data.into_any()))),
        Err(error) => Ok(Err(error)),
    })
}

/// Returns whether an object is of a type that transports write.
pub(crate) fn is_bytes_like(data: Borrowed<'_>) -> bool {
    data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
}

/// Returns bytes that never change: the object itself if it is `bytes`, otherwise a copy of its bytes.
pub(crate) fn unchanging(data: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    if let Some(bytes) = Bytes::of(data) {
        return Ok(bytes);
    }
    let py = data.py();
    let copy = match View::of(data) {
        Ok(view) => make::bytes(py, view.bytes())?.into_any(),
        // Not contiguous: a copy of it is.
        Err(raised) => {
            drop(raised.take(py));
            data.call_method0(name!("tobytes"))?
        }
    };
    let copied = Bytes::of(copy.as_borrowed());
    copied.ok_or_else(|| new_error::<PyTypeError>("tobytes() did not return bytes").into())
}
