//! The end of a connection: closed by the server, lost, refused, or passed on to another protocol.

use pyo3::prelude::*;

use super::access;
use super::connection::{Protocol, Request};
use super::transport::HalfClose;
use super::{awaitable, deadline, file, respond};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Closes once everything written is sent. Bytes that the peer sends from here on are ignored.
pub(super) fn close(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let transport = value.state.with(py, |state| {
        // Closed once: some transports do not accept it twice.
        let is_new = !std::mem::replace(&mut state.is_closing, true) || std::mem::take(&mut state.lingers);
        state.read_buffer = Vec::new();
        state.settle_deadline(py, http_server);
        state.transport.as_ref().filter(|_| is_new).map(|transport| transport.clone_ref(py))
    });
    let Some(transport) = transport else { return Ok(()) };
    deadline::note_unsent(protocol)?;
    transport.close(py)
}

/// Bytes that a peer may still send and that are not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// The content of a request that is answered.
    Upload,
    /// Bytes that are not a request, or one that is not answered.
    Anything,
}

/// Ends our side, and gives the peer some time to read the response and to close. Without that a response could be
/// lost: a kernel that closes with unread input resets the connection (RFC 9112 section 9.6), and so does TLS. A
/// transport that can't end one side stays open as a whole, and bytes from the peer are discarded meanwhile. `Upload`
/// means that the announced rest of a request is still to come.
pub(super) fn linger(protocol: This<'_, Protocol>, input: Unread) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let Some(transport) = value.transport(py) else { return Ok(()) };
    let (has_ended, is_closing) = value.state.with(py, |state| (state.peer_ended, state.is_closing));
    if is_closing {
        return Ok(());
    }
    if has_ended || transport.is_closing(py)? {
        return close(protocol);
    }
    let half_close = transport.end_writing(py)?;
    if half_close == HalfClose::Lost {
        return close(protocol);
    }
    let http_server = value.http_server.get();
    let resumes = value.state.with(py, |state| {
        (state.is_closing, state.lingers) = (true, true);
        state.has_ended_writing = half_close == HalfClose::Done;
        state.deadline.limit_linger(input, py, http_server);
        state.read_buffer = Vec::new();
        state.settle_deadline(py, http_server);
        std::mem::replace(&mut state.reads_paused, false)
    });
    if resumes { transport.resume_reading(py) } else { Ok(()) }
}

/// Closes at once.
pub(super) fn abort(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let transport = value.state.with(py, |state| {
        state.is_closing = true;
        state.transport.as_ref().map(|transport| transport.clone_ref(py))
    });
    // While its descriptor is open, so that the task releases it.
    file::cancel(protocol)?;
    match transport {
        Some(transport) => transport.abort(py),
        None => Ok(()),
    }
}

/// Cuts a response short: its client can see from the framing that it is not complete (RFC 9112 section 8).
pub(super) fn abandon(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let request = value.state.with(py, |state| {
        // It has no result: the head has been sent.
        respond::with_stamp(http_server, py, |stamp| state.http.fail(stamp, &mut Vec::new()));
        state.request.take()
    });
    if let Some(request) = request {
        end_request(protocol, request, false)?;
    }
    close(protocol)
}

/// Closes an idle connection because the server ends, and any other after its response. A peer that still sends to a
/// connection which is about to close gets little more time.
pub(super) fn end_after_response(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let is_idle = value.state.with(py, |state| {
        state.deadline.shorten_linger(py, http_server);
        let is_idle = state.request.is_none() && state.http.is_idle();
        state.http.end_after_response();
        is_idle
    });
    if is_idle { close(protocol) } else { Ok(()) }
}

/// Answers with an error that the parser writes, if no response has begun, and ends the connection.
pub(super) fn refuse(
    protocol: This<'_, Protocol>,
    status: u16,
    write: impl FnOnce(&mut http::Connection, http::DefaultHeaders<'_>, &mut Vec<u8>),
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let mut out = Vec::new();
    let (request, transport) = value.state.with(py, |state| {
        respond::with_stamp(http_server, py, |stamp| write(&mut state.http, stamp, &mut out));
        (state.request.take(), state.transport.as_ref().map(|transport| transport.clone_ref(py)))
    });
    let is_told = !out.is_empty();
    if let Some(mut request) = request {
        request.status = if is_told { status } else { request.status };
        end_request(protocol, request, false)?;
    }
    if let Some(transport) = transport
        && is_told
    {
        transport.write(py, &out, None, b"")?;
    }
    linger(protocol, if status == 413 { Unread::Upload } else { Unread::Anything })
}

/// Ends a request for all calls that wait.
pub(super) fn end_request(
    protocol: This<'_, Protocol>,
    mut request: Request,
    is_complete: bool,
) -> Result<(), ErrorSet> {
    let receivers = std::mem::take(&mut request.receivers);
    if !is_complete {
        protocol.state.with(protocol.py(), |state| {
            state.was_cut = true;
            if !receivers.is_empty() {
                state.note_listener(state.number);
            }
        });
    }
    access::log(protocol, &request, is_complete)?;
    drop(request);
    awaitable::wake(protocol.py(), receivers)
}

/// Handles `connection_lost`, with or without an error: in the latter case the server or the application has closed it.
pub(super) fn lost(protocol: This<'_, Protocol>, by_error: bool) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let (request, drains) = value.state.with(py, |state| {
        state.is_closing = true;
        state.peer_left = by_error || state.peer_ended;
        (state.request.take(), std::mem::take(&mut state.drains))
    });
    let ended = request.map_or(Ok(()), |request| end_request(protocol, request, false));
    let woken = ended.and_then(|()| awaitable::wake(py, drains)).and_then(|()| file::cancel(protocol));
    // Also after an exception: a connection that is not removed would count for ever.
    let woken = woken.map_err(|raised| raised.take(py));
    forget(protocol)?;
    Ok(woken?)
}

/// Removes the connection from the server.
pub(super) fn forget(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let (transport, place, request, ends) = value.state.with(py, |state| {
        state.read_buffer = Vec::new();
        (state.transport.take(), state.place.take(), state.request.take(), state.ends.take())
    });
    drop((transport, request, ends));
    if let Some(place) = place {
        drop(value.http_server.get().end_connection(py, place));
        if value.http_server.get().settings.reports_to_hooks {
            value.http_server.get().hooks.bind(py).call_method1(name!("connection_ended"), (protocol,))?;
        }
    }
    Ok(())
}
