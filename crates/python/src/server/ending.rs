//! The end of a connection: closed by us, lost, refused, or handed over to another protocol.

use pyo3::prelude::*;

use super::access;
use super::connection::{Request, protocol_of};
use super::sink::HalfClose;
use super::{awaitable, deadline, file, respond};
use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;
use crate::name;

/// Closes once everything written is sent. What the peer sends from here on does not count.
pub(super) fn close(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let sink = value.body.with(py, |body| {
        // Closed once: not every transport bears it twice.
        let is_new = !std::mem::replace(&mut body.is_closing, true) || std::mem::take(&mut body.lingers);
        body.stash = Vec::new();
        body.settle_deadline(py, hub);
        body.sink.as_ref().filter(|_| is_new).map(|sink| sink.clone_ref(py))
    });
    let Some(sink) = sink else { return Ok(()) };
    deadline::note_unsent(protocol)?;
    sink.close(py)
}

/// What a peer may still send that nobody reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// The content of a request that is answered.
    Upload,
    /// Bytes that are no request, or none that is answered.
    Anything,
}

/// Ends our side, and leaves the peer some time to read what we said and to close. Without that a response could be lost:
/// a kernel that closes with unread input resets the connection (RFC 9112 section 9.6), and so does TLS. A transport that
/// can't end one side stays open as a whole; what the peer sends is thrown away meanwhile. `Upload`: the rest of a request
/// is still to come, as it was announced.
pub(super) fn linger(protocol: Argument<'_>, input: Unread) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let Some(sink) = value.sink(py) else { return Ok(()) };
    let (has_ended, is_closing) = value.body.with(py, |body| (body.peer_ended, body.is_closing));
    if is_closing {
        return Ok(());
    }
    if has_ended || sink.is_closing(py)? {
        return close(protocol);
    }
    let half_close = sink.end_writing(py)?;
    if half_close == HalfClose::Lost {
        return close(protocol);
    }
    let hub = value.hub.get();
    let resumes = value.body.with(py, |body| {
        (body.is_closing, body.lingers) = (true, true);
        body.has_ended_writing = half_close == HalfClose::Done;
        body.deadline.limit_linger(input, py, hub);
        body.stash = Vec::new();
        body.settle_deadline(py, hub);
        std::mem::replace(&mut body.reads_paused, false)
    });
    if resumes { sink.resume_reading(py) } else { Ok(()) }
}

/// Closes at once.
pub(super) fn abort(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let sink = value.body.with(py, |body| {
        body.is_closing = true;
        body.sink.as_ref().map(|sink| sink.clone_ref(py))
    });
    // While its descriptor is open: so it is let go of.
    file::cancel(protocol)?;
    match sink {
        Some(sink) => sink.abort(py),
        None => Ok(()),
    }
}

/// Cuts a response short: its client sees from the framing that it is not whole (RFC 9112 section 8).
pub(super) fn abandon(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let request = value.body.with(py, |body| {
        // Nothing comes of it: the head has left.
        respond::with_stamp(hub, py, |stamp| body.http.fail(stamp, &mut Vec::new()));
        body.request.take()
    });
    if let Some(request) = request {
        end_request(protocol, request, false)?;
    }
    close(protocol)
}

/// The server ends: an idle connection is closed, any other after its response. A peer that still sends to a connection
/// which is about to close has not much more time.
pub(super) fn end_after_response(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let is_idle = value.body.with(py, |body| {
        body.deadline.shorten_linger(py, hub);
        let is_idle = body.request.is_none() && body.http.is_idle();
        body.http.end_after_response();
        is_idle
    });
    if is_idle { close(protocol) } else { Ok(()) }
}

/// Answers with a refusal that the parser writes, if no response has begun, and ends the connection.
pub(super) fn refuse(
    protocol: Argument<'_>,
    status: u16,
    write: impl FnOnce(&mut http::Connection, http::Stamp<'_>, &mut Vec<u8>),
) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let mut out = Vec::new();
    let (request, sink) = value.body.with(py, |body| {
        respond::with_stamp(hub, py, |stamp| write(&mut body.http, stamp, &mut out));
        (body.request.take(), body.sink.as_ref().map(|sink| sink.clone_ref(py)))
    });
    let is_told = !out.is_empty();
    if let Some(mut request) = request {
        request.status = if is_told { status } else { request.status };
        end_request(protocol, request, false)?;
    }
    if let Some(sink) = sink
        && is_told
    {
        sink.write(py, &out, None, b"")?;
    }
    linger(protocol, if status == 413 { Unread::Upload } else { Unread::Anything })
}

/// A request is over for everybody who waits.
pub(super) fn end_request(
    protocol: Argument<'_>,
    mut request: Request,
    is_complete: bool,
) -> Result<(), Raised> {
    let receivers = std::mem::take(&mut request.receivers);
    if !is_complete {
        protocol_of(protocol).body.with(protocol.py(), |body| {
            body.was_cut = true;
            if !receivers.is_empty() {
                body.note_listener(body.number);
            }
        });
    }
    access::log(protocol, &request, is_complete)?;
    drop(request);
    awaitable::wake(protocol.py(), receivers)
}

/// `connection_lost`, with an error or without one: then we have closed it, or the application has.
pub(super) fn lost(protocol: Argument<'_>, by_error: bool) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let (request, drains) = value.body.with(py, |body| {
        body.is_closing = true;
        body.peer_left = by_error || body.peer_ended;
        (body.request.take(), std::mem::take(&mut body.drains))
    });
    let ended = request.map_or(Ok(()), |request| end_request(protocol, request, false));
    let woken = ended.and_then(|()| awaitable::wake(py, drains)).and_then(|()| file::cancel(protocol));
    // Whatever was raised: who is not forgotten would count as connected for ever.
    let woken = woken.map_err(|raised| raised.take(py));
    forget(protocol)?;
    Ok(woken?)
}

/// The connection is nobody's here any more.
pub(super) fn forget(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let (sink, place, request, ends) = value.body.with(py, |body| {
        body.stash = Vec::new();
        (body.sink.take(), body.place.take(), body.request.take(), body.ends.take())
    });
    drop((sink, request, ends));
    if let Some(place) = place {
        drop(value.hub.get().end_connection(py, place));
        if value.hub.get().settings.tells {
            deadline::tell_count(value.hub.bind(py))?;
            value.hub.get().hooks.bind(py).call_method1(name!("connection_ended"), (protocol,))?;
        }
    }
    Ok(())
}
