//! Bytes in: from ciphertext to the protocol, by its kind.
//!
//! What has arrived is decrypted as a whole and delivered by one call, as asyncio does. Short data goes through the
//! loop's one buffer and is copied to its size, long data is decrypted into the object itself.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use stream::Phase;

use super::engine::Engine;
use super::failure::{fail, fail_if_caught};
use super::state::{Tls, keep, with_engine};
use super::{flow, write};
use crate::buffer::View;
use crate::ffi::bytes;
use crate::ffi::call::call_method;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::make;
use crate::ffi::openssl::Outcome;
use crate::ffi::room::Room;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::protocol;
use crate::stream::{ReadMode, feed, reader_of};
use crate::stream_protocol::StreamProtocol;

/// From this size on, data is decrypted into a `bytes` object of its own: a copy costs more than cutting it to size.
const OWN_OBJECT: usize = 64 * 1024;

/// The size of the loop's buffer for decrypted data.
const PLAIN: usize = 256 * 1024;

/// What OpenSSL may hold of an incomplete record from before, which the next ciphertext completes.
const HELD: usize = 17 * 1024;

/// What came of one delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Everything that can be decrypted is delivered.
    All,
    /// There may be more, for which there was no room: deliver again.
    Some,
    /// The peer has said goodbye.
    Closed,
}

