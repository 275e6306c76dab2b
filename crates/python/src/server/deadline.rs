//! How long a peer may take: the server's ticks, and what becomes of a connection whose time is over.
//!
//! There is no timer to a connection: each knows the tick until which its peer may take, and once a tick all are looked
//! at. While nobody is connected the loop is not woken, unless memory was refused and requests wait.

use pyo3::prelude::*;

use super::body_rate::BodyRate;
use super::close::Unread;
use super::connection::{Protocol, State};
use super::http_server::HttpServer;
use super::{access, close, date, request};
use crate::ffi::error::was_memory_refused;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// For the application, which may take as long as it likes.
    None,
    /// For the rest of a request's head, or for the first one.
    Header,
    /// For more of a request's content.
    Body,
    /// For more of it while the response is being sent, which may be a conversation: no pace is asked for.
    Exchange,
    /// For the peer to read.
    Write,
    /// For the peer to close, after it was told that nothing more it says counts.
    Linger,
    /// For the next request.
    KeepAlive,
}

/// Until when.
pub(super) struct Deadline {
    phase: Phase,
    /// The tick that is too late.
    at: u32,
    /// What waited for the peer to read when the wait began.
    unsent: usize,
    /// The tick that no lingering outlives, whatever the peer sends.
    linger_end: u32,
    pub(super) body_rate: BodyRate,
}

impl Deadline {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::None, at: u32::MAX, unsent: 0, linger_end: u32::MAX, body_rate: BodyRate::new() }
    }

    /// Begins a wait, unless it is the one that goes on.
    #[inline]
    pub(super) fn enter(&mut self, phase: Phase, py: Python<'_>, http_server: &HttpServer) {
        if self.phase == phase {
            return;
        }
        self.begin(phase, py, http_server);
    }

    /// A head has come: the next wait is another one, be it for the same, and the content has a pace of its own.
    #[inline]
    pub(super) const fn end_head(&mut self) {
        self.phase = Phase::None;
        self.at = u32::MAX;
        self.body_rate = BodyRate::new();
    }

    /// Begins a wait anew: there was some progress.
    pub(super) fn renew(&mut self, py: Python<'_>, http_server: &HttpServer) {
        self.begin(self.phase, py, http_server);
    }

    #[inline]
    fn begin(&mut self, phase: Phase, py: Python<'_>, http_server: &HttpServer) {
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
        // Who is only to take leave is cut off at once, unless something is left that he reads.
        self.unsent = if phase == Phase::Linger { usize::MAX } else { 0 };
        self.at = ticks.map_or(u32::MAX, |ticks| now().saturating_add(ticks));
    }

    /// Says how long a peer may linger at most. Before the wait for it begins.
    pub(super) fn limit_linger(&mut self, input: Unread, py: Python<'_>, http_server: &HttpServer) {
        let (now, is_ending) = http_server.shared.with(py, |shared| (shared.tick, shared.is_ending));
        let is_long = input == Unread::Upload && !is_ending;
        let most = if is_long { http_server.settings.linger_at_most } else { http_server.settings.linger };
        self.linger_end = now.saturating_add(most);
    }

    /// A lingering peer has sent something: its silence begins anew, up to the end of all lingering.
    #[cold]
    pub(super) fn extend_linger(&mut self, py: Python<'_>, http_server: &HttpServer) {
        if self.phase == Phase::Linger {
            self.begin(Phase::Linger, py, http_server);
            self.at = self.at.min(self.linger_end);
        }
    }

    /// The server ends: from here on a lingering peer has as long as a silent one.
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

/// Sees to it that the server ticks while somebody is connected.
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
    // One that could not be scheduled is no tick that will come: the next connection begins anew.
    scheduled.inspect_err(|_| server.shared.with(http_server.py(), |shared| shared.is_ticking = false))
}

/// A tick: who is too late is seen to.
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
    let looked = look(http_server, tick).map_err(|raised| raised.take(py));
    Ok(scheduled.and(ended).and(looked)?)
}

/// Looks at every connection.
fn look(http_server: &Bound<'_, HttpServer>, tick: u32) -> Result<(), ErrorSet> {
    let py = http_server.py();
    tell_count(http_server)?;
    let mut late = http_server.get().protocols(py);
    late.retain(|protocol| This::from(protocol).state.with(py, |state| state.deadline.is_over(tick)));
    late.iter().try_for_each(|protocol| expire(protocol.into()))
}

/// `hooks.counted(requests)`, for who wants to know.
pub(super) fn tell_count(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    if http_server.get().settings.reports_to_hooks {
        let begun = http_server.get().shared.with(py, |shared| shared.begun);
        http_server
            .get()
            .hooks
            .bind(py)
            .call_method1(name!("counted"), (make::integer(py, begun.cast_signed())?,))?;
    }
    Ok(())
}

/// A peer's time is over.
#[cold]
fn expire(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let phase = value.state.with(py, |state| state.deadline.phase);
    match phase {
        Phase::None => Ok(()),
        Phase::KeepAlive => close::close(protocol),
        Phase::Linger => expire_lingering(protocol),
        // A peer that reads what is left is given the time to.
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

/// A peer that is silent may wait for our side to end, where that has not ended. Any other that has read all is cut off.
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

/// A peer that does not read is cut off, one that reads slowly is not.
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

/// Begins the wait for what comes next.
pub(super) fn settle(protocol: This<'_, Protocol>) {
    let value = protocol.value();
    let http_server = value.http_server.get();
    let py = protocol.py();
    value.state.with(py, |state| state.settle_deadline(py, http_server));
}

/// There was some progress: the wait begins anew.
pub(super) fn renew(protocol: This<'_, Protocol>) {
    let value = protocol.value();
    let http_server = value.http_server.get();
    let py = protocol.py();
    value.state.with(py, |state| {
        state.settle_deadline(py, http_server);
        state.deadline.renew(py, http_server);
    });
}

/// Notes how much waits for the peer to read, to be compared when its time is over.
pub(super) fn note_unsent(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let Some(transport) = value.transport(py) else { return Ok(()) };
    let unsent = transport.unsent(py)?;
    value.state.with(py, |state| state.deadline.unsent = unsent);
    Ok(())
}

impl State {
    /// Whether there is no request to answer: nothing of one has come, or it was answered before it was complete.
    fn owes_nothing(&self) -> bool {
        self.http.is_draining() || self.http.is_idle() && self.read_buffer.is_empty()
    }
}
