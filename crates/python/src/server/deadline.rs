//! Time limits for peers: the server's ticks, and the end of a connection whose time is over.
//!
//! There is no timer per connection: each has the tick up to which its peer may take, and once a tick all are checked.
//! Without connections the loop is not woken, unless memory was refused and requests wait.

use pyo3::prelude::*;

use super::body_rate::BodyRate;
use super::close::Unread;
use super::connection::{Protocol, State};
use super::http_server::HttpServer;
use super::{access, close, date, request};
use crate::ffi::error::was_memory_refused;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The wait of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The application, whose time is not limited.
    None,
    /// The rest of a request's head, or the first head.
    Header,
    /// More of a request's content.
    Body,
    /// More content while the response is being sent, which may be a conversation: no rate is required.
    Exchange,
    /// The peer to read.
    Write,
    /// The peer to close, after it was told that further input is ignored.
    Linger,
    /// The next request.
    KeepAlive,
}

/// The end of a wait.
pub(super) struct Deadline {
    phase: Phase,
    /// The tick that is too late.
    at: u32,
    /// The bytes that waited for the peer to read when the wait began.
    unsent: usize,
    /// The tick that ends all lingering, whatever the peer sends.
    linger_end: u32,
    pub(super) body_rate: BodyRate,
}

impl Deadline {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::None, at: u32::MAX, unsent: 0, linger_end: u32::MAX, body_rate: BodyRate::new() }
    }

    /// Starts a wait, unless it is the current one.
    #[inline]
    pub(super) fn enter(&mut self, phase: Phase, py: Python<'_>, http_server: &HttpServer) {
        if self.phase == phase {
            return;
        }
        self.begin_phase(phase, py, http_server);
    }

    /// Makes the next wait a new one after a head, even for the same phase; the rate of the content is measured
    /// separately.
    #[inline]
    pub(super) const fn end_head(&mut self) {
        self.phase = Phase::None;
        self.at = u32::MAX;
        self.body_rate = BodyRate::new();
    }

    /// Restarts a wait after some progress.
    pub(super) fn renew(&mut self, py: Python<'_>, http_server: &HttpServer) {
        self.begin_phase(self.phase, py, http_server);
    }

    #[inline]
    fn begin_phase(&mut self, phase: Phase, py: Python<'_>, http_server: &HttpServer) {
        let now = || http_server.shared.with(py, |shared| shared.tick);
        if self.phase == Phase::Body || phase == Phase::Body {
            self.body_rate.wait(phase == Phase::Body, now());
        }
        let ticks = match phase {
            Phase::None => None,
            Phase::Header => http_server.settings.header,
            Phase::Body => http_server.settings.body.map(|ticks| match http_server.settings.body_pace {
                Some(bytes_a_tick) => self.body_rate.left(ticks, bytes_a_tick),
                None => ticks,
            }),
            Phase::Exchange | Phase::Write => http_server.settings.body,
            Phase::KeepAlive => http_server.settings.keep_alive,
            Phase::Linger => Some(http_server.settings.linger),
        };
        self.phase = phase;
        // A lingering peer is cut off at the end of its time, unless it is reading bytes that were unsent.
        self.unsent = if phase == Phase::Linger { usize::MAX } else { 0 };
        self.at = ticks.map_or(u32::MAX, |ticks| now().saturating_add(ticks));
    }

    /// Sets how long a peer may linger at most, before that wait starts.
    pub(super) fn limit_linger(&mut self, input: Unread, py: Python<'_>, http_server: &HttpServer) {
        let (now, is_ending) = http_server.shared.with(py, |shared| (shared.tick, shared.is_ending));
        let is_long = input == Unread::Upload && !is_ending;
        let most = if is_long { http_server.settings.linger_at_most } else { http_server.settings.linger };
        self.linger_end = now.saturating_add(most);
    }

    /// Restarts the silence of a lingering peer that has sent something, up to the end of all lingering.
    #[cold]
    pub(super) fn extend_linger(&mut self, py: Python<'_>, http_server: &HttpServer) {
        if self.phase == Phase::Linger {
            self.begin_phase(Phase::Linger, py, http_server);
            self.at = self.at.min(self.linger_end);
        }
    }

    /// Limits a lingering peer to the time of a silent one, because the server ends.
    pub(super) fn shorten_linger(&mut self, py: Python<'_>, http_server: &HttpServer) {
        if self.phase == Phase::Linger {
            let soon =
                http_server.shared.with(py, |shared| shared.tick).saturating_add(http_server.settings.linger);
            self.linger_end = self.linger_end.min(soon);
            self.at = self.at.min(soon);
        }
    }

    const fn is_over(&self, tick: u32) -> bool {
        self.at <= tick && self.at != u32::MAX
    }
}

/// Makes the server tick while there are connections.
pub(super) fn keep_ticking(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    let begins = http_server.get().shared.with(py, |shared| {
        if shared.is_ticking {
            return false;
        }
        shared.date = date::now();
        !std::mem::replace(&mut shared.is_ticking, true)
    });
    if begins { schedule(http_server) } else { Ok(()) }
}

