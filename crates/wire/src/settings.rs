//! Limits and times, as values: the crate has no defaults.

use std::sync::Arc;

use ::websocket::{DeflateSettings, Limits, Workspace};

use crate::noted::NotedParts;

/// A point in time, in ticks of the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tick(pub u32);

/// A number of ticks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticks(pub u32);

impl Ticks {
    /// More than pass while a process lives.
    pub const FOREVER: Self = Self(u32::MAX);

    /// Returns the length of a tick in seconds. Waits are counted in ticks, and the shortest of these limits takes 16, so
    /// that none is exceeded by more than a part of it. A server with limits of any size wakes up 50 times a second at
    /// most, and once a second at least: a tick also sets the date of responses.
    #[must_use]
    pub fn length(limits: impl IntoIterator<Item = Option<f64>>) -> f64 {
        let shortest = limits.into_iter().flatten().fold(f64::INFINITY, f64::min);
        (shortest / 16.0).clamp(0.02, 1.0)
    }

    /// Returns a number of ticks of this length that never pass before the time does: one has begun already.
    ///
    /// ```
    /// assert_eq!(wire::Ticks::of(10.0, 0.625), wire::Ticks(17));
    /// ```
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and a cast saturates"
    )]
    #[must_use]
    pub fn of(seconds: f64, length: f64) -> Self {
        Self(((seconds / length).ceil() as u32).saturating_add(1))
    }
}

impl Tick {
    /// The tick that never comes.
    pub const NEVER: Self = Self(u32::MAX);

    /// Returns the tick this many later.
    #[inline]
    #[must_use]
    pub const fn after(self, ticks: Ticks) -> Self {
        Self(self.0.saturating_add(ticks.0))
    }

    pub(crate) const fn since(self, before: Self) -> Ticks {
        Ticks(self.0.saturating_sub(before.0))
    }
}

/// What is the same for all connections of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much a peer may send.
    pub limits: Arc<http::Limits>,
    /// The time for a head, from its first byte or from the connection's; `None` for any.
    pub head_time: Option<Ticks>,
    /// The time without progress of a request's content, or of a response that is not read.
    pub body_time: Option<Ticks>,
    /// The bytes of content per tick that a request needs on average beyond that time, until its response begins.
    pub body_bytes_per_tick: Option<f64>,
    /// The time between two requests.
    pub keep_alive_time: Option<Ticks>,
    /// The silence of a peer that is told no more to which its connection is closed (RFC 9112 section 9.6).
    pub linger_time: Ticks,
    /// The time in which the rest of an announced upload is read and dropped.
    pub linger_time_at_most: Ticks,
    /// The bytes of content that wait for an application before reading pauses.
    pub waiting_body_bytes: usize,
    /// The requests of one connection that are started before others get their turn.
    pub requests_per_turn: u8,
    /// The bytes that one response may send before the loop runs a turn. Each message counts some in addition.
    pub response_bytes_per_turn: usize,
    /// The value of the `server` field; empty for none.
    pub server: Vec<u8>,
    /// The text for a client whose request is refused; empty for the status alone.
    pub refusal: Vec<u8>,
    /// Fields of every response.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the end of each request is recorded.
    pub logs_requests: bool,
    /// Whether refused requests are recorded.
    pub logs_refusals: bool,
    /// What records have of the heads; `None` for nothing.
    pub noted: Option<NotedParts>,
    /// What happens to requests for a WebSocket.
    pub upgrades: Upgrades,
    /// The limits and times of WebSockets.
    pub websocket: WebSocketSettings,
    /// Whether HTTP/2 is spoken, and its limits.
    pub http2: Http2Settings,
}

/// Which versions of HTTP may be spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Versions {
    /// HTTP/1.1 and HTTP/1.0 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
    /// What a client begins with, or what TLS has agreed on.
    Auto,
}

