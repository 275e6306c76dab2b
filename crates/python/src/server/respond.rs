//! Bytes out: messages of an application become heads, content and trailers.
//!
//! A head waits for the content after it, so that both are sent in one piece and a response of one message has a length
//! (RFC 9112 section 6.2) instead of chunks; if no content comes in the same turn, it is sent at the turn's end.

use std::mem;

use pyo3::prelude::*;

use super::close::Unread;
use super::connection::{Answer, Protocol, Request, Started, State};
use super::disconnect::DROPPED_AT_ONCE;
use super::encode::Encoded;
use super::http_server::HttpServer;
use super::message::{self, Kind};
use super::request_cycle::{RequestCycle, SendError};
use super::transport::Transport;
use super::{awaitable, close, file, input};
use crate::ffi::call::call_method;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The capacity that the encoding buffer keeps.
const SCRATCH_AT_MOST: usize = 64 * 1024;

/// Implements `send(message)`: the work is done at once, and the result waits if there is no room for more.
pub(super) fn send<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let inner = cycle.value();
    let (number, protocol) = (inner.number, inner.protocol.this(py));
    let http_server = protocol.http_server.get();
    let wait = match message::kind_of(message)? {
        Kind::Start => return start_response(cycle, message),
        Kind::Path => return file::send_path(cycle, message),
        Kind::ZeroCopy => return file::send_file(cycle, message),
        Kind::Body => {
            let content = message::content(message)?;
            let more = message::flag(message, name!("more_body"))?;
            put(protocol, (number, !more), |state, out| {
                state.encode(py, http_server, number, (content, more), out)
            })?
        }
        Kind::Trailers => {
            let fields = message::fields(message)?;
            let more = message::flag(message, name!("more_trailers"))?;
            put(protocol, (number, !more), |state, out| {
                state.encode_trailers(py, http_server, number, (fields, more), out)
            })?
        }
        Kind::EarlyHint => {
            let links = message::links(message)?;
            let wait = put(protocol, (number, true), |state, out| state.encode_hint(number, &links, out))?;
            remind(protocol)?;
            wait
        }
    };
    match wait {
        Wait::Nothing => awaitable::done(py),
        Wait::Turn => awaitable::turn(py),
        Wait::Drain => awaitable::drain(cycle),
    }
}

fn start_response<'py>(
    cycle: This<'py, RequestCycle>,
    message: Borrowed<'py>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = cycle.py();
    let started = Started {
        status: message::status(message)?,
        fields: message::fields(message)?,
        has_trailers: message::flag(message, name!("trailers"))?,
    };
    let inner = cycle.value();
    let protocol = inner.protocol.this(py);
    let begun = protocol.state.with(py, |state| {
        let Some(transport) = state.transport.as_ref().map(|transport| transport.clone_ref(py)) else {
            return Err((SendError::Disconnected, started));
        };
        let Some(request) = state.current(inner.number) else {
            return Err((SendError::gone(state), started));
        };
        if !matches!(request.answer, Answer::Owed) {
            return Err((SendError::OutOfOrder("a response begins once"), started));
        }
        request.status = started.status;
        request.answer = Answer::Started(started);
        Ok(transport)
    });
    match begun {
        Ok(transport) => {
            if !transport.tell_at_turn_end(py)? {
                protocol.http_server.get().call_soon(protocol.object().getattr(name!("_turn_ends"))?)?;
            }
            awaitable::done(py)
        }
        Err((unfit, started)) => {
            drop(started);
            let is_dropped = matches!(unfit, SendError::Disconnected)
                && protocol
                    .state
                    .with(py, |state| state.drops(inner.number, true, protocol.http_server.get()));
            if is_dropped { awaitable::done(py) } else { Err(unfit.raise()) }
        }
    }
}

/// Requests a call at the end of the turn again: the head that waits was not written.
fn remind(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let transport = protocol.state.with(py, |state| {
        let request = state.request.as_ref()?;
        let transport = state.transport.as_ref().filter(|_| matches!(request.answer, Answer::Started(_)))?;
        Some(transport.clone_ref(py))
    });
    // If the loop makes that call, it is scheduled already.
    transport.map_or(Ok(()), |transport| transport.tell_at_turn_end(py).map(drop))
}

