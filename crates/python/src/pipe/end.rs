//! The end of a pipe: by `close()`, by `abort()`, by an error, by the other side, or because nobody wants it any more.
//!
//! However it comes, `connection_lost` is called once, by the loop, never inside the call that caused it; then the file
//! object is closed, once.

use std::io;

use pyo3::prelude::*;
use reactor::file_behind;

use super::state::Pipe;
use super::write;
use crate::error::os_error;
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{self, alive, conclude, detach};

/// `transport.close()`, and `write_eof()`: what was written is sent first.
pub(super) fn close(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    if pipe.inner.with(py, |inner| inner.end.state.is_closing()) {
        return Ok(());
    }
    write::flush(transport)?;
    let closing = pipe.inner.with(py, |inner| inner.end.state.close(inner.queue.is_empty()));
    conclude::<Pipe>(transport, closing, None)
}

/// `transport.abort()`: what the turn has written so far still leaves, as it would have in asyncio, if there is room.
pub(super) fn abort(transport: Argument<'_>) -> Result<(), ErrorSet> {
    write::flush(transport)?;
    lose(transport, None)
}

/// The pipe is lost, to an error or by `abort()`. What waits to be written is forgotten.
pub(super) fn lose(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), ErrorSet> {
    transport::lose::<Pipe>(transport, error)
}

/// Closes the file and lets go of everything.
pub(super) fn release(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let (file, token, protocol) =
        pipe.inner.with(py, |inner| (inner.file.take(), inner.token.take(), inner.protocol.take()));
    let has_other_half = detach(pipe, py, token);
    let closed = file.map_or(Ok(()), |file| file.bind(py).call_method0(name!("close")).map(drop));
    drop(protocol);
    if has_other_half {
        lose_other_half(pipe, py)?;
    }
    Ok(closed?)
}

/// Another transport uses the same number. If that went with the file, it must not write to whatever gets it next.
#[cold]
fn lose_other_half(pipe: &Pipe, py: Python<'_>) -> Result<(), ErrorSet> {
    let state = pipe.owner.get();
    let descriptor = pipe.inner.with(py, |inner| inner.descriptor);
    if file_behind(descriptor).is_some() {
        return Ok(());
    }
    let held = state.registry.with(py, |registry| {
        registry
            .table
            .source_of(descriptor)
            .filter(|other| other.kind.is_pipe())
            .map(|other| other.object.clone_ref(py))
    });
    let Some(other) = held.and_then(|held| alive(held.into_bound(py))) else { return Ok(()) };
    let closed = io::Error::from_raw_os_error(libc::EBADF);
    lose(other.as_borrowed(), Some(os_error(&closed)))
}
