//! What becomes of the records of requests: counts, and lines of the access log.
//!
//! Lines are gathered, and passed to the hooks together: in the next turn if that was not done just before, else a moment
//! later. A busy server so calls Python some times a second, however many requests it has.

use std::mem;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use wire::access::Facts;
use wire::{LogEnd, LogRecord, RequestId, Wire as _};

use super::connection::{Protocol, State};
use super::log_client::{self, Client};
use super::log_clock::LogClock;
use super::log_lines::{BLOCK, Due, Lines};
use super::shared::{HttpServer, Shared};
use crate::ffi::changed;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// Takes the records of a connection: counts them, and writes their lines.
// Not inlined, so that a server without a log has none of it on its path.
#[inline(never)]
pub(super) fn take(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let now = Instant::now();
    match take_at_once(protocol, now) {
        Some(true) => Ok(()),
        Some(false) => schedule(protocol, now),
        None => take_slowly(protocol, now),
    }
}

/// Does that within one borrow, and returns whether the lines are passed on soon enough; `None` if something is needed
/// that only Python knows, which is rare.
#[inline]
fn take_at_once(protocol: This<'_, Protocol>, now: Instant) -> Option<bool> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let settings = &http_server.settings;
    if !settings.logs_access || settings.logs_scopes || settings.reports_to_hooks {
        return None;
    }
    http_server.shared.with(py, |shared| {
        if shared.lines.clock.is_over(now) {
            return None;
        }
        value.state.with(py, |state| {
            state.peer.as_ref()?;
            let mut records = mem::take(state.wire.log());
            for record in &records {
                if settings.measures {
                    let taken = taken(record, state.exchange.began, now);
                    shared.measures.add(record, taken, &settings.duration_bounds);
                }
                let Lines { text, clock, .. } = &mut shared.lines;
                write(http_server, state, clock, record, now, text);
            }
            records.clear();
            *state.wire.log() = records;
            Some(is_soon_enough(shared))
        })
    })
}

/// Does that if Python is called: for a connection's first line, for a new second, for what a proxy says.
fn take_slowly(protocol: This<'_, Protocol>, now: Instant) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let settings = &http_server.settings;
    let records = value.state.with(py, |state| state.wire.take_log());
    if settings.measures {
        let began = value.state.with(py, |state| state.exchange.began);
        http_server.shared.with(py, |shared| {
            for record in &records {
                shared.measures.add(record, taken(record, began, now), &settings.duration_bounds);
            }
        });
    }
    match (settings.reports_to_hooks, settings.logs_access) {
        (true, _) => tell_hooks(protocol, &records, now),
        (false, true) => {
            find_client(protocol)?;
            set_clock(http_server, py, now)?;
            for record in &records {
                if settings.logs_scopes {
                    find_claimed(protocol, record.request);
                }
                add(protocol, record, now);
            }
            schedule(protocol, now)
        }
        (false, false) => Ok(()),
    }
}

/// Passes all lines on.
pub(super) fn pass_on(http_server: &HttpServer, py: Python<'_>) -> Result<(), ErrorSet> {
    let text = http_server.shared.with(py, |shared| {
        let lines = &mut shared.lines;
        (lines.due, lines.passed) = (Due::Never, Some(Instant::now()));
        mem::take(&mut lines.text)
    });
    if text.is_empty() {
        return Ok(());
    }
    let made = if text.is_ascii() { changed::ascii(py, &text, |_| ())? } else { make::decoded(py, &text)? };
    keep(http_server, py, text);
    Ok(http_server.hooks.bind(py).call_method1(name!("access"), (made,)).map(drop)?)
}

/// Keeps the memory of lines for the next ones.
fn keep(http_server: &HttpServer, py: Python<'_>, mut text: Vec<u8>) {
    if text.capacity() <= 2 * BLOCK {
        text.clear();
        http_server.shared.with(py, |shared| shared.lines.text = text);
    }
}

/// uvicorn writes lines of its own: it gets the usual ones, with what was sent, and those of refused requests apart.
fn tell_hooks(protocol: This<'_, Protocol>, records: &[LogRecord], now: Instant) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let http_server = protocol.value().http_server.get();
    find_client(protocol)?;
    let websocket = protocol.state.with(py, |state| state.exchange.websocket);
    for record in records {
        // uvicorn warns of refused requests, with and without an access log.
        if matches!(record.end, LogEnd::Refused(_)) {
            let mut line = Vec::new();
            http_server.shared.with(py, |shared| {
                protocol
                    .state
                    .with(py, |state| write(http_server, state, &shared.lines.clock, record, now, &mut line));
            });
            http_server
                .hooks
                .bind(py)
                .call_method1(name!("refused"), (make::decoded(py, line.trim_ascii_end())?,))?;
        } else if websocket.is_none() || record.request != websocket {
            // It does not take WebSockets for accesses: it is told of their handshakes.
            add(protocol, record, now);
        }
    }
    schedule(protocol, now)
}

/// Returns the time that a request took; none for what was no request.
fn taken(record: &LogRecord, began: Option<(RequestId, Instant)>, now: Instant) -> Duration {
    let began = began.filter(|(request, _)| record.request == Some(*request));
    began.map_or(Duration::ZERO, |(_, began)| now.saturating_duration_since(began))
}