/// Decrypts and delivers what has arrived, and sends what that has caused. An error ends the connection.
#[inline]
pub(super) fn deliver(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<Delivered, ErrorSet> {
    match deliver_and_answer(tls, input) {
        Ok(delivered) => Ok(delivered),
        Err(raised) => fail_if_caught(tls, raised.take(tls.py())).map(|()| Delivered::All),
    }
}

#[inline(always)]
fn deliver_and_answer(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<Delivered, ErrorSet> {
    let py = tls.py();
    let (is_due, delivers, mode) = tls.inner.with(py, |inner| {
        let is_due = matches!(inner.state.phase(), Phase::Open | Phase::Flushing) && !inner.state.is_paused();
        (is_due, inner.state.delivers(), inner.read_mode)
    });
    if !is_due {
        // The end of our side of the handshake may wait for this.
        write::send_output(tls)?;
        return flow::control_reading(tls).map(|()| Delivered::All);
    }
    let delivered = match mode {
        _ if !delivers => with_plain(tls, input, |_| Ok(()))?.1,
        ReadMode::Bytes => deliver_bytes(tls, input)?,
        ReadMode::Buffer => deliver_buffer(tls, input)?,
        ReadMode::Reader => deliver_to_reader(tls, input)?,
        ReadMode::StreamProtocol(native) => deliver_to_native(tls, input, native)?,
    };
    if delivered == Delivered::Closed {
        call_eof_received(tls)?;
    }
    // A read may have answered: with new keys.
    write::send_output(tls)?;
    write::flush_unlisted(tls)?;
    flow::control_reading(tls)?;
    Ok(delivered)
}

/// Decrypts into a room. An exception is returned apart, because the room's owner has its own errors.
#[inline(always)]
fn fill(tls: This<'_, Tls>, input: &mut &[u8], room: &mut Room<'_>) -> Result<Delivered, PyErr> {
    let py = tls.py();
    let filled = with_engine(tls, |engine: &mut Engine| engine.fill(py, input, room));
    match filled {
        // In use: what holds it continues.
        None | Some(Ok(Outcome::Want)) => Ok(Delivered::All),
        Some(Ok(Outcome::Moved(_))) => Ok(Delivered::Some),
        Some(Ok(Outcome::Closed)) => Ok(Delivered::Closed),
        Some(Err(raised)) => Err(raised.take(py)),
    }
}

/// Calls `body` with decrypted data in the loop's buffer, which it may use while user code runs.
#[inline(always)]
fn with_plain<R>(
    tls: This<'_, Tls>,
    input: &mut &[u8],
    body: impl FnOnce(&[u8]) -> Result<R, ErrorSet>,
) -> Result<(R, Delivered), ErrorSet> {
    let py = tls.py();
    let owner = tls.owner.get();
    let mut plain = owner.tls_buffers.with(py, |buffers| std::mem::take(&mut buffers.plain));
    if plain.is_empty() {
        plain.try_reserve_exact(PLAIN).map_err(|_| no_memory())?;
        plain.resize(PLAIN, 0);
    }
    let mut room = Room::of(&mut plain);
    let delivered = fill(tls, input, &mut room);
    let content = room.into_filled();
    let result = match delivered {
        Ok(delivered) => keep(tls, input).and_then(|()| body(content)).map(|result| (result, delivered)),
        Err(error) => Err(error.into()),
    };
    owner.tls_buffers.with(py, |buffers| buffers.plain = plain);
    result
}

/// Delivers to `data_received`, by one call.
#[inline(always)]
fn deliver_bytes(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<Delivered, ErrorSet> {
    let py = tls.py();
    let (data, delivered) = if input.len() < OWN_OBJECT {
        with_plain(tls, input, |content| match content {
            [] => Ok(None),
            content => make::bytes(py, content).map(|data| Some(data.into_any())),
        })?
    } else {
        let mut delivered = Ok(Delivered::All);
        let data = bytes::filled(py, input.len() + HELD, |memory| {
            let mut room = Room::new(memory);
            delivered = fill(tls, input, &mut room);
            Ok(room.into_filled())
        });
        (data?.map_err(|error| crate::error::os_error(&error))?, delivered?)
    };
    if let Some(data) = data
        && let Some(protocol) = tls.protocol(py)
    {
        call_method(protocol.as_borrowed(), name!("data_received"), &[data.as_borrowed()])?;
    }
    Ok(delivered)
}

/// Puts data into asyncio's own reader, or delivers it to `data_received` if a class or method was replaced.
fn deliver_to_reader(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<Delivered, ErrorSet> {
    let py = tls.py();
    let Some(protocol) = tls.protocol(py) else { return Ok(Delivered::All) };
    let Some(reader) = reader_of(&protocol)? else { return deliver_bytes(tls, input) };
    let ((), delivered) = with_plain(tls, input, |content| match content {
        [] => Ok(()),
        content => feed(tls.owner.get(), &reader, content),
    })?;
    Ok(delivered)
}

/// Passes data to a protocol in Rust.
fn deliver_to_native(
    tls: This<'_, Tls>,
    input: &mut &[u8],
    native: &StreamProtocol,
) -> Result<Delivered, ErrorSet> {
    let Some(protocol) = tls.protocol(tls.py()) else { return Ok(Delivered::All) };
    let ((), delivered) = with_plain(tls, input, |content| match content {
        [] => Ok(()),
        content => (native.received)(protocol.as_borrowed(), content),
    })?;
    Ok(delivered)
}

/// Decrypts into the buffer of a `BufferedProtocol`. If it gets full, the rest follows in the next turn.
fn deliver_buffer(tls: This<'_, Tls>, input: &mut &[u8]) -> Result<Delivered, ErrorSet> {
    let py = tls.py();
    let Some(protocol) = tls.protocol(py) else { return Ok(Delivered::All) };
    let protocol = protocol.as_borrowed();
    let hint = make::count(py, input.len())?;
    let buffer = call_method(protocol, name!("get_buffer"), &[hint.as_borrowed()])?;
    if buffer.len()? == 0 {
        return Err(new_error::<PyRuntimeError>("get_buffer() returned an empty buffer").into());
    }
    let mut view = View::writable(buffer.as_borrowed())?;
    let mut room = view.fillable();
    let delivered = fill(tls, input, &mut room)?;
    let (count, is_full) = (room.len(), room.is_full());
    // The protocol may resize its buffer as soon as it is notified of the data.
    drop(view);
    keep(tls, input)?;
    if is_full {
        flow::resume_later(tls)?;
    }
    if count > 0 {
        let count = make::count(py, count)?;
        call_method(protocol, name!("buffer_updated"), &[count.as_borrowed()])?;
    }
    // The rest of a buffer that is full follows in the next turn.
    Ok(if delivered == Delivered::Some { Delivered::All } else { delivered })
}

/// Calls `eof_received`, once. TLS has no connection of which one side is open, so its result has no effect.
pub(super) fn call_eof_received(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let py = tls.py();
    if !tls.inner.with(py, |inner| inner.state.tell_end()) {
        return Ok(());
    }
    let Some(protocol) = tls.protocol(py) else { return Ok(()) };
    match call_method(protocol.as_borrowed(), name!("eof_received"), &[]) {
        Ok(keeps_open) if keeps_open.is_truthy()? => {
            tls.owner.get().imports.hooks.warn_of_half_open_tls(py)?;
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(raised) => {
            let error = protocol::failure(py, raised)?;
            fail(tls, &error, "Error calling eof_received()")
        }
    }
}
