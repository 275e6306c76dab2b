//! Bytes out: what an application sends becomes heads, content and trailers.
//!
//! A head waits for the content behind it, so that both leave in one piece and a response of one message has a length
//! (RFC 9112 section 6.2) instead of chunks; if no content comes in the same turn, it leaves at the turn's end.

use std::mem;

use pyo3::prelude::*;

use super::connection::{Answer, Body, Protocol, Request, Started, protocol_of};
use super::disconnect::DROPPED_AT_ONCE;
use super::encode::Encoded;
use super::ending::Unread;
use super::exchange::{Exchange, Unfit};
use super::hub::HttpServer;
use super::message::{self, Kind};
use super::names::names;
use super::sink::Sink;
use super::{awaitable, ending, file, intake};
use crate::ffi::call::call_method;
use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;
use crate::ffi::record;
use crate::name;

/// What is kept of the room for writing.
const SCRATCH_AT_MOST: usize = 64 * 1024;

/// `send(message)`: the work is done at once, what is given says whether there is room for more.
pub(super) fn send<'py>(
    exchange: Argument<'py>,
    message: Argument<'py>,
) -> Result<Bound<'py, PyAny>, Raised> {
    let py = exchange.py();
    let names = names(py)?;
    let inner = record::value_of::<Exchange>(exchange);
    let (number, protocol) = (inner.number, inner.protocol.bind_borrowed(py));
    let hub = protocol_of(protocol).hub.get();
    let wait = match message::kind_of(message)? {
        Kind::Start => return start(exchange, message),
        Kind::Path => return file::send_path(exchange, message),
        Kind::ZeroCopy => return file::send_file(exchange, message),
        Kind::Body => {
            let content = message::content(message)?;
            let more = message::flag(message, &names.more_body)?;
            put(protocol, (number, !more), |body, out| body.encode(py, hub, number, (content, more), out))?
        }
        Kind::Trailers => {
            let fields = message::fields(message)?;
            let more = message::flag(message, &names.more_trailers)?;
            put(protocol, (number, !more), |body, out| {
                body.encode_trailers(py, hub, number, (fields, more), out)
            })?
        }
        Kind::EarlyHint => {
            let links = message::links(message)?;
            let wait = put(protocol, (number, true), |body, out| body.encode_hint(number, &links, out))?;
            remind(protocol)?;
            wait
        }
    };
    match wait {
        Wait::Nothing => awaitable::done(py),
        Wait::Turn => awaitable::turn(py),
        Wait::Drain => awaitable::drain(exchange),
    }
}

fn start<'py>(exchange: Argument<'py>, message: Argument<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let py = exchange.py();
    let started = Started {
        status: message::status(message)?,
        fields: message::fields(message)?,
        has_trailers: message::flag(message, &names(py)?.trailers)?,
    };
    let inner = record::value_of::<Exchange>(exchange);
    let protocol = inner.protocol.bind_borrowed(py);
    let begun = protocol_of(protocol).body.with(py, |body| {
        let Some(sink) = body.sink.as_ref().map(|sink| sink.clone_ref(py)) else {
            return Err((Unfit::Disconnected, started));
        };
        let Some(request) = body.current(inner.number) else { return Err((Unfit::gone(body), started)) };
        if !matches!(request.answer, Answer::Owed) {
            return Err((Unfit::OutOfOrder("a response begins once"), started));
        }
        request.status = started.status;
        request.answer = Answer::Started(started);
        Ok(sink)
    });
    match begun {
        Ok(sink) => {
            if !sink.tell_at_turn_end(py)? {
                protocol_of(protocol).hub.get().call_soon(protocol.getattr(name!("_turn_ends"))?)?;
            }
            awaitable::done(py)
        }
        Err((unfit, started)) => {
            drop(started);
            let is_dropped = matches!(unfit, Unfit::Disconnected)
                && protocol_of(protocol).body.with(py, |body| body.drops(inner.number, true));
            if is_dropped { awaitable::done(py) } else { Err(unfit.raise()) }
        }
    }
}

