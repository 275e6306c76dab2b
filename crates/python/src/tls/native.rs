//! The interface to protocols in Rust: as the protocol of a stream below, and for a protocol above, whose calls need no
//! Python.

use pyo3::prelude::*;
use stream::Phase;

use super::state::{Tls, with_engine};
use super::write::{self, enqueue};
use super::{end, input};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::no_memory;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;
use crate::stream_protocol::StreamProtocol;

/// The functions by which a native stream drives a transport of this class.
pub(super) static PROTOCOL: StreamProtocol =
    StreamProtocol { received: received_by, turn_ends: |_| Ok(()), failure: FAILED };

/// asyncio's own TLS is a `BufferedProtocol`.
const FAILED: &str = "Fatal error: protocol.buffer_updated() call failed.";

fn received_by(protocol: Borrowed<'_>, bytes: &[u8]) -> Result<(), ErrorSet> {
    match This::<Tls>::cast(protocol) {
        Some(tls) => input::received(tls, bytes),
        None => Ok(()),
    }
}

/// Requests a call of the protocol when the turn ends, before what was written is encrypted.
pub(crate) fn tell_at_turn_end(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    let is_new = tls.inner.with(tls.py(), |inner| {
        inner.tells_turn_end = true;
        !std::mem::replace(&mut inner.is_listed, true)
    });
    if is_new {
        write::list(tls);
    }
    Ok(())
}

/// Writes a head, content that is kept by reference if that pays, and what follows it.
pub(crate) fn write_parts(
    tls: This<'_, Tls>,
    head: &[u8],
    content: Option<Bytes>,
    tail: &[u8],
) -> Result<(), ErrorSet> {
    if head.is_empty()
        && tail.is_empty()
        && content.as_ref().is_none_or(|content| content.as_ref().is_empty())
    {
        return Ok(());
    }
    let mut is_torn = false;
    let enqueued = enqueue(tls, |inner| {
        // The call before this write is included in it.
        inner.tells_turn_end = false;
        is_torn = inner.queue.push_copied(head).is_err()
            || content.is_some_and(|content| inner.queue.push_shared(content).is_err())
            || inner.queue.push_copied(tail).is_err();
        !is_torn
    });
    if is_torn {
        // No other bytes may follow a part of the message.
        end::abort(tls, Some(&no_memory()))?;
    }
    enqueued
}

/// Returns whether the connection is lost, though the protocol may not know yet. It may be called within a borrow of
/// the protocol.
pub(crate) fn is_lost(tls: This<'_, Tls>) -> bool {
    let py = tls.py();
    tls.phase(py) == Phase::Closed || tls.below(py).is_some_and(|below| below.is_lost(py))
}

/// Ends our side, and goes on reading: asyncio has no call for that. Returns whether the connection was open.
pub(crate) fn end_writing(tls: This<'_, Tls>) -> Result<bool, ErrorSet> {
    let py = tls.py();
    write::flush(tls)?;
    write::send(tls, true)?;
    if tls.phase(py) != Phase::Open {
        return Ok(false);
    }
    // The peer's goodbye is not there yet, and no data is left unread.
    let said = with_engine(tls, |engine| engine.shut_down(py, &mut &[][..]));
    let said = said.map_or(Ok(()), |said| said.map(drop));
    and_also(py, said, || write::send_output(tls))?;
    let Some(below) = tls.below(py) else { return Ok(false) };
    below.call(py, name!("write_eof"))?;
    Ok(true)
}

/// Returns the bytes that wait here and below.
pub(crate) fn unsent(tls: This<'_, Tls>) -> Result<usize, ErrorSet> {
    let py = tls.py();
    write::flush(tls)?;
    let own = tls.inner.with(py, |inner| inner.queue.len());
    match tls.below(py) {
        Some(below) => Ok(own + below.call(py, name!("get_write_buffer_size"))?.extract::<usize>()?),
        None => Ok(own),
    }
}