/// Looks up the peer, at a connection's first line.
fn find_client(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    if protocol.state.with(py, |state| state.peer.is_none()) {
        let peer = peer(protocol)?;
        protocol.state.with(py, |state| state.peer = Some(Box::new(peer)));
    }
    Ok(())
}

/// Returns the peer of a connection.
fn peer(protocol: This<'_, Protocol>) -> Result<Client, ErrorSet> {
    let py = protocol.py();
    let known =
        protocol.state.with(py, |state| state.addresses.as_ref().map(|[client, _]| client.clone_ref(py)));
    Ok(match (known, protocol.transport(py)) {
        (Some(client), _) => log_client::of(Some(&client.into_bound(py)), None),
        (None, Some(transport)) => log_client::of(Some(&transport.fact(py, name!("peername"))?), None),
        (None, None) => log_client::of(None, None),
    })
}

/// Looks up the client that a proxy names, if the request has a scope in which it does.
fn find_claimed(protocol: This<'_, Protocol>, request: Option<RequestId>) {
    let py = protocol.py();
    let scope =
        protocol.state.with(py, |state| state.exchange.scope.take_if(|(known, _)| request == Some(*known)));
    let Some((known, scope)) = scope else { return };
    if let Ok(scope) = scope.bind(py).cast::<PyDict>() {
        let client = log_client::of_scope(scope);
        protocol.state.with(py, |state| state.exchange.claimed = Some((known, Box::new(client))));
    }
}

fn set_clock(http_server: &HttpServer, py: Python<'_>, now: Instant) -> Result<(), ErrorSet> {
    if http_server.shared.with(py, |shared| shared.lines.clock.is_over(now)) {
        let clock = LogClock::read(py, now)?;
        http_server.shared.with(py, |shared| shared.lines.clock = clock);
    }
    Ok(())
}

/// Adds the line of a record.
fn add(protocol: This<'_, Protocol>, record: &LogRecord, now: Instant) {
    let py = protocol.py();
    let http_server = protocol.value().http_server.get();
    http_server.shared.with(py, |shared| {
        let Lines { text, clock, .. } = &mut shared.lines;
        protocol.state.with(py, |state| write(http_server, state, clock, record, now, text));
    });
}

/// Appends the line of a record.
fn write(
    http_server: &HttpServer,
    state: &State,
    clock: &LogClock,
    record: &LogRecord,
    now: Instant,
    out: &mut Vec<u8>,
) {
    let settings = &http_server.settings;
    let claimed = state.exchange.claimed.as_ref();
    let claimed =
        claimed.filter(|(request, _)| record.request == Some(*request)).map(|(_, client)| &**client);
    let client = claimed.or(state.peer.as_deref());
    let is_websocket = state.exchange.websocket.is_some() && record.request == state.exchange.websocket;
    let is_secure = state.transport.as_ref().is_some_and(|transport| transport.is_secure());
    let scheme = match (is_websocket, is_secure) {
        (true, true) => "wss",
        (true, false) => "ws",
        (false, true) => "https",
        (false, false) => "http",
    };
    let facts = Facts {
        host: client.map_or("", |client| &client.host),
        client: client.map_or("-", |client| &client.shown),
        scheme: client.and_then(|client: &Client| client.scheme.as_deref()).unwrap_or(scheme),
        stamp: &clock.stamp,
        milliseconds: clock.milliseconds(now),
        taken: taken(record, state.exchange.began, now),
        // uvicorn knows only what was sent.
        status: if settings.reports_to_hooks { record.status } else { record.outcome() },
    };
    settings.access_format.write(record, &facts, out);
}

/// Has the lines passed on, unless that is to happen soon enough.
fn schedule(protocol: This<'_, Protocol>, now: Instant) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let http_server = protocol.value().http_server.bind(py);
    let server = http_server.get();
    let found = server.shared.with(py, |shared| {
        if is_soon_enough(shared) {
            return None;
        }
        let wait = wait(shared, server, now);
        shared.lines.due = if wait.is_zero() { Due::NextTurn } else { Due::Later };
        Some((shared.lines.due, wait))
    });
    let Some((due, wait)) = found else { return Ok(()) };
    let callback = http_server.getattr(name!("_write_log"))?;
    match due {
        Due::NextTurn => server.call_soon(callback),
        Due::Later => server.call_after(wait.as_secs_f64(), callback),
        Due::Never => Ok(()),
    }
}

/// Returns whether nothing has to be done for the lines that wait to be passed on.
#[inline]
fn is_soon_enough(shared: &Shared) -> bool {
    match shared.lines.due {
        Due::Never => shared.lines.text.is_empty(),
        Due::NextTurn => true,
        Due::Later => shared.lines.text.len() < BLOCK && !shared.is_ending,
    }
}

/// Returns how long lines wait for others.
fn wait(shared: &Shared, server: &HttpServer, now: Instant) -> Duration {
    let waits = !server.settings.reports_to_hooks && !shared.is_ending && shared.lines.text.len() < BLOCK;
    let since = shared.lines.passed.filter(|_| waits).map(|passed| now.saturating_duration_since(passed));
    since.map_or(Duration::ZERO, |since| server.settings.gather.saturating_sub(since))
}