/// The condition for which an application waits before it sends more.
pub(super) enum Wait {
    Nothing,
    /// A turn of the loop: other tasks need one, and the client may have left.
    Turn,
    /// The peer to read.
    Drain,
}

/// The number of bytes that each message counts in addition to its content.
const MESSAGE_COUNTS: usize = 256;

/// Encodes a message by `encode`, writes it, and handles the end of the response. The arguments are the number of its
/// request, and whether it is the last message.
#[inline]
pub(super) fn put(
    protocol: This<'_, Protocol>,
    (number, is_last): (u32, bool),
    encode: impl FnOnce(&mut State, &mut Vec<u8>) -> Result<Encoded, SendError>,
) -> Result<Wait, ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let mut out = http_server.shared.with(py, |shared| mem::take(&mut shared.scratch));
    out.clear();
    let encoded = value.state.with(py, |state| {
        // It may be some time until the loop reports that: an application that never waits would go on for ever.
        if state.transport.as_ref().is_some_and(|transport| transport.is_lost(py, state.is_closing)) {
            state.is_closing = true;
            return Err(SendError::Disconnected);
        }
        let encoded = encode(state, &mut out)?;
        let content = encoded.content.as_ref().map_or(0, |content| content.as_ref().len());
        state.bytes_since_yield += MESSAGE_COUNTS + out.len() + content;
        match &state.transport {
            Some(transport) => Ok((encoded, transport.clone_ref(py))),
            None => Err(SendError::Disconnected),
        }
    });
    let outcome = match encoded {
        Ok((encoded, transport)) => write(protocol, &transport, &out, encoded),
        Err(SendError::Disconnected)
            if value.state.with(py, |state| state.drops(number, is_last, http_server)) =>
        {
            return Ok(value.state.with(py, |state| state.wait_after_drop(http_server)));
        }
        Err(unfit) => Err(unfit.raise()),
    };
    if out.capacity() <= SCRATCH_AT_MOST {
        http_server.shared.with(py, |shared| shared.scratch = out);
    }
    outcome?;
    Ok(value.state.with(py, |state| state.wait(http_server)))
}

impl State {
    #[inline]
    fn wait(&mut self, http_server: &HttpServer) -> Wait {
        if self.writes_paused {
            return Wait::Drain;
        }
        if self.bytes_since_yield < http_server.settings.response_bytes_per_turn || self.request.is_none() {
            return Wait::Nothing;
        }
        self.bytes_since_yield = 0;
        Wait::Turn
    }

    /// Does what `wait` does, after a message that was dropped.
    #[cold]
    fn wait_after_drop(&mut self, http_server: &HttpServer) -> Wait {
        let most = http_server.settings.response_bytes_per_turn;
        self.bytes_since_yield = self.bytes_since_yield.saturating_add(most / DROPPED_AT_ONCE);
        if self.bytes_since_yield < most {
            return Wait::Nothing;
        }
        self.bytes_since_yield = 0;
        Wait::Turn
    }
}

#[inline]
fn write(
    protocol: This<'_, Protocol>,
    transport: &Transport,
    out: &[u8],
    encoded: Encoded,
) -> Result<(), ErrorSet> {
    let (head, tail) = out.split_at(encoded.split);
    transport.write(protocol.py(), head, encoded.content, tail)?;
    match encoded.complete {
        Some((request, after)) => complete(protocol, protocol.value(), request, after)?,
        None => note_closing(protocol, transport)?,
    }
    match encoded.left_out {
        Some(status) => report_left_out(protocol.http_server.get(), protocol.py(), status),
        None => Ok(()),
    }
}

/// Reports that an application's content was not sent. The client has its complete response.
#[cold]
pub(super) fn report_left_out(http_server: &HttpServer, py: Python<'_>, status: u16) -> Result<(), ErrorSet> {
    http_server.report(
        py,
        &format!("A response with status {status} has no content: what was sent is left out"),
        None,
    )
}