/// What HTTP/2 has beyond HTTP/1.1 (RFC 9113). Its times are those of [`Settings`]: `head_time` for the preface and the
/// first request, `body_time` for a stream without progress, `keep_alive_time` for a connection without streams.
#[derive(Clone, Debug)]
pub struct Http2Settings {
    /// Which versions may be spoken, in clear text and by ALPN.
    pub versions: Versions,
    /// The streams of a connection that may be open at a time: `SETTINGS_MAX_CONCURRENT_STREAMS`.
    pub streams: u32,
    /// The largest list of fields, 32 bytes added for each: `SETTINGS_MAX_HEADER_LIST_SIZE`.
    pub head_list_bytes: u32,
    /// The largest frame: `SETTINGS_MAX_FRAME_SIZE`.
    pub frame_bytes: u32,
    /// The content of a stream that a peer may send beyond what was asked for: `SETTINGS_INITIAL_WINDOW_SIZE`.
    pub stream_window: u32,
    /// The same for all streams of a connection.
    pub connection_window: u32,
    /// The table of fields that a peer's heads may refer to: `SETTINGS_HEADER_TABLE_SIZE`.
    pub table_bytes: u32,
    /// The content of one stream that waits in memory to be sent before its sender has to wait.
    pub unsent_bytes: usize,
    /// The streams that a peer may reset before they were answered, in memory and per interval.
    pub resets: usize,
    /// How many frames of other kinds a peer may send.
    pub flood: FloodLimits,
}

/// How many frames that bring nothing a peer may send in an interval. With more it is attacking (RFC 9113 section 10.5).
/// What honest peers send with messages may come more often, in proportion to these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FloodLimits {
    /// The length of an interval.
    pub interval: Ticks,
    /// PING; one more for each HEADERS and DATA of either side.
    pub pings: u32,
    /// SETTINGS, acknowledgements included.
    pub settings: u32,
    /// `RST_STREAM` of the peer, or that it has provoked; one more for each response that is complete.
    pub resets: u32,
    /// PRIORITY and `PRIORITY_UPDATE`; one more for each HEADERS and DATA of either side.
    pub priorities: u32,
    /// `WINDOW_UPDATE`; two more for each HEADERS and DATA of either side.
    pub window_updates: u32,
    /// DATA, HEADERS and CONTINUATION without content that end nothing.
    pub empty_frames: u32,
    /// GOAWAY, and frames of types that nobody knows.
    pub unknown_frames: u32,
    /// CONTINUATION, in one head instead of an interval.
    pub continuations: u32,
}

/// What is the same for all WebSockets of a server.
#[derive(Clone, Debug)]
pub struct WebSocketSettings {
    /// How much a peer may send.
    pub limits: Limits,
    /// The messages that wait for an application before reading pauses.
    pub waiting_messages: usize,
    /// The bytes of messages that wait for an application before reading pauses.
    pub waiting_bytes: usize,
    /// The time between two pings; `None` for no pings.
    pub ping_interval: Option<Ticks>,
    /// The time after a ping in which a peer has to send something; `None` for any.
    pub ping_timeout: Option<Ticks>,
    /// The time for a peer's close frame after the server's.
    pub close_time: Ticks,
    /// permessage-deflate; `None` if it is not accepted.
    pub deflate: Option<DeflateSettings>,
}

/// What happens to a request for another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Upgrades {
    /// It is refused with 501.
    Refused,
    /// It is answered as if it did not ask for that, which is allowed (RFC 9110 section 7.8).
    Ignored,
    /// The connection is [taken over](crate::Action::Upgrade).
    TakenOver,
    /// The connection goes on as a WebSocket.
    WebSocket,
}

/// What a machine has to know at each call.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The settings of the server.
    pub settings: &'a Settings,
    /// The time.
    pub now: Tick,
    /// The value of the `date` field; empty for none.
    pub date: &'a [u8],
    /// Whether the server ends, so that nobody is given much time.
    pub is_ending: bool,
    /// Whether another server goes on at the address after the end of this one.
    pub restarts: bool,
    /// What the WebSockets of a loop share.
    pub workspace: &'a Workspace,
}

impl<'a> Context<'a> {
    /// Returns the fields of every response.
    #[inline]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.settings.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    #[inline]
    pub(crate) fn defaults(&self) -> http::DefaultHeaders<'a> {
        http::DefaultHeaders {
            date: self.date,
            server: &self.settings.server,
            refusal: &self.settings.refusal,
        }
    }
}
