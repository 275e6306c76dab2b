//! How long a peer may take: the server's ticks, and what becomes of a connection whose time is over.
//!
//! There is no timer to a connection: each knows the tick until which its peer may take, and once a tick all are looked
//! at. While nobody is connected the loop is not woken, unless memory was refused and requests wait.

use pyo3::prelude::*;

use super::connection::{Body, protocol_of};
use super::ending::Unread;
use super::hub::HttpServer;
use super::pace::Pace;
use super::{access, date, ending, request};
use crate::ffi::error::was_memory_refused;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::raised::Raised;
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
    pub(super) pace: Pace,
}

impl Deadline {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::None, at: u32::MAX, unsent: 0, linger_end: u32::MAX, pace: Pace::new() }
    }

    /// Begins a wait, unless it is the one that goes on.
    #[inline]
    pub(super) fn enter(&mut self, phase: Phase, py: Python<'_>, hub: &HttpServer) {
        if self.phase == phase {
            return;
        }
        self.begin(phase, py, hub);
    }

    /// A head has come: the next wait is another one, be it for the same, and the content has a pace of its own.
    #[inline]
    pub(super) const fn end_head(&mut self) {
        self.phase = Phase::None;
        self.at = u32::MAX;
        self.pace = Pace::new();
    }

    /// Begins a wait anew: there was some progress.
    pub(super) fn renew(&mut self, py: Python<'_>, hub: &HttpServer) {
        self.begin(self.phase, py, hub);
    }

    #[inline]
    fn begin(&mut self, phase: Phase, py: Python<'_>, hub: &HttpServer) {
        let now = || hub.shared.with(py, |shared| shared.tick);
        if self.phase == Phase::Body || phase == Phase::Body {
            self.pace.wait(phase == Phase::Body, now());
        }
        let ticks = match phase {
            Phase::None => None,
            Phase::Header => hub.settings.header,
            Phase::Body => hub.settings.body.map(|ticks| match hub.settings.body_pace {
                Some(bytes_a_tick) => self.pace.left(ticks, bytes_a_tick),
                None => ticks,
            }),
            Phase::Exchange | Phase::Write => hub.settings.body,
            Phase::KeepAlive => hub.settings.keep_alive,
            Phase::Linger => Some(hub.settings.linger),
        };
        self.phase = phase;
        // Who is only to take leave is cut off at once, unless something is left that he reads.
        self.unsent = if phase == Phase::Linger { usize::MAX } else { 0 };
        self.at = ticks.map_or(u32::MAX, |ticks| now().saturating_add(ticks));
    }

    /// Says how long a peer may linger at most. Before the wait for it begins.
    pub(super) fn limit_linger(&mut self, input: Unread, py: Python<'_>, hub: &HttpServer) {
        let (now, is_ending) = hub.shared.with(py, |shared| (shared.tick, shared.is_ending));
        let is_long = input == Unread::Upload && !is_ending;
        let most = if is_long { hub.settings.linger_at_most } else { hub.settings.linger };
        self.linger_end = now.saturating_add(most);
    }

    /// A lingering peer has sent something: its silence begins anew, up to the end of all lingering.
    #[cold]
    pub(super) fn extend_linger(&mut self, py: Python<'_>, hub: &HttpServer) {
        if self.phase == Phase::Linger {
            self.begin(Phase::Linger, py, hub);
            self.at = self.at.min(self.linger_end);
        }
    }

    /// The server ends: from here on a lingering peer has as long as a silent one.
    pub(super) fn shorten_linger(&mut self, py: Python<'_>, hub: &HttpServer) {
        if self.phase == Phase::Linger {
            let soon = hub.shared.with(py, |shared| shared.tick).saturating_add(hub.settings.linger);
            self.linger_end = self.linger_end.min(soon);
            self.at = self.at.min(soon);
        }
    }

    const fn is_over(&self, tick: u32) -> bool {
        self.at <= tick && self.at != u32::MAX
    }
}

/// Sees to it that the server ticks while somebody is connected.
pub(super) fn keep_ticking(hub: &Bound<'_, HttpServer>) -> Result<(), Raised> {
    let py = hub.py();
    let begins = hub.get().shared.with(py, |shared| {
        if shared.is_ticking {
            return false;
        }
        shared.date = date::now();
        !std::mem::replace(&mut shared.is_ticking, true)
    });
    if begins { schedule(hub) } else { Ok(()) }
}

fn schedule(hub: &Bound<'_, HttpServer>) -> Result<(), Raised> {
    let server = hub.get();
    let tick = hub.getattr(name!("_tick")).map_err(Raised::from);
    let scheduled = tick.and_then(|tick| server.call_later(server.settings.tick_seconds, tick));
    // One that could not be scheduled is no tick that will come: the next connection begins anew.
    scheduled.inspect_err(|_| server.shared.with(hub.py(), |shared| shared.is_ticking = false))
}