/// What was written was not the head that waits: the turn's end is still to be told.
fn remind(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let sink = protocol_of(protocol).body.with(py, |body| {
        let request = body.request.as_ref()?;
        let sink = body.sink.as_ref().filter(|_| matches!(request.answer, Answer::Started(_)))?;
        Some(sink.clone_ref(py))
    });
    // Where it is told by the loop, that is scheduled already.
    sink.map_or(Ok(()), |sink| sink.tell_at_turn_end(py).map(drop))
}

/// What an application waits for before it sends more.
pub(super) enum Wait {
    Nothing,
    /// For the loop to have a turn: others want one, and it may have news of the client.
    Turn,
    /// For the peer to read.
    Drain,
}

/// What one response may send before the loop has a turn: some milliseconds of it. A peer that reads as fast as the
/// application sends, one that is gone, and one who asked by HEAD never make it wait.
const STREAK_AT_MOST: usize = 1024 * 1024;
/// What a message counts beside its bytes.
const MESSAGE_COUNTS: usize = 256;

/// Encodes something by `encode`, writes it, and sees to the end of the response. Said of it: the number of its request,
/// and whether the application may send no more after it.
#[inline]
pub(super) fn put(
    protocol: Argument<'_>,
    (number, is_last): (u32, bool),
    encode: impl FnOnce(&mut Body, &mut Vec<u8>) -> Result<Encoded, Unfit>,
) -> Result<Wait, Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let mut out = hub.shared.with(py, |shared| mem::take(&mut shared.scratch));
    out.clear();
    let encoded = value.body.with(py, |body| {
        // It may be some time until the loop says so: an application that never waits would go on for ever.
        if body.sink.as_ref().is_some_and(|sink| sink.is_lost(py, body.is_closing)) {
            body.is_closing = true;
            return Err(Unfit::Disconnected);
        }
        let encoded = encode(body, &mut out)?;
        let content = encoded.content.as_ref().map_or(0, |content| content.as_ref().len());
        body.streak += MESSAGE_COUNTS + out.len() + content;
        match &body.sink {
            Some(sink) => Ok((encoded, sink.clone_ref(py))),
            None => Err(Unfit::Disconnected),
        }
    });
    let outcome = match encoded {
        Ok((encoded, sink)) => write(protocol, &sink, &out, encoded),
        Err(Unfit::Disconnected) if value.body.with(py, |body| body.drops(number, is_last)) => {
            return Ok(value.body.with(py, Body::wait_after_drop));
        }
        Err(unfit) => Err(unfit.raise()),
    };
    if out.capacity() <= SCRATCH_AT_MOST {
        hub.shared.with(py, |shared| shared.scratch = out);
    }
    outcome?;
    Ok(value.body.with(py, Body::wait))
}

impl Body {
    #[inline]
    fn wait(&mut self) -> Wait {
        if self.writes_paused {
            return Wait::Drain;
        }
        if self.streak < STREAK_AT_MOST || self.request.is_none() {
            return Wait::Nothing;
        }
        self.streak = 0;
        Wait::Turn
    }

    /// As `wait`, after a message that was dropped.
    #[cold]
    fn wait_after_drop(&mut self) -> Wait {
        self.streak += STREAK_AT_MOST / DROPPED_AT_ONCE;
        if self.streak < STREAK_AT_MOST {
            return Wait::Nothing;
        }
        self.streak = 0;
        Wait::Turn
    }
}

#[inline]
fn write(protocol: Argument<'_>, sink: &Sink, out: &[u8], encoded: Encoded) -> Result<(), Raised> {
    let (head, tail) = out.split_at(encoded.split);
    sink.write(protocol.py(), head, encoded.content, tail)?;
    match encoded.complete {
        Some((request, after)) => complete(protocol, protocol_of(protocol), request, after)?,
        None => note_closing(protocol, sink)?,
    }
    match encoded.left_out {
        Some(status) => report_left_out(protocol_of(protocol).hub.get(), protocol.py(), status),
        None => Ok(()),
    }
}

/// Tells that an application's content was not sent. The client has its answer and reads it as it should.
#[cold]
pub(super) fn report_left_out(hub: &HttpServer, py: Python<'_>, status: u16) -> Result<(), Raised> {
    hub.report(
        py,
        &format!("A response with status {status} has no content: what was sent is left out"),
        None,
    )
}

