//! How long a peer may take for the next step, in ticks.

use crate::body_rate::BodyRate;
use crate::linger::Draining;
use crate::settings::{Context, Tick};
use crate::time_limit::TimeLimit;

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
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
pub(crate) struct Deadline {
    pub(crate) phase: Phase,
    pub(crate) limit: TimeLimit,
    pub(crate) body_rate: BodyRate,
}

impl Deadline {
    pub(crate) const fn new() -> Self {
        Self { phase: Phase::None, limit: TimeLimit::NONE, body_rate: BodyRate::new() }
    }

    /// Starts a wait, unless it is the current one.
    #[inline]
    pub(crate) fn enter(&mut self, phase: Phase, context: Context<'_>) {
        if self.phase != phase {
            self.begin(phase, context);
        }
    }

    /// Makes the next wait a new one after a head, even for the same phase; the rate of the content is measured
    /// separately.
    #[inline]
    pub(crate) const fn end_head(&mut self) {
        self.phase = Phase::None;
        self.limit.clear();
        self.body_rate = BodyRate::new();
    }

    /// Restarts a wait after some progress.
    pub(crate) fn renew(&mut self, context: Context<'_>) {
        self.begin(self.phase, context);
    }

    /// Restarts a wait for content. That of a peer which does not read goes on, whatever it sends.
    pub(crate) fn renew_for_content(&mut self, context: Context<'_>) {
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
            Phase::Drain => Some(Draining::step(settings.body_time, settings)),
        };
        self.phase = phase;
        let limit = TimeLimit::starting(now, time);
        self.limit = if phase == Phase::Linger { limit.sparing_readers() } else { limit };
    }

    #[inline]
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        self.limit.is_over(now)
    }
}