fn schedule(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let server = http_server.get();
    let tick = http_server.getattr(name!("_tick")).map_err(ErrorSet::from);
    let scheduled = tick.and_then(|tick| server.call_later(server.settings.tick_seconds, tick));
    // A tick that could not be scheduled does not come: the next connection schedules it again.
    scheduled.inspect_err(|_| server.shared.with(http_server.py(), |shared| shared.is_ticking = false))
}

/// Runs a tick: peers that are too late are handled.
pub(super) fn tick(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    let (tick, goes_on) = http_server.get().shared.with(py, |shared| {
        shared.tick = shared.tick.saturating_add(1);
        shared.date = date::now();
        shared.is_ticking = shared.open > 0 || (was_memory_refused() && !shared.tasks.is_empty());
        (shared.tick, shared.is_ticking)
    });
    let scheduled = if goes_on { schedule(http_server) } else { Ok(()) };
    let scheduled = scheduled.map_err(|raised| raised.take(py));
    let ended = request::end_forgotten(http_server).map_err(|raised| raised.take(py));
    let checked = check_connections(http_server, tick).map_err(|raised| raised.take(py));
    Ok(scheduled.and(ended).and(checked)?)
}

/// Checks every connection.
fn check_connections(http_server: &Bound<'_, HttpServer>, tick: u32) -> Result<(), ErrorSet> {
    let py = http_server.py();
    let mut late = http_server.get().protocols(py);
    late.retain(|protocol| This::from(protocol).state.with(py, |state| state.deadline.is_over(tick)));
    late.iter().try_for_each(|protocol| expire(protocol.into()))
}

/// Handles a peer whose time is over.
#[cold]
fn expire(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let phase = value.state.with(py, |state| state.deadline.phase);
    match phase {
        Phase::None => Ok(()),
        Phase::KeepAlive => close::close(protocol),
        Phase::Linger => expire_lingering(protocol),
        // A peer that still reads is given the time for that.
        Phase::Write => expire_unread(protocol),
        Phase::Header | Phase::Body | Phase::Exchange => {
            let is_silent = value.state.with(py, |state| phase == Phase::Header && state.owes_nothing());
            if is_silent {
                return close::close(protocol);
            }
            let what =
                if phase == Phase::Header { "the head of a request" } else { "the content of a request" };
            access::log_refusal(protocol, 408, &format!("{what} took too long"))?;
            close::refuse(protocol, 408, |http, stamp, out| http.time_out(stamp, out))
        }
    }
}

/// Handles a lingering peer whose time is over. A silent one may wait for the end of our side, if that has not ended;
/// any other that has read everything is cut off.
fn expire_lingering(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let Some(transport) = value.transport(py) else { return Ok(()) };
    let has_read_all = transport.unsent(py)? == 0;
    let tick = value.http_server.get().shared.with(py, |shared| shared.tick);
    let is_silent =
        value.state.with(py, |state| tick < state.deadline.linger_end && !state.has_ended_writing);
    if has_read_all && is_silent { close::close(protocol) } else { expire_unread(protocol) }
}

/// Cuts off a peer that does not read, but not one that reads slowly.
fn expire_unread(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let Some(transport) = value.transport(py) else { return Ok(()) };
    let unsent = transport.unsent(py)?;
    let http_server = value.http_server.get();
    let is_stuck = value.state.with(py, |state| {
        let before = state.deadline.unsent;
        let has_read_all = state.lingers && unsent == 0;
        state.deadline.renew(py, http_server);
        state.deadline.unsent = unsent;
        has_read_all || unsent >= before
    });
    if is_stuck { close::abort(protocol) } else { Ok(()) }
}

/// Starts the wait for the next step of the peer.
pub(super) fn start_wait(protocol: This<'_, Protocol>) {
    let value = protocol.value();
    let http_server = value.http_server.get();
    let py = protocol.py();
    value.state.with(py, |state| state.settle_deadline(py, http_server));
}

/// Restarts the wait after some progress.
pub(super) fn renew(protocol: This<'_, Protocol>) {
    let value = protocol.value();
    let http_server = value.http_server.get();
    let py = protocol.py();
    value.state.with(py, |state| {
        state.settle_deadline(py, http_server);
        state.deadline.renew(py, http_server);
    });
}

/// Records how much waits for the peer to read, for a comparison at the end of its time.
pub(super) fn note_unsent(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let Some(transport) = value.transport(py) else { return Ok(()) };
    let unsent = transport.unsent(py)?;
    value.state.with(py, |state| state.deadline.unsent = unsent);
    Ok(())
}

impl State {
    /// Returns whether there is no request to answer: none has begun to arrive, or it was answered before it was
    /// complete.
    fn owes_nothing(&self) -> bool {
        self.http.is_draining() || self.http.is_idle() && self.read_buffer.is_empty()
    }
}
