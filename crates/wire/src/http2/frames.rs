//! A watch over the frames of a connection: what h2 does not count is counted here, before h2 gets it.
//!
//! A frame costs its sender a few bytes. Some bring nothing that a server could limit otherwise, so that a client could
//! occupy it with them (RFC 9113 section 10.5):
//!
//! | Frames                                | Counted by | Attack                                              |
//! |---------------------------------------|------------|-----------------------------------------------------|
//! | `PING`                                | the watch  | CVE-2019-9512                                       |
//! | `SETTINGS`                            | the watch  | CVE-2019-9515                                       |
//! | `PRIORITY`, `PRIORITY_UPDATE`         | the watch  | CVE-2019-9513                                       |
//! | `WINDOW_UPDATE`                       | the watch  | CVE-2019-9511                                       |
//! | `RST_STREAM` of the client            | the watch; h2 before the stream was taken  | CVE-2019-9514, CVE-2023-44487 |
//! | `RST_STREAM` that the client provokes | the watch; h2 over a connection's life     | CVE-2025-8671       |
//! | frames without content                | the watch; h2 over a connection's life     | CVE-2019-9518       |
//! | `GOAWAY` and unknown types            | the watch  |                                                     |
//! | `CONTINUATION`                        | both       | CVE-2024-24549, CVE-2024-27316, CVE-2024-28182      |
//! | small `DATA` that waits               | h2         |                                                     |
//! | heads that are large once unpacked    | h2         | CVE-2016-6581                                       |
//!
//! Frames that clients send with messages are allowed in proportion to these. The watch also finds frames of a wrong size,
//! which h2 does not tell from other errors. It knows neither streams nor their states.

use h2::Reason;

use super::walk::{Header, Part, Walk};
use super::window::Window;
use crate::settings::{Http2Settings, Tick};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const PRIORITY_UPDATE: u8 = 16;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The bytes that a client sends before its frames (RFC 9113 section 3.4).
const PREFACE: u32 = 24;
/// A shorter `DATA` that does not end its stream allows no `WINDOW_UPDATE`: otherwise a response could be fetched in bytes.
const FILLED: u32 = 32;
/// The setting whose value must be a window (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
const LARGEST_WINDOW: u32 = u32::MAX >> 1;

/// What a `PRIORITY_UPDATE` has before its value: the stream.
const PRIORITIZED: usize = 4;
/// A longer value is ignored. The parameters that exist take ten bytes (RFC 9218 section 4).
const PRIORITY_AT_MOST: usize = 256;

/// What is counted in an interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counted {
    Pings,
    Settings,
    Resets,
    Priorities,
    WindowUpdates,
    Empty,
    Unknown,
}

/// The frames of one connection, as far as they were seen.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    received: Walk,
    sent: Walk,
    /// When the interval has begun, and what was counted since then, by [`Counted`].
    since: Tick,
    counted: [u32; 7],
    messages: Traffic,
    /// The messages that are not tiny.
    filled: Traffic,
    responses: Traffic,
    /// The `CONTINUATION` frames of the current head.
    continuations: u32,
    /// The payload of the current `PRIORITY_UPDATE` or `SETTINGS`, as far as it has arrived.
    payload: Vec<u8>,
    /// The error code of the current `RST_STREAM` that is sent, as far as it was seen.
    code: u32,
    window: Window,
}

/// Something useful, which allows other frames in this interval and in the next: a peer may answer late.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    now: u32,
    before: u32,
}

impl Traffic {
    const fn add(&mut self) {
        self.now = self.now.saturating_add(1);
    }

    const fn turn(&mut self) {
        (self.before, self.now) = (self.now, 0);
    }

    const fn sum(self) -> u32 {
        self.now.saturating_add(self.before)
    }
}

impl Watch {
    /// Creates a watch over a connection whose client sends its preface first.
    pub(super) const fn new() -> Self {
        const NONE: Traffic = Traffic { now: 0, before: 0 };
        Self {
            received: Walk::after(PREFACE),
            sent: Walk::after(0),
            since: Tick(0),
            counted: [0; 7],
            messages: NONE,
            filled: NONE,
            responses: NONE,
            continuations: 0,
            payload: Vec::new(),
            code: 0,
            window: Window::new(),
        }
    }