/// Checks whether a transport that is not a native stream has just been lost.
#[inline]
fn note_closing(protocol: This<'_, Protocol>, transport: &Transport) -> Result<(), ErrorSet> {
    let py = protocol.py();
    if !matches!(transport, Transport::Stream(_)) && transport.is_closing(py)? {
        protocol.state.with(py, |state| state.is_closing = true);
    }
    Ok(())
}

/// Completes a response, and decides on the connection.
#[inline]
fn complete(
    protocol: This<'_, Protocol>,
    value: &Protocol,
    request: Request,
    after: http::Persistence,
) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let was_read = request.has_ended;
    close::end_request(protocol, request, true)?;
    if after == http::Persistence::Close {
        return if was_read { close::close(protocol) } else { close::linger(protocol, Unread::Upload) };
    }
    let http_server = value.http_server.get();
    let is_processing = value.state.with(py, |state| {
        if !state.is_processing {
            state.settle_deadline(py, http_server);
        }
        state.is_processing
    });
    // A caller further up the stack continues with the input.
    if is_processing {
        return Ok(());
    }
    input::settle_reading(protocol)?;
    input::schedule_if_due(protocol)
}

/// Sends a head that waits for content without it, at the end of the turn.
pub(super) fn turn_ends(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let key = value.state.with(py, |state| {
        let request = state.request.as_ref()?;
        matches!(request.answer, Answer::Started(_)).then_some(request.key)
    });
    // An application that has ended is handled at once: an error response may be possible.
    if let Some(task) = key.and_then(|key| http_server.task(py, key))
        && call_method(task.as_borrowed(), name!("done"), &[])?.is_truthy()?
    {
        return Ok(());
    }
    let mut out = Vec::new();
    let (begun, transport) = value.state.with(py, |state| {
        let begun = state.encode_head(py, http_server, http::Length::Unknown, &mut out);
        (begun, state.transport.as_ref().map(|transport| transport.clone_ref(py)))
    });
    match (begun, transport) {
        (Err(misuse), _) => {
            http_server.report(py, &format!("A response can't be sent: {misuse}"), None)?;
            answer_last(protocol, 500, "Internal Server Error\n")
        }
        (Ok(()), Some(transport)) if !out.is_empty() => transport.write(py, &out, None, b""),
        _ => Ok(()),
    }
}

/// Answers a request instead of an application, and ends the connection.
pub(super) fn answer_last(protocol: This<'_, Protocol>, status: u16, text: &str) -> Result<(), ErrorSet> {
    let value = protocol.value();
    value.state.with(protocol.py(), |state| state.http.end_after_response());
    answer(protocol, status, text)
}

/// Answers a request instead of an application.
#[cold]
pub(super) fn answer(protocol: This<'_, Protocol>, status: u16, text: &str) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let mut out = Vec::new();
    let done = value.state.with(py, |state| {
        let transport = state.transport.as_ref()?.clone_ref(py);
        let mut request = state.request.take()?;
        request.status = status;
        request.sent = text.len() as u64;
        let fields = [(&b"content-type"[..], &b"text/plain; charset=utf-8"[..])];
        let length = http::Length::Known(text.len() as u64);
        let started =
            with_stamp(http_server, py, |stamp| state.http.start(status, fields, length, stamp, &mut out));
        let written = started.and_then(|()| state.http.write(text.as_bytes(), &mut out));
        let after = written.and_then(|()| state.http.finish(&mut out)).unwrap_or(http::Persistence::Close);
        Some((transport, request, after))
    });
    let Some((transport, request, after)) = done else { return Ok(()) };
    transport.write(py, &out, None, b"")?;
    complete(protocol, value, request, after)
}

/// Calls `write` with the date and the server's name.
#[inline]
pub(super) fn with_stamp<R>(
    http_server: &HttpServer,
    py: Python<'_>,
    write: impl FnOnce(http::DefaultHeaders<'_>) -> R,
) -> R {
    http_server.shared.with(py, |shared| {
        let date = if http_server.settings.has_date { &shared.date[..] } else { b"" };
        write(http::DefaultHeaders {
            date,
            server: &http_server.settings.server,
            refusal: http_server.settings.refusal.as_bytes(),
        })
    })
}
