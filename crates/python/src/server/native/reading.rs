//! Reading the content of a request: from its connection, as far as it has arrived.
//!
//! Whoever waits for more is not known here.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use wire::{Received, RequestId, Wire as _};

use super::http_error::{client_disconnected, http_error};
use super::incoming::{Incoming, Next, Obstacle};
use super::request::{Request, Source};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::connection::Protocol;
use crate::server::driver;

/// Begins to gather the whole content. Returns whether it is here already.
pub(super) fn begin(this: This<'_, Request>) -> Result<bool, ErrorSet> {
    let py = this.py();
    let is_here = this.with_incoming(py, Incoming::begin).map_err(|obstacle| raise(this, obstacle))?;
    if is_here {
        return Ok(true);
    }
    // A client that announces too much is refused before it sends it.
    let announced = this.with_head(py, http::Head::framing);
    let announced = announced.inspect_err(|_| pause(this))?;
    if matches!(announced, http::Framing::Length(length) if length > this.routes().max_body as u64) {
        this.with_incoming(py, Incoming::refuse);
        return Err(raise(this, Obstacle::TooMuch));
    }
    Ok(false)
}

/// Notes that a reader has ceased to wait. What has arrived is kept for the next one.
pub(super) fn pause(this: This<'_, Request>) {
    this.with_incoming(this.py(), Incoming::pause);
}

