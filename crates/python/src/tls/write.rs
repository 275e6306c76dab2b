//! Bytes out: gathered during a turn, encrypted at its end, in records of up to 16 KiB, and sent by one call.
//!
//! `write()` keeps `bytes` by reference and puts the transport on the loop's list. What is more than one record is
//! encrypted at once. What another thread writes while the loop runs waits for the loop, which is woken: records must
//! leave in the order in which they were encrypted, so one thread does both.

use std::io::IoSlice;
use std::mem;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use stream::{DATA_AT_MOST, WriteQueue, Written};

use super::engine::{Engine, Output};
use super::failure::fail_if_caught;
use super::flow;
use super::state::{Inner, Tls, with_engine};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::openssl::Outcome;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::stream::ReadMode;
use crate::transport::{LineCall, is_bytes_like, runs_elsewhere, schedule, unchanging, unchanging_lines};

/// What is encrypted before it is sent: more would leave the cache.
const BATCH: usize = 256 * 1024;

/// The pieces that are looked at for a record. Small writes are gathered in one piece by the queue.
const SLICES: usize = 8;

/// The capacity that the loop's buffers keep.
const KEPT_AT_MOST: usize = BATCH + 16 * 1024;

/// Implements `transport.write(data)`.
#[inline]
pub(super) fn write(tls: This<'_, Tls>, data: Borrowed<'_>) -> Result<(), ErrorSet> {
    let data = match Bytes::of(data) {
        Some(data) => data,
        None if is_bytes_like(data) => unchanging(data)?,
        None => return Err(wrong_type(data)?.into()),
    };
    if data.as_ref().is_empty() {
        return Ok(());
    }
    enqueue(tls, |inner| inner.queue.push_shared(data).is_ok())
}

/// Queues data if it is admitted, and does the next step.
#[inline(always)]
pub(super) fn enqueue(tls: This<'_, Tls>, push: impl FnOnce(&mut Inner) -> bool) -> Result<(), ErrorSet> {
    enum Next {
        Nothing,
        List,
        Send,
        Warn,
        NoMemory,
    }
    let py = tls.py();
    let runs_here = tls.owner.get().is_own_thread();
    let next = tls.inner.with(py, |inner| {
        match inner.state.admit() {
            Written::Queue => {}
            Written::Drop { warn: true } => return Next::Warn,
            Written::Drop { warn: false } => return Next::Nothing,
        }
        if !push(inner) {
            return Next::NoMemory;
        }
        let length = inner.queue.len();
        if !runs_here || length > DATA_AT_MOST.min(inner.state.writing.high()) || !inner.state.may_send() {
            return Next::Send;
        }
        if mem::replace(&mut inner.is_listed, true) { Next::Nothing } else { Next::List }
    });
    match next {
        Next::Nothing => Ok(()),
        Next::List => {
            list(tls);
            Ok(())
        }
        Next::Send => send_or_fail(tls),
        Next::Warn => tls.owner.get().imports.hooks.warn_of_lost_tls_writes(py).map(drop).map_err(Into::into),
        Next::NoMemory => Err(no_memory().into()),
    }
}

/// Implements `transport.writelines(list_of_data)`.
pub(super) fn write_lines(tls: This<'_, Tls>, lines: Borrowed<'_>) -> Result<(), ErrorSet> {
    let pieces = unchanging_lines(lines, LineCall::Join)?;
    enqueue(tls, |inner| pieces.into_iter().all(|piece| inner.queue.push_shared(piece).is_ok()))
}

#[cold]
fn wrong_type(data: Borrowed<'_>) -> PyResult<PyErr> {
    let text = format!("data: expecting a bytes-like instance, got {}", data.get_type().name()?);
    Ok(new_error::<PyTypeError>(text))
}

/// Encrypts and sends what was written in this turn: at its end, and before anything that has to come after it.
pub(crate) fn flush(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    if runs_elsewhere(tls.owner.get()) {
        return leave_to_loop(tls);
    }
    let tells = tls.inner.with(tls.py(), |inner| {
        inner.is_listed = false;
        mem::take(&mut inner.tells_turn_end)
    });
    let told = if tells { call_turn_ends(tls).map_err(|raised| raised.take(tls.py())) } else { Ok(()) };
    send_or_fail(tls)?;
    Ok(told?)
}

/// Sends what waits for the peer, if it does not wait for the end of the turn.
pub(super) fn flush_unlisted(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let is_due = tls.inner.with(tls.py(), |inner| !inner.is_listed && !inner.queue.is_empty());
    if is_due { send_or_fail(tls) } else { Ok(()) }
}

/// Sends the queue. An error ends the connection, as in asyncio.
pub(super) fn send_or_fail(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if runs_elsewhere(tls.owner.get()) {
        return leave_to_loop(tls);
    }
    let Err(raised) = send(tls, false) else { return Ok(()) };
    fail_if_caught(tls, raised.take(py))
}

/// Lets the loop send the queue, unless it is about to.
#[cold]
fn leave_to_loop(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let is_new = tls.inner.with(tls.py(), |inner| !mem::replace(&mut inner.is_listed, true));
    if is_new { call_in_loop(tls, name!("_flush"), &[]) } else { Ok(()) }
}

