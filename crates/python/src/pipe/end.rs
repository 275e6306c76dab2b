//! The end of a pipe: by `close()`, by `abort()`, by an error, by the other side, or because nobody wants it any more.
//!
//! However it comes, `connection_lost` is called once, by the loop, never inside the call that caused it; then the file
//! object is closed, once.

use std::io;

use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;
use stream::Closing;

use super::{Pipe, class, info, settle, write};
use crate::error::os_error;
use crate::ffi::method::Argument;
use crate::ffi::native::value_of;
use crate::ffi::raised::Raised;
use crate::transport::{self, alive};

/// `transport.close()`, and `write_eof()`: what was written is sent first.
pub(super) fn close(transport: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    if pipe.body.with(py, |body| body.end.state.is_closing()) {
        return Ok(());
    }
    write::flush(transport)?;
    let closing = pipe.body.with(py, |body| body.end.state.close(body.queue.is_empty()));
    settle(transport)?;
    match closing {
        Closing::Lose => schedule_lost(transport, None),
        Closing::Drain | Closing::Nothing => Ok(()),
    }
}

/// `transport.abort()`: what the turn has written so far still leaves, as it would have in asyncio, if there is room.
pub(super) fn abort(transport: Argument<'_>) -> Result<(), Raised> {
    write::flush(transport)?;
    lose(transport, None)
}

/// The pipe is lost, to an error or by `abort()`. What waits to be written is forgotten.
pub(super) fn lose(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), Raised> {
    let pipe = value_of::<Pipe>(transport);
    let closing = pipe.body.with(transport.py(), |body| {
        body.queue.clear();
        body.end.state.lose()
    });
    settle(transport)?;
    match closing {
        Closing::Lose => schedule_lost(transport, error),
        Closing::Drain | Closing::Nothing => Ok(()),
    }
}

/// Has the loop call `connection_lost` at its next turn.
pub(super) fn schedule_lost(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), Raised> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let context = pipe.body.with(py, |body| body.context.clone_ref(py));
    let context = context.bind_borrowed(py);
    let method = class::class_of(py, pipe.kind)?.connection_lost.bind_borrowed(py);
    transport::schedule_lost(pipe.owner.bind(py), method, transport, context, error)
}

/// Called by the loop: tells the protocol, then closes the file, whatever the protocol raised.
pub(super) fn connection_lost(transport: Argument<'_>, error: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let told = transport::call_connection_lost(pipe.owner.get(), pipe.callee(py), error);
    let released = release(transport);
    told?;
    released
}

/// Closes the file and lets go of everything.
fn release(transport: Argument<'_>) -> Result<(), Raised> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    let (file, token, protocol) =
        pipe.body.with(py, |body| (body.file.take(), body.token.take(), body.protocol.take()));
    let mut has_other_half = false;
    if let Some(token) = token {
        let half = pipe.kind.half();
        let (detached, is_still_there) = pipe.owner.get().kernel.with(py, |kernel| {
            let detached = kernel.detach(half, token);
            (detached, kernel.watches.get(token).is_some())
        });
        // A kernel that does not know the descriptor any more has nothing to forget; what it reports goes to nobody.
        drop(detached);
        has_other_half = is_still_there;
    }
    let closed = file.map_or(Ok(()), |file| file.bind(py).call_method0("close").map(drop));
    drop(protocol);
    if has_other_half {
        lose_other_half(pipe, py)?;
    }
    Ok(closed?)
}

/// Another transport uses the same number. If that went with the file, it must not write to whatever gets it next.
#[cold]
fn lose_other_half(pipe: &Pipe, py: Python<'_>) -> Result<(), Raised> {
    let state = pipe.owner.get();
    let descriptor = pipe.body.with(py, |body| body.descriptor);
    if state.imports.hooks.bind(py).call_method1("file_behind", (descriptor,))?.is_truthy()? {
        return Ok(());
    }
    let held = state.kernel.with(py, |kernel| {
        kernel
            .watches
            .source_of(descriptor)
            .filter(|other| other.kind.is_pipe())
            .map(|other| other.object.clone_ref(py))
    });
    let Some(other) = held.and_then(|held| alive(held.into_bound(py))) else { return Ok(()) };
    let closed = io::Error::from_raw_os_error(libc::EBADF);
    lose(other.as_borrowed(), Some(os_error(&closed, "the pipe's other transport has closed the file")))
}

/// `__del__`: a transport that is garbage while its file is open was forgotten by somebody.
pub(super) fn finalize(transport: Argument<'_>) -> PyResult<()> {
    let py = transport.py();
    let pipe = value_of::<Pipe>(transport);
    if pipe.body.with(py, |body| body.file.is_none()) {
        return Ok(());
    }
    let text = format!("unclosed transport {}", info::represent(transport));
    let category = py.get_type::<PyResourceWarning>();
    let hooks = pipe.owner.get().imports.hooks.bind(py);
    let warned = hooks.call_method1("warn_of_resource", (text, category, transport));
    pipe.body.with(py, |body| {
        body.queue.clear();
        body.end.state.lose();
    });
    release(transport).map_err(|raised| raised.take(py))?;
    warned.map(drop)
}
