//! Bytes in and out: one read, what follows a write, sending a queue, and which objects are written.
//!
//! It knows nothing of descriptors: the calls that move the bytes are its callers'.

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

/// What is worth gathering before it is sent. Longer writes leave at once: with 100 connections that each echo 64 KiB, what
/// waits for the end of the turn would have left the cache by then, and cost twice as much.
const GATHER_AT_MOST: usize = 16 * 1024;

/// Slices of one call. Small writes are gathered into one piece, so these are long ones, or kept from before.
const SLICES: usize = 64;

/// What `write()` has to do beyond the queue.
pub(crate) enum AfterWrite {
    Nothing,
    /// The transport goes on the loop's list, to be flushed at the end of the turn.
    List,
    /// It is sent now.
    Send,
    /// The kernel has no room: the protocol may have to pause.
    Pause,
}

impl AfterWrite {
    /// After a write that left `length` bytes in the queue. `runs_here`: whether the loop's list of transports to flush will
    /// be worked off by this thread.
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

/// Does what follows a write.
#[inline(always)]
pub(crate) fn after_write<I: Inner>(
    transport: This<'_, Transport<I>>,
    next: AfterWrite,
) -> Result<(), ErrorSet> {
    match next {
        AfterWrite::Nothing => Ok(()),
        AfterWrite::List => {
            let listed = (transport.kind, transport.object().to_owned().into());
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

/// Offers the kernel what waits, by the call for one piece or the one for several. `Ok(true)`: all is sent; `Ok(false)`: the
/// kernel has no more room.
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

/// A read into the loop's buffer, copied into an object of the right size. `None`: there is nothing more to come.
#[inline(always)]
pub(crate) fn receive<'py>(
    py: Python<'py>,
    owner: &EventLoop,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<usize>,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    owner.inbound.with(py, |buffer| match buffer.receive(fill) {
        Ok([]) => Ok(Ok(None)),
        Ok(content) => make::bytes(py, content).map(|data| Ok(Some(data.into_any()))),
        Err(error) => Ok(Err(error)),
    })
}

/// Whether an object is of a type that transports write.
pub(crate) fn is_bytes_like(data: Borrowed<'_>) -> bool {
    data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
}

/// Bytes that nobody can change: the object itself if it is `bytes`, a copy of what else has bytes.
pub(crate) fn unchanging(data: Borrowed<'_>) -> Result<Bytes, ErrorSet> {
    if let Some(bytes) = Bytes::of(data) {
        return Ok(bytes);
    }
    let py = data.py();
    let copy = match View::of(data) {
        Ok(view) => make::bytes(py, view.bytes())?.into_any(),
        // Not in one piece: a copy of it is.
        Err(raised) => {
            drop(raised.take(py));
            data.call_method0(name!("tobytes"))?
        }
    };
    let copied = Bytes::of(copy.as_borrowed());
    copied.ok_or_else(|| new_error::<PyTypeError>("tobytes() returned something else than bytes").into())
}
