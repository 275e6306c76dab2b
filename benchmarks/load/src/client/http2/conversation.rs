//! One connection of HTTP/2: its received frames, its settings and the window that it gives the server.
//!
//! `streams.rs` has the requests under way, `fields.rs` the fields of a head. Sockets are not known here.

use std::rc::Rc;
use std::time::Instant;

use super::fields::{self, Blocks};
use super::streams::Streams;
use crate::client::request::Request;
use crate::client::requests::Conversation;
use crate::failure::Failure;
use crate::frames::{
    ACK, DATA, ENABLE_PUSH, END_STREAM, FIRST_WINDOW, Frames, GOAWAY, HEADER_TABLE_SIZE, HEADERS, Head,
    INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, number_in, push_ack, push_number, push_settings, settings_in,
};

/// The window of every stream and of the connection, as h2load has it: no server waits for the client.
const WINDOW: u32 = (1 << 30) - 1;
/// The connection's window is renewed when this much is used.
const RENEWED_AT: u32 = WINDOW / 2;
/// The server's table before it says otherwise (RFC 9113, section 6.5.2).
const TABLE_BYTES: u32 = 4096;

/// What does not change between connections.
pub(super) struct Plan<'a> {
    pub(super) request: Request<'a>,
    pub(super) is_secure: bool,
    /// The requests under way on a connection.
    pub(super) streams: usize,
}

/// A connection whose server has sent its settings.
pub(crate) struct Http2 {
    blocks: Blocks,
    has_begun: bool,
    depth: usize,
    state: State,
    frames: Frames,
}

struct State {
    streams: Streams,
    /// Bytes of content since the connection's window was renewed.
    used: u32,
    settings: Option<Settings>,
}

/// What the server has announced, as far as a client has to know it.
#[derive(Clone, Copy)]
struct Settings {
    table_bytes: u32,
    streams: u32,
}

impl Http2 {
    /// Returns a connection that has sent nothing yet.
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let content = Rc::from(plan.request.body.content());
        let streams = Streams::new(content, plan.streams);
        Self {
            blocks: Blocks::of(&plan.request, plan.is_secure, true),
            has_begun: false,
            depth: plan.streams,
            state: State { streams, used: 0, settings: None },
            frames: Frames::default(),
        }
    }

    /// Returns the first bytes of the client.
    pub(super) fn greeting() -> Vec<u8> {
        let mut out = PREFACE.to_vec();
        push_settings(&mut out, &[(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, WINDOW)]);
        push_number(&mut out, WINDOW_UPDATE, 0, WINDOW - FIRST_WINDOW);
        out
    }

    /// Uses the server's settings, which have arrived; returns false if they have not.
    pub(super) fn accept_settings(&mut self, plan: &Plan<'_>) -> Result<bool, Failure> {
        let Some(settings) = self.state.settings else { return Ok(false) };
        if (settings.streams as usize) < plan.streams {
            return Err(Failure::Lacking(format!("the server allows {} streams", settings.streams)));
        }
        if settings.table_bytes < TABLE_BYTES {
            self.blocks = Blocks::of(&plan.request, plan.is_secure, false);
        }
        Ok(true)
    }
}

impl Conversation for Http2 {
    #[inline]
    fn under_way(&self) -> usize {
        self.state.streams.len()
    }

    #[inline]
    fn is_free(&self) -> bool {
        self.state.streams.len() < self.depth
    }

    #[inline]
    fn begin(&mut self, begun: Instant, unsent: &mut Vec<u8>) -> Result<(), Failure> {
        let block = if self.has_begun { &self.blocks.later } else { &self.blocks.first };
        self.has_begun = true;
        self.state.streams.begin(begun, block, unsent)
    }

    #[inline]
    fn take(&mut self, data: &[u8], unsent: &mut Vec<u8>, ended: &mut Vec<Instant>) -> Result<(), Failure> {
        let state = &mut self.state;
        self.frames.take(data, |head, payload| state.take(head, payload, unsent, ended))
    }

    fn clear(&mut self) {
        self.state.streams.clear();
    }
}

impl State {
    #[inline]
    fn take(
        &mut self,
        head: Head,
        payload: &[u8],
        out: &mut Vec<u8>,
        ended: &mut Vec<Instant>,
    ) -> Result<(), Failure> {
        match head.kind {
            DATA => self.count(head.length, out),
            HEADERS => self.streams.answer(head.stream, || fields::status(block_in(head, payload)?))?,
            _ => return self.take_other(head, payload, out),
        }
        if head.has(END_STREAM) {
            ended.push(self.streams.end(head.stream, out)?);
        }
        Ok(())
    }

    /// Counts content, padding included, against the connection's window.
    #[inline]
    fn count(&mut self, length: usize, out: &mut Vec<u8>) {
        self.used += u32::try_from(length).unwrap_or_default();
        if self.used >= RENEWED_AT {
            push_number(out, WINDOW_UPDATE, 0, self.used);
            self.used = 0;
        }
    }

    fn take_other(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        match head.kind {
            SETTINGS if !head.has(ACK) => self.take_settings(payload, out),
            PING if !head.has(ACK) => push_ack(out, PING, payload),
            WINDOW_UPDATE => self.streams.widen(head.stream, number_in(payload), out),
            // A server that has answered may not want the rest of a request (RFC 9113, section 8.1).
            RST_STREAM if self.streams.has(head.stream) => {
                let code = number_in(payload);
                return Err(Failure::Peer(format!("the server reset a stream, with code {code}")));
            }
            GOAWAY => {
                let code = payload.get(..8).map_or(0, number_in);
                return Err(Failure::Peer(format!("the server ended the connection, with code {code}")));
            }
            PUSH_PROMISE => return Err(Failure::Peer("the server pushed, which it was not allowed".into())),
            // The rest of a long head, whose status was at its beginning; and what is not known.
            _ => {}
        }
        Ok(())
    }

    fn take_settings(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let mut settings = self.settings.unwrap_or(Settings { table_bytes: TABLE_BYTES, streams: u32::MAX });
        for (name, value) in settings_in(payload) {
            match name {
                HEADER_TABLE_SIZE => settings.table_bytes = value,
                MAX_CONCURRENT_STREAMS => settings.streams = value,
                INITIAL_WINDOW_SIZE => self.streams.resize(value),
                // Larger frames are not sent.
                _ => {}
            }
        }
        self.settings = Some(settings);
        push_ack(out, SETTINGS, &[]);
        self.streams.send_content(out);
    }
}

/// Returns the fields in HEADERS, without padding and priority.
#[inline]
fn block_in(head: Head, payload: &[u8]) -> Result<&[u8], String> {
    let padded = usize::from(head.has(PADDED));
    let skipped = padded + if head.has(PRIORITY) { 5 } else { 0 };
    let padding = if head.has(PADDED) { payload.first().copied().map_or(0, usize::from) } else { 0 };
    let end = payload.len().saturating_sub(padding);
    payload.get(skipped..end).ok_or_else(|| "HEADERS with more padding than payload".to_owned())
}