/// Asks a transport that is not a stream of ours whether it has just been lost.
#[inline]
fn note_closing(protocol: Argument<'_>, sink: &Sink) -> Result<(), Raised> {
    let py = protocol.py();
    if !matches!(sink, Sink::Stream(_)) && sink.is_closing(py)? {
        protocol_of(protocol).body.with(py, |body| body.is_closing = true);
    }
    Ok(())
}

/// A response is complete: what becomes of the connection.
#[inline]
fn complete(
    protocol: Argument<'_>,
    value: &Protocol,
    request: Request,
    after: http::After,
) -> Result<(), Raised> {
    let py = protocol.py();
    let was_read = request.has_ended;
    ending::end_request(protocol, request, true)?;
    if after == http::After::Close {
        return if was_read { ending::close(protocol) } else { ending::linger(protocol, Unread::Upload) };
    }
    let hub = value.hub.get();
    let is_pumping = value.body.with(py, |body| {
        if !body.is_pumping {
            body.settle_deadline(py, hub);
        }
        body.is_pumping
    });
    // Who works off the input further up the stack goes on with it.
    if is_pumping {
        return Ok(());
    }
    intake::settle_reading(protocol)?;
    intake::schedule_if_due(protocol)
}

/// The turn ends: a head that waits for content leaves without it.
pub(super) fn turn_ends(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let key = value.body.with(py, |body| {
        let request = body.request.as_ref()?;
        matches!(request.answer, Answer::Started(_)).then_some(request.key)
    });
    // What an application that has ended leaves undone is seen to at once: it may be an error that can be answered.
    if let Some(task) = key.and_then(|key| hub.task(py, key))
        && call_method(task.as_borrowed(), &names(py)?.done, &[])?.is_truthy()?
    {
        return Ok(());
    }
    let mut out = Vec::new();
    let (begun, sink) = value.body.with(py, |body| {
        let begun = body.encode_head(py, hub, http::Length::Unknown, &mut out);
        (begun, body.sink.as_ref().map(|sink| sink.clone_ref(py)))
    });
    match (begun, sink) {
        (Err(misuse), _) => {
            hub.report(py, &format!("A response can't be sent: {misuse}"), None)?;
            answer_last(protocol, 500, "Internal Server Error\n")
        }
        (Ok(()), Some(sink)) if !out.is_empty() => sink.write(py, &out, None, b""),
        _ => Ok(()),
    }
}

/// Answers a request in the place of an application, and the connection ends with it.
pub(super) fn answer_last(protocol: Argument<'_>, status: u16, text: &str) -> Result<(), Raised> {
    let value = protocol_of(protocol);
    value.body.with(protocol.py(), |body| body.http.end_after_response());
    answer(protocol, status, text)
}

/// Answers a request in the place of an application.
#[cold]
pub(super) fn answer(protocol: Argument<'_>, status: u16, text: &str) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let mut out = Vec::new();
    let done = value.body.with(py, |body| {
        let sink = body.sink.as_ref()?.clone_ref(py);
        let mut request = body.request.take()?;
        request.status = status;
        request.sent = text.len() as u64;
        let fields = [(&b"content-type"[..], &b"text/plain; charset=utf-8"[..])];
        let length = http::Length::Known(text.len() as u64);
        let started = with_stamp(hub, py, |stamp| body.http.start(status, fields, length, stamp, &mut out));
        let written = started.and_then(|()| body.http.write(text.as_bytes(), &mut out));
        let after = written.and_then(|()| body.http.finish(&mut out)).unwrap_or(http::After::Close);
        Some((sink, request, after))
    });
    let Some((sink, request, after)) = done else { return Ok(()) };
    sink.write(py, &out, None, b"")?;
    complete(protocol, value, request, after)
}

/// Calls `write` with the date and the server's name.
#[inline]
pub(super) fn with_stamp<R>(hub: &HttpServer, py: Python<'_>, write: impl FnOnce(http::Stamp<'_>) -> R) -> R {
    hub.shared.with(py, |shared| {
        let date = if hub.settings.has_date { &shared.date[..] } else { b"" };
        write(http::Stamp { date, server: &hub.settings.server, refusal: &hub.settings.refusal })
    })
}
