//! How long a peer may take for the next step, in ticks.
//!
//! Nothing is timed here: a deadline is the tick that is too late, and somebody else counts.

use super::body_rate::BodyRate;
use crate::settings::{Context, Tick};

/// What a connection waits for.
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
    /// The peer to read the rest, and to end the connection where a transport waits for that (TLS).
    Drain,
    /// The next request.
    KeepAlive,
}

/// The end of a wait.
pub(super) struct Deadline {
    pub(super) phase: Phase,
    /// The tick that is too late.
    at: Tick,
    /// The bytes that waited for the peer to read when the wait began.
    pub(super) unsent: usize,
    pub(super) body_rate: BodyRate,
}

impl Deadline {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::None, at: Tick::NEVER, unsent: 0, body_rate: BodyRate::new() }
    }

    /// Starts a wait, unless it is the current one.
    #[inline]
    pub(super) fn enter(&mut self, phase: Phase, context: Context<'_>) {
        if self.phase != phase {
            self.begin(phase, context);
        }
    }

    /// Makes the next wait a new one after a head, even for the same phase; the rate of the content is measured
    /// separately.
    #[inline]
    pub(super) const fn end_head(&mut self) {
        self.phase = Phase::None;
        self.at = Tick::NEVER;
        self.body_rate = BodyRate::new();
    }

    /// Restarts a wait after some progress.
    pub(super) fn renew(&mut self, context: Context<'_>) {
        self.begin(self.phase, context);
    }

    /// Restarts a wait for content. That of a peer which does not read goes on, whatever it sends.
    pub(super) fn renew_for_content(&mut self, context: Context<'_>) {
        if matches!(self.phase, Phase::Body | Phase::Exchange) {
            self.renew(context);
        }
    }

    #[inline]
    fn begin(&mut self, phase: Phase, context: Context<'_>) {
        let (settings, now) = (context.settings, context.now);
        if self.phase == Phase::Body || phase == Phase::Body {
            self.body_rate.wait(phase == Phase::Body, now);
        }
        let time = match phase {
            Phase::None => None,
            Phase::Header => settings.head_time,
            Phase::Body => settings.body_time.map(|time| match settings.body_bytes_per_tick {
                Some(bytes_per_tick) => self.body_rate.left(time, bytes_per_tick),
                None => time,
            }),
            Phase::Exchange | Phase::Write => settings.body_time,
            Phase::KeepAlive => settings.keep_alive_time,
            Phase::Linger => Some(settings.linger_time),
            // The time of a peer that has read everything. One that does not read has `body_time`, which is counted in
            // steps of this length.
            Phase::Drain => {
                Some(settings.body_time.map_or(settings.linger_time, |time| time.min(settings.linger_time)))
            }
        };
        self.phase = phase;
        // A lingering peer is cut off at the end of its time, unless it is reading bytes that were unsent.
        self.unsent = if phase == Phase::Linger { usize::MAX } else { 0 };
        self.at = time.map_or(Tick::NEVER, |time| now.after(time));
    }

    /// Moves the end of a wait forward to a tick.
    pub(super) fn limit(&mut self, at: Tick) {
        self.at = self.at.min(at);
    }

    #[inline]
    pub(super) fn is_over(&self, now: Tick) -> bool {
        self.at <= now && self.at != Tick::NEVER
    }
}