/// A tick: who is too late is seen to.
pub(super) fn tick(hub: &Bound<'_, HttpServer>) -> Result<(), Raised> {
    let py = hub.py();
    let (tick, goes_on) = hub.get().shared.with(py, |shared| {
        shared.tick = shared.tick.saturating_add(1);
        shared.date = date::now();
        shared.is_ticking = shared.open > 0 || (was_memory_refused() && !shared.tasks.is_empty());
        (shared.tick, shared.is_ticking)
    });
    let scheduled = if goes_on { schedule(hub) } else { Ok(()) };
    let scheduled = scheduled.map_err(|raised| raised.take(py));
    let ended = request::end_forgotten(hub).map_err(|raised| raised.take(py));
    let looked = look(hub, tick).map_err(|raised| raised.take(py));
    Ok(scheduled.and(ended).and(looked)?)
}

/// Looks at every connection.
fn look(hub: &Bound<'_, HttpServer>, tick: u32) -> Result<(), Raised> {
    let py = hub.py();
    tell_count(hub)?;
    let mut late = hub.get().protocols(py);
    late.retain(|protocol| {
        protocol_of(protocol.as_borrowed()).body.with(py, |body| body.deadline.is_over(tick))
    });
    late.iter().try_for_each(|protocol| expire(protocol.as_borrowed()))
}

/// `hooks.counted(requests)`, for who wants to know.
pub(super) fn tell_count(hub: &Bound<'_, HttpServer>) -> Result<(), Raised> {
    let py = hub.py();
    if hub.get().settings.tells {
        let begun = hub.get().shared.with(py, |shared| shared.begun);
        hub.get()
            .hooks
            .bind(py)
            .call_method1(name!("counted"), (make::integer(py, begun.cast_signed())?,))?;
    }
    Ok(())
}

/// A peer's time is over.
#[cold]
fn expire(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let phase = value.body.with(py, |body| body.deadline.phase);
    match phase {
        Phase::None => Ok(()),
        Phase::KeepAlive => ending::close(protocol),
        Phase::Linger => expire_lingering(protocol),
        // A peer that reads what is left is given the time to.
        Phase::Write => expire_unread(protocol),
        Phase::Header | Phase::Body | Phase::Exchange => {
            let is_silent = value.body.with(py, |body| phase == Phase::Header && body.owes_nothing());
            if is_silent {
                return ending::close(protocol);
            }
            let what =
                if phase == Phase::Header { "the head of a request" } else { "the content of a request" };
            access::log_refusal(protocol, 408, &format!("{what} took too long"))?;
            ending::refuse(protocol, 408, |http, stamp, out| http.time_out(stamp, out))
        }
    }
}

/// A peer that is silent may wait for our side to end, where that has not ended. Any other that has read all is cut off.
fn expire_lingering(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let Some(sink) = value.sink(py) else { return Ok(()) };
    let has_read_all = sink.unsent(py)? == 0;
    let tick = value.hub.get().shared.with(py, |shared| shared.tick);
    let is_silent = value.body.with(py, |body| tick < body.deadline.linger_end && !body.has_ended_writing);
    if has_read_all && is_silent { ending::close(protocol) } else { expire_unread(protocol) }
}

/// A peer that does not read is cut off, one that reads slowly is not.
fn expire_unread(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let Some(sink) = value.sink(py) else { return Ok(()) };
    let unsent = sink.unsent(py)?;
    let hub = value.hub.get();
    let is_stuck = value.body.with(py, |body| {
        let before = body.deadline.unsent;
        let has_read_all = body.lingers && unsent == 0;
        body.deadline.renew(py, hub);
        body.deadline.unsent = unsent;
        has_read_all || unsent >= before
    });
    if is_stuck { ending::abort(protocol) } else { Ok(()) }
}

/// Begins the wait for what comes next.
pub(super) fn settle(protocol: Argument<'_>) {
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let py = protocol.py();
    value.body.with(py, |body| body.settle_deadline(py, hub));
}

/// There was some progress: the wait begins anew.
pub(super) fn renew(protocol: Argument<'_>) {
    let value = protocol_of(protocol);
    let hub = value.hub.get();
    let py = protocol.py();
    value.body.with(py, |body| {
        body.settle_deadline(py, hub);
        body.deadline.renew(py, hub);
    });
}

/// Notes how much waits for the peer to read, to be compared when its time is over.
pub(super) fn note_unsent(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let Some(sink) = value.sink(py) else { return Ok(()) };
    let unsent = sink.unsent(py)?;
    value.body.with(py, |body| body.deadline.unsent = unsent);
    Ok(())
}

impl Body {
    /// Whether there is no request to answer: nothing of one has come, or it was answered before it was complete.
    fn owes_nothing(&self) -> bool {
        self.http.is_draining() || self.http.is_idle() && self.stash.is_empty()
    }
}