    /// Takes bytes that have arrived, before h2 does. `update` gets the stream and the value of each `PRIORITY_UPDATE`
    /// (RFC 9218 section 7.1).
    ///
    /// # Errors
    ///
    /// The reason why the connection is to end: there are too many frames of some kind, one has a wrong size, or a
    /// `PRIORITY_UPDATE` is malformed.
    pub(super) fn receive(
        &mut self,
        mut bytes: &[u8],
        settings: &Http2Settings,
        now: Tick,
        mut update: impl FnMut(u32, &[u8]),
    ) -> Result<(), Reason> {
        self.turn(settings, now);
        while let Some(part) = self.received.next(&mut bytes) {
            if part.begins {
                self.count_received(part.header, settings)?;
            }
            match part.header.kind {
                PRIORITY_UPDATE => self.take_update(part, &mut update)?,
                SETTINGS => self.take_settings(part, settings)?,
                WINDOW_UPDATE if part.header.stream == 0 => self.window.open(part),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes bytes that are sent.
    ///
    /// # Errors
    ///
    /// The reason why the connection is to end: the client has provoked too many resets of its streams.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        settings: &Http2Settings,
        now: Tick,
    ) -> Result<(), Reason> {
        self.turn(settings, now);
        while let Some(part) = self.sent.next(&mut bytes) {
            let header = part.header;
            match header.kind {
                HEADERS | DATA if part.begins => {
                    self.note_message(header);
                    if header.kind == DATA {
                        self.window.use_up(header.length);
                    }
                    if header.flags & END_STREAM != 0 {
                        self.responses.add();
                    }
                }
                RST_STREAM => {
                    let code = part.payload.iter().fold(self.code, |code, byte| code << 8 | u32::from(*byte));
                    self.code = if part.ends { 0 } else { code };
                    if part.ends && is_provoked(Reason::from(code)) {
                        self.count(Counted::Resets, settings)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns how much content the peer takes, of all streams together.
    pub(super) fn window(&self) -> u64 {
        self.window.left()
    }

    /// Begins an interval if the last one is over.
    #[inline]
    fn turn(&mut self, settings: &Http2Settings, now: Tick) {
        if now.since(self.since) >= settings.flood.interval {
            self.since = now;
            self.counted = [0; 7];
            self.messages.turn();
            self.filled.turn();
            self.responses.turn();
        }
    }

    /// Counts a frame that begins.
    #[inline]
    fn count_received(&mut self, header: Header, settings: &Http2Settings) -> Result<(), Reason> {
        let Header { length, kind, flags, .. } = header;
        if !has_valid_size(header) {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let counted = match kind {
            DATA if length > 0 || flags & END_STREAM != 0 => {
                self.note_message(header);
                return Ok(());
            }
            HEADERS if length > 0 => {
                self.continuations = 0;
                self.note_message(header);
                return Ok(());
            }
            HEADERS => {
                self.continuations = 0;
                Counted::Empty
            }
            CONTINUATION => {
                self.continuations = self.continuations.saturating_add(1);
                if self.continuations > settings.flood.continuations {
                    return Err(Reason::ENHANCE_YOUR_CALM);
                }
                if length > 0 || flags & END_HEADERS != 0 {
                    return Ok(());
                }
                Counted::Empty
            }
            DATA => Counted::Empty,
            WINDOW_UPDATE => Counted::WindowUpdates,
            RST_STREAM => Counted::Resets,
            PING => Counted::Pings,
            SETTINGS => Counted::Settings,
            PRIORITY | PRIORITY_UPDATE => Counted::Priorities,
            // It ends the connection (RFC 9113 section 8.4).
            PUSH_PROMISE => return Ok(()),
            _ => Counted::Unknown,
        };
        self.count(counted, settings)
    }

    const fn note_message(&mut self, header: Header) {
        self.messages.add();
        if header.kind == HEADERS || header.length >= FILLED || header.flags & END_STREAM != 0 {
            self.filled.add();
        }
    }

    /// Counts a frame without a message.
    fn count(&mut self, counted: Counted, settings: &Http2Settings) -> Result<(), Reason> {
        let flood = &settings.flood;
        let messages = self.messages.sum();
        let (limit, in_addition) = match counted {
            // gRPC measures the way with one when content has arrived.
            Counted::Pings => (flood.pings, messages),
            Counted::Settings => (flood.settings, 0),
            // A client may also cancel what was answered meanwhile.
            Counted::Resets => (flood.resets, self.responses.sum()),
            Counted::Priorities => (flood.priorities, messages),
            // One for the stream, and one for the connection.
            Counted::WindowUpdates => (flood.window_updates, self.filled.sum().saturating_mul(2)),
            Counted::Empty => (flood.empty_frames, 0),
            Counted::Unknown => (flood.unknown_frames, 0),
        };
        let count = &mut self.counted[counted as usize];
        *count = count.saturating_add(1);
        if *count > limit.saturating_add(in_addition) {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        Ok(())
    }

    /// Takes a part of `SETTINGS`, of which h2 does not tell a window that is too large from other errors (RFC 9113
    /// section 6.5.2). It refuses a frame that is too large.
    #[cold]
    fn take_settings(&mut self, part: Part<'_>, settings: &Http2Settings) -> Result<(), Reason> {
        if part.header.length > settings.frame_bytes {
            return Ok(());
        }
        self.payload.extend_from_slice(part.payload);
        if !part.ends {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.payload);
        let is_too_large = payload.chunks_exact(6).any(|setting| {
            matches!(*setting, [a, b, c, d, e, f]
                if u16::from_be_bytes([a, b]) == INITIAL_WINDOW_SIZE
                    && u32::from_be_bytes([c, d, e, f]) > LARGEST_WINDOW)
        });
        if is_too_large { Err(Reason::FLOW_CONTROL_ERROR) } else { Ok(()) }
    }

    /// Takes a part of a `PRIORITY_UPDATE`.
    #[cold]
    fn take_update(&mut self, part: Part<'_>, update: &mut impl FnMut(u32, &[u8])) -> Result<(), Reason> {
        let Header { length, stream, .. } = part.header;
        if stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let is_too_long = length > PRIORITIZED + PRIORITY_AT_MOST;
        // Of one that is too long, the stream is checked.
        let room = if is_too_long { PRIORITIZED - self.payload.len() } else { part.payload.len() };
        self.payload.extend(part.payload.iter().take(room));
        if !part.ends {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.payload);
        let Some((prioritized, value)) = payload.split_first_chunk::<PRIORITIZED>() else { return Ok(()) };
        // The first bit is reserved. Streams with even numbers are pushed, and none is.
        let prioritized = u32::from_be_bytes(*prioritized) & (u32::MAX >> 1);
        if prioritized % 2 == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if !is_too_long {
            update(prioritized, value);
        }
        Ok(())
    }
}

/// Returns whether a frame is as long as its type demands (RFC 9113 section 6, RFC 9218 section 7.1).
const fn has_valid_size(header: Header) -> bool {
    let Header { length, kind, flags, .. } = header;
    match kind {
        SETTINGS if flags & ACK != 0 => length == 0,
        SETTINGS => length % 6 == 0,
        PING => length == 8,
        RST_STREAM | WINDOW_UPDATE => length == 4,
        PRIORITY => length == 5,
        GOAWAY => length >= 8,
        PRIORITY_UPDATE => length >= 4,
        _ => true,
    }
}

/// Returns whether a stream is reset with this code because of what its client did.
const fn is_provoked(code: Reason) -> bool {
    !matches!(code, Reason::NO_ERROR | Reason::INTERNAL_ERROR | Reason::CANCEL)
}

#[cfg(test)]
mod tests;
