//! A connection of the server role: bytes in, events out, and the response in between.
//!
//! This file has the receiving half; `response.rs` has the sending half. The caller owns the input and the output, and
//! an event borrows from them until the next call, so that only what must be kept is copied.

use std::fmt;
use std::sync::Arc;

use crate::backlog::Backlog;
use crate::error::RemoteProtocolError;
use crate::event::Event;
use crate::head::Head;
use crate::limits::Limits;
use crate::read::{Reader, Step};
use crate::state::{Reading, State};

/// The state of one connection, from its first byte to its last.
///
/// ```
/// use http::{Connection, DefaultHeaders, Event, Length, Limits, NO_FIELDS, Persistence};
///
/// let mut connection = Connection::new(Limits::UNLIMITED);
/// let mut input = &b"POST /echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi"[..];
/// let (mut content, mut output) = (Vec::new(), Vec::new());
/// loop {
///     match connection.receive(&mut input).unwrap() {
///         Event::Request(head) => assert_eq!(head.path(), b"/echo"),
///         Event::Body(part) => content.extend_from_slice(part),
///         Event::End { .. } => break,
///         other => panic!("{other:?}"),
///     }
/// }
/// connection.start(200, NO_FIELDS, Length::Known(2), DefaultHeaders::default(), &mut output).unwrap();
/// connection.write(&content, &mut output).unwrap();
/// assert_eq!(connection.finish(&mut output), Ok(Persistence::KeepAlive));
/// assert_eq!(output, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
/// ```
pub struct Connection {
    /// Those of all connections of a server.
    pub(crate) limits: Arc<Limits>,
    pub(crate) state: State,
    pub(crate) reader: Reader,
    backlog: Backlog,
}

impl Connection {
    /// Creates the state of a new connection. It allocates nothing before the first byte arrives.
    #[must_use]
    pub fn new(limits: impl Into<Arc<Limits>>) -> Self {
        let limits = clamped(limits.into());
        let reader = Reader::new(&limits);
        Self { limits, state: State::new(), reader, backlog: Backlog::default() }
    }

    /// Returns the next event: first from the bytes that were kept, then from `input`, which is advanced past the bytes
    /// that were used.
    ///
    /// Call it until it returns [`NeedInput`](Event::NeedInput), [`Paused`](Event::Paused) or
    /// [`Closed`](Event::Closed). After `Paused`, call it again once the response is complete; the input may then be
    /// empty.
    ///
    /// # Errors
    ///
    /// A [`RemoteProtocolError`] is returned once: answer with [`refuse`](Connection::refuse) and close. Every later
    /// call returns `Closed`.
    #[inline]
    pub fn receive<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Event<'a>, RemoteProtocolError> {
        if !self.backlog.is_empty() {
            match self.step_kept(input) {
                // The kept bytes are used up. What there was no room for continues them.
                Ok((_, Step::NeedInput)) if !input.is_empty() => {}
                Ok((used, step)) => return Ok(event_of(step, &self.reader, self.backlog.latest(used))),
                Err(refusal) => return refused(&mut self.state, refusal),
            }
        }
        let Self { limits, state, reader, backlog } = self;
        let whole: &'i [u8] = input;
        let (used, step) = match reader.step(state, limits, whole) {
            Ok(next) => next,
            Err(refusal) => return refused(state, refusal),
        };
        *input = &whole[used..];
        if step == Step::Paused && !input.is_empty() {
            backlog.keep(input, limits.backlog_bytes);
        }
        Ok(event_of(step, reader, &whole[..used]))
    }

    /// Returns the next step in the kept bytes, with as much of the input as there is room for, and how many of them it
    /// used. The end of the peer's side is behind the rest of the input.
    fn step_kept(&mut self, input: &mut &[u8]) -> Result<(usize, Step), RemoteProtocolError> {
        let Self { limits, state, reader, backlog } = self;
        backlog.keep(input, limits.backlog_bytes);
        let has_ended = state.input_ended;
        state.input_ended &= input.is_empty();
        let next = reader.step(state, limits, &backlog.bytes[backlog.start..]);
        state.input_ended = has_ended;
        if let Ok((used, _)) = next {
            backlog.start += used;
        }
        next
    }

    /// Records that the peer has ended its sending side. Kept bytes are still read; then comes
    /// [`Closed`](Event::Closed), or an error if the peer ended inside a request (RFC 9112 section 8).
    pub fn end_input(&mut self) {
        self.state.input_ended = true;
    }

    /// Returns whether the peer has ended its sending side.
    #[must_use]
    #[inline]
    pub fn has_input_ended(&self) -> bool {
        self.state.input_ended
    }

    /// Takes the input that was kept after the head of the current request, for a protocol that takes over the
    /// connection.
    pub fn take_backlog(&mut self) -> Vec<u8> {
        self.backlog.take()
    }

    /// Returns whether bytes behind the current request are kept.
    #[must_use]
    pub fn has_kept_input(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Returns the head of the request that is being read or answered. The head is empty when both have ended.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.reader.head
    }

    /// Returns the request line that belongs to [`head`](Connection::head), also if that head is incomplete or was
    /// refused. The line is returned as it was sent if it arrived whole and consists of a method, a target and a
    /// version, valid or not. It has no control characters.
    #[must_use]
    pub fn request_line(&self) -> Option<&[u8]> {
        self.reader.request_line()
    }

    /// Returns whether the response is complete and the rest of its request is still awaited.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.is_draining()
    }

    /// Returns whether there is room for more input. If not, stop reading from the peer until a response is complete.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.backlog.len() < self.limits.backlog_bytes
    }

    /// Returns whether no request is being read or answered and no part of one is kept. Such a connection can be closed
    /// without loss when it has been idle for long or the server ends.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state.reading == Reading::Head && !self.reader.is_inside_head() && self.backlog.is_empty()
    }

    /// Makes the current request the last one: its response says `connection: close` unless its head has been written.
    /// An idle connection is closed at once.
    pub fn end_after_response(&mut self) {
        self.state.is_last = true;
        if self.is_idle() {
            self.state.close();
        }
    }

    /// Makes the current request the last one, or the next one if there is none. Input that the caller has kept may have
    /// it, so an idle connection is not closed.
    pub fn end_after_next_response(&mut self) {
        self.state.is_last = true;
    }
}

/// Returns the same limits, unless some are above what is supported.
fn clamped(limits: Arc<Limits>) -> Arc<Limits> {
    let supported = limits.clamped();
    if *limits == supported { limits } else { Arc::new(supported) }
}

/// Returns the event for a step that used these bytes.
#[inline]
fn event_of<'a>(step: Step, reader: &'a Reader, used: &'a [u8]) -> Event<'a> {
    let latest = |length: usize| &used[used.len() - length..];
    match step {
        Step::Request => Event::Request(&reader.head),
        Step::Content(length) => Event::Body(latest(length)),
        Step::Tunnel(length) => Event::Tunnel(latest(length)),
        Step::End => Event::End { trailers: reader.trailers() },
        Step::NeedInput => Event::NeedInput,
        Step::Paused => Event::Paused,
        Step::Closed => Event::Closed,
    }
}

/// Reports the error, unless the request was answered before and only its rest was being discarded.
#[cold]
fn refused<'a>(state: &mut State, refusal: RemoteProtocolError) -> Result<Event<'a>, RemoteProtocolError> {
    let is_told = !state.is_draining();
    state.refuse();
    if is_told { Err(refusal) } else { Ok(Event::Closed) }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Connection");
        debug.field("reading", &self.state.reading).field("writing", &self.state.writing);
        debug.field("kept", &self.backlog.len()).finish_non_exhaustive()
    }
}