/// Schedules a call of a method of the transport for the loop's next turn.
pub(super) fn call_in_loop(
    tls: This<'_, Tls>,
    method: &Py<PyString>,
    arguments: &[Borrowed<'_>],
) -> Result<(), ErrorSet> {
    let method = tls.object().getattr(method)?;
    schedule(tls.owner.bind(tls.py()), method.as_borrowed(), arguments, None)
}

/// Encrypts the queue and passes it to the transport below, until that asks for a pause; with `all`, in any case.
pub(super) fn send(tls: This<'_, Tls>, all: bool) -> Result<(), ErrorSet> {
    let py = tls.py();
    loop {
        let queue = tls.inner.with(py, |inner| {
            let is_due = !inner.queue.is_empty() && inner.engine.is_some() && (all || inner.state.may_send());
            is_due.then(|| mem::replace(&mut inner.queue, WriteQueue::new()))
        });
        let Some(mut queue) = queue else { return flow::control_writing(tls) };
        let encrypted = with_engine(tls, |engine| encrypt(tls, engine, &mut queue));
        put_back(tls, queue)?;
        let Some(encrypted) = encrypted else { return Ok(()) };
        let (output, is_stuck) = encrypted?;
        pass_on(tls, output)?;
        if is_stuck {
            return flow::control_writing(tls);
        }
    }
}

/// Puts what was not encrypted back, in front of what was written meanwhile.
fn put_back(tls: This<'_, Tls>, mut queue: WriteQueue<Bytes>) -> Result<(), ErrorSet> {
    if queue.is_empty() {
        return Ok(());
    }
    let py = tls.py();
    let moved = tls.inner.with(py, |inner| {
        let later = mem::replace(&mut inner.queue, WriteQueue::new());
        let moved = queue.append(later);
        inner.queue = queue;
        moved
    });
    moved.map_err(|_| no_memory().into())
}

/// Passes ciphertext to the transport below, and keeps its memory for the next.
pub(super) fn pass_on(tls: This<'_, Tls>, output: Output) -> Result<(), ErrorSet> {
    let py = tls.py();
    let sent = match tls.below(py) {
        Some(below) => below.send(py, output.as_ref()),
        None => Ok(()),
    };
    if let Output::Buffer(mut buffer) = output
        && buffer.capacity() <= KEPT_AT_MOST
    {
        buffer.clear();
        tls.owner.get().tls_buffers.with(py, |buffers| buffers.output = buffer);
    }
    sent
}

/// Encrypts the queue, up to a batch. Returns the ciphertext, and whether the engine can't go on now.
fn encrypt(
    tls: This<'_, Tls>,
    engine: &mut Engine,
    queue: &mut WriteQueue<Bytes>,
) -> Result<(Output, bool), ErrorSet> {
    let py = tls.py();
    let buffers = &tls.owner.get().tls_buffers;
    let mut drained = engine.give_buffer(buffers.with(py, |buffers| mem::take(&mut buffers.output)));
    let mut gathered = buffers.with(py, |buffers| mem::take(&mut buffers.gathered));
    gathered.clear();
    let mut count = 0;
    let mut outcome = gathered.try_reserve(DATA_AT_MOST).map(|()| false).map_err(|_| no_memory());
    while outcome.is_ok() && !queue.is_empty() && count < BATCH {
        match engine.write(py, next_record(queue, &mut gathered)) {
            Ok(Outcome::Moved(written)) => {
                queue.advance(written);
                count += written;
                if let Some(drained) = drained.as_mut().filter(|_| !queue.is_empty())
                    && let Err(raised) = engine.drain_output(py, drained)
                {
                    outcome = Err(raised.take(py));
                    break;
                }
            }
            Ok(_) => {
                outcome = Ok(true);
                break;
            }
            Err(raised) => {
                outcome = Err(raised.take(py));
                break;
            }
        }
    }
    buffers.with(py, |buffers| buffers.gathered = gathered);
    let is_stuck = outcome?;
    match drained {
        Some(mut drained) if !drained.is_empty() => {
            engine.drain_output(py, &mut drained)?;
            Ok((Output::Buffer(drained), is_stuck))
        }
        unused => {
            if let Some(unused) = unused {
                buffers.with(py, |buffers| buffers.output = unused);
            }
            Ok((engine.take_output(py)?, is_stuck))
        }
    }
}

/// Returns the data of the next record: a part of a long piece, or short pieces together.
#[inline]
fn next_record<'a>(queue: &'a WriteQueue<Bytes>, gathered: &'a mut Vec<u8>) -> &'a [u8] {
    let first = queue.first();
    if first.len() >= DATA_AT_MOST || first.len() == queue.len() {
        return &first[..first.len().min(DATA_AT_MOST)];
    }
    let mut slices = [IoSlice::new(&[]); SLICES];
    let count = queue.slices(&mut slices);
    gathered.clear();
    for slice in &slices[..count] {
        let room = DATA_AT_MOST - gathered.len();
        gathered.extend_from_slice(&slice[..slice.len().min(room)]);
        if gathered.len() == DATA_AT_MOST {
            break;
        }
    }
    gathered
}

/// Puts a transport on the loop's list, to be flushed at the end of the turn.
pub(super) fn list(tls: This<'_, Tls>) {
    let listed = tls.object().to_owned().into();
    tls.owner.get().queues.with(tls.py(), |queues| queues.unsent.push(listed));
}

/// Makes the call that the protocol has requested.
pub(super) fn call_turn_ends(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    let mode = tls.inner.with(py, |inner| inner.read_mode);
    match (tls.protocol(py), mode) {
        (Some(protocol), ReadMode::StreamProtocol(native)) => (native.turn_ends)(protocol.as_borrowed()),
        _ => Ok(()),
    }
}

/// Sends what the engine has encrypted by itself: of the handshake, a goodbye, new keys, an alert.
#[inline]
pub(super) fn send_output(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    match with_engine(tls, |engine| engine.take_output(py)) {
        Some(output) => match output? {
            Output::Buffer(buffer) if buffer.is_empty() => Ok(()),
            output => pass_on(tls, output),
        },
        None => Ok(()),
    }
}
