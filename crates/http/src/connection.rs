//! A connection of the server role: bytes in, events out, and the response in between.
//!
//! Here is what is read; `response.rs` has what is written. The caller owns the input and the output, and no event
//! survives the next call, so that nothing is copied which need not be kept.

use std::fmt;

use crate::backlog::Backlog;
use crate::error::RemoteProtocolError;
use crate::event::Event;
use crate::head::Head;
use crate::limits::Limits;
use crate::read::{Reader, Step};
use crate::state::{Reading, State};

/// One connection, from its first byte to its last.
///
/// ```
/// use http::{Connection, DefaultHeaders, Event, Length, Limits, NO_FIELDS, Persistence};
///
/// let mut connection = Connection::new(Limits::default());
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
    pub(crate) limits: Limits,
    pub(crate) state: State,
    pub(crate) reader: Reader,
    backlog: Backlog,
}

impl Connection {
    /// A connection that nothing has come over yet. It holds no memory of its own until something does.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let limits = limits.clamped();
        Self { limits, state: State::new(), reader: Reader::new(&limits), backlog: Backlog::default() }
    }

    /// What comes next: first in what was kept, then in `input`, which is moved past what was taken.
    ///
    /// Call it until it says [`NeedInput`](Event::NeedInput), [`Paused`](Event::Paused) or [`Closed`](Event::Closed).
    /// After `Paused` go on, with empty input, once the response is complete.
    ///
    /// # Errors
    ///
    /// A [`RemoteProtocolError`], once: answer with [`refuse`](Connection::refuse) and close. Every later call gives `Closed`.
    #[inline]
    pub fn receive<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Event<'a>, RemoteProtocolError> {
        let Self { limits, state, reader, backlog } = self;
        if backlog.is_empty() {
            let whole: &'i [u8] = input;
            let (used, step) = match reader.step(state, limits, whole) {
                Ok(next) => next,
                Err(refusal) => return refused(state, refusal),
            };
            *input = &whole[used..];
            if step == Step::Paused && !input.is_empty() {
                backlog.keep(input, limits.backlog_bytes);
            }
            return Ok(event_of(step, reader, &whole[..used]));
        }
        backlog.keep(input, limits.backlog_bytes);
        let Backlog { bytes, start } = backlog;
        let whole = &bytes[*start..];
        match reader.step(state, limits, whole) {
            Ok((used, step)) => {
                *start += used;
                Ok(event_of(step, reader, &whole[..used]))
            }
            Err(refusal) => refused(state, refusal),
        }
    }

    /// The peer has ended its side: what is kept still counts, then comes [`Closed`](Event::Closed), or a refusal if it
    /// ended inside a request (RFC 9112 section 8).
    pub fn end_input(&mut self) {
        self.state.input_ended = true;
    }

    /// Takes the input that was kept behind the head of the current request: whoever takes the connection over reads it.
    pub fn take_backlog(&mut self) -> Vec<u8> {
        self.backlog.take()
    }

    /// The head of the request that is read or answered; after the end of both, of nothing.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.reader.head
    }

    /// The request line of what [`head`](Connection::head) is the head of, also of one that is incomplete or was refused:
    /// as it was sent, if it came as a whole and consists of a method, a target and a version, whatever is wrong with
    /// them. It has no control characters.
    #[must_use]
    pub fn request_line(&self) -> Option<&[u8]> {
        self.reader.request_line()
    }

    /// Whether the rest of a request is awaited whose response is complete.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.is_draining()
    }

    /// Whether there is room for more input. If not, stop reading from the peer until a response is complete.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.backlog.len() < self.limits.backlog_bytes
    }

    /// Whether no request is being read or answered, and nothing of one is kept: such a connection can be closed, when
    /// it has been idle for long or the server ends, without losing anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state.reading == Reading::Head && !self.reader.is_inside_head() && self.backlog.is_empty()
    }

    /// Whether the bytes are of another protocol from here on: see [`Event::Tunnel`].
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        self.state.reading == Reading::Tunnel
    }

    /// No request is read after this one: the response says `connection: close` if its head has not left. An idle
    /// connection is closed at once.
    pub fn end_after_response(&mut self) {
        self.state.is_last = true;
        if self.is_idle() {
            self.state.close();
        }
    }
}

/// The event that a step is, which used these bytes.
#[inline]
fn event_of<'a>(step: Step, reader: &'a Reader, used: &'a [u8]) -> Event<'a> {
    let latest = |length: usize| &used[used.len() - length..];
    match step {
        Step::Request => Event::Request(&reader.head),
        Step::Content(length) => Event::Body(latest(length)),
        Step::Tunnel(length) => Event::Tunnel(latest(length)),
        Step::End => Event::End { trailers: &reader.trailers },
        Step::NeedInput => Event::NeedInput,
        Step::Paused => Event::Paused,
        Step::Closed => Event::Closed,
    }
}

/// A refusal that can be told: not of what was only to be thrown away.
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