/// Takes all that has arrived. Returns whether that is everything.
pub(super) fn gather(this: This<'_, Request>) -> Result<bool, ErrorSet> {
    let py = this.py();
    let Source::Connection { protocol, id, .. } = &this.value().source else { return Ok(false) };
    while let Some((part, more)) = receive(this, protocol.this(py), *id)? {
        add(this, part, more)?;
        if !more {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes a part of the content that is gathered.
pub(super) fn add(this: This<'_, Request>, part: Bytes, more: bool) -> Result<(), ErrorSet> {
    let py = this.py();
    let at_most = this.routes().max_body;
    let added = this.with_incoming(py, |incoming| {
        let is_taken = incoming.add(part, more, at_most)?;
        if is_taken && !more {
            incoming.complete(py)?;
        }
        Ok::<_, ErrorSet>(is_taken)
    })?;
    if added { Ok(()) } else { Err(raise(this, Obstacle::TooMuch)) }
}

/// What a stream has got.
pub(super) enum Streamed {
    Part(Bytes),
    /// The next part has not arrived.
    Nothing,
    End,
}

/// Begins to wait for the next part of a stream.
pub(super) fn begin_part(this: This<'_, Request>) -> Result<Streamed, ErrorSet> {
    let py = this.py();
    match this.with_incoming(py, Incoming::begin_part).map_err(|obstacle| raise(this, obstacle))? {
        Next::End => Ok(Streamed::End),
        Next::Read => Ok(Streamed::Nothing),
        Next::Kept => this.with_incoming(py, |incoming| incoming.take_kept(py)).map(Streamed::Part),
    }
}

/// Takes the next part of a stream, if it has arrived. Empty parts are left out.
pub(super) fn next_part(this: This<'_, Request>) -> Result<Streamed, ErrorSet> {
    let py = this.py();
    let Source::Connection { protocol, id, .. } = &this.value().source else { return Ok(Streamed::Nothing) };
    loop {
        let Some((part, more)) = receive(this, protocol.this(py), *id)? else { return Ok(Streamed::Nothing) };
        if let Some(streamed) = take_part(this, part, more) {
            return Ok(streamed);
        }
    }
}

/// Takes a part of a stream. Returns what the stream has got, unless it goes on waiting.
pub(super) fn take_part(this: This<'_, Request>, part: Bytes, more: bool) -> Option<Streamed> {
    let is_empty = part.as_ref().is_empty();
    if is_empty && more {
        return None;
    }
    this.with_incoming(this.py(), |incoming| incoming.end_part(more));
    Some(if is_empty { Streamed::End } else { Streamed::Part(part) })
}

/// Takes what has arrived from a connection, and whether more follows.
fn receive<'py>(
    this: This<'py, Request>,
    protocol: This<'py, Protocol>,
    id: RequestId,
) -> Result<Option<(Bytes, bool)>, ErrorSet> {
    let py = this.py();
    match driver::receive(protocol, id)? {
        Received::Content { more } => {
            let part = protocol.state.with(py, |state| state.exchange.take_content(py, id))?;
            Ok(Some((part, more)))
        }
        Received::Nothing | Received::Message => Ok(None),
        Received::Disconnect { is_cut: false } => {
            let text = "the request is over: its content was not read before its response";
            Err(new_error::<PyRuntimeError>(text).into())
        }
        Received::Disconnect { is_cut: true } | Received::Closed { .. } => Err(lose(this)),
    }
}

/// Returns whether the client has left, or its request is over. Another server says so by an event.
pub(super) fn is_disconnected(this: This<'_, Request>) -> bool {
    let py = this.py();
    match &this.value().source {
        Source::Connection { protocol, id, .. } => protocol.this(py).state.with(py, |state| {
            state.wire.latest() != *id || state.wire.has_lost_client() || !state.wire.is_answering()
        }),
        Source::Scope(_) => this.with_incoming(py, |incoming| incoming.is_lost()),
    }
}

/// Notes that the client has left, and raises that.
pub(super) fn lose(this: This<'_, Request>) -> ErrorSet {
    this.with_incoming(this.py(), Incoming::lose);
    raise(this, Obstacle::Lost)
}

/// Takes an event of another server's that no reader waits for.
pub(super) fn keep(this: This<'_, Request>, event: Borrowed<'_>) -> Result<(), ErrorSet> {
    let is_unread = this.with_incoming(this.py(), |incoming| incoming.is_unread());
    match read_event(this, event) {
        Ok((part, more)) if is_unread => add(this, part, more),
        Ok(_) => Ok(()),
        Err(raised) => {
            let error = raised.take(this.py());
            // The reader that comes learns of it.
            if is_disconnected(this) { Ok(()) } else { Err(error.into()) }
        }
    }
}

/// Returns the whole content for code that can't wait.
pub(super) fn whole(this: This<'_, Request>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    if !begin(this)? {
        let gathered = take_arrived(this);
        pause(this);
        if !gathered? {
            let text = "the content has not arrived: await body()";
            return Err(new_error::<PyRuntimeError>(text).into());
        }
    }
    this.with_incoming(py, |incoming| incoming.whole(py))
}

/// Takes all of the content, if it has arrived.
fn take_arrived(this: This<'_, Request>) -> Result<bool, ErrorSet> {
    let py = this.py();
    // A request without content needs nothing of its connection, which another thread must not use.
    if this.with_head(py, http::Head::framing)? == http::Framing::Length(0) && tells_framing(this)? {
        return this.with_incoming(py, |incoming| incoming.complete(py)).map(|()| true);
    }
    gather(this)
}

/// Returns whether fields tell that there is no content. In HTTP/2 and later, the end of the content tells that.
fn tells_framing(this: This<'_, Request>) -> Result<bool, ErrorSet> {
    let Source::Scope(scope) = &this.value().source else { return Ok(true) };
    let version =
        scope.scope.bind(this.py()).call_method1(name!("get"), (name!("http_version"), name!("1.1")))?;
    Ok(version.extract::<String>()?.starts_with('1'))
}

/// Raises why content can't be read.
#[cold]
pub(super) fn raise(this: This<'_, Request>, obstacle: Obstacle) -> ErrorSet {
    let misused = |text: &'static str| new_error::<PyRuntimeError>(text).into();
    match obstacle {
        Obstacle::Busy => misused("the content is being read: one reader at a time"),
        Obstacle::StreamBegun => misused("stream() has begun to read the content: call body() before"),
        Obstacle::Streamed => misused("the content was read by stream(), which does not keep it"),
        Obstacle::Lost => client_disconnected(this.py()),
        Obstacle::TooMuch => {
            let detail = format!("the content is longer than {} bytes", this.routes().max_body);
            http_error(this.py(), 413, &detail)
        }
    }
}

/// Reads the content of another ASGI server's event. Returns a part, and whether more follows.
pub(super) fn read_event(this: This<'_, Request>, event: Borrowed<'_>) -> Result<(Bytes, bool), ErrorSet> {
    let kind = event.get_item(name!("type"))?;
    match kind.extract::<String>()?.as_str() {
        "http.request" => {}
        "http.disconnect" => return Err(lose(this)),
        other => {
            let text = format!("receive() returned {other:?} where a request has content");
            return Err(new_error::<PyRuntimeError>(text).into());
        }
    }
    let [body, more] =
        [name!("body"), name!("more_body")].map(|key| event.call_method1(name!("get"), (key,)));
    let body = body?;
    let more = more?.is_truthy()?;
    if body.is_none() {
        return Ok((crate::ffi::bytes::kept(this.py(), b"")?, more));
    }
    match Bytes::of_borrowed(&body.as_borrowed()) {
        Some(part) => Ok((part, more)),
        None => {
            let part: Vec<u8> =
                body.extract().map_err(|_| new_error::<PyTypeError>("body: expected bytes"))?;
            Ok((crate::ffi::bytes::kept(this.py(), &part)?, more))
        }
    }
}
