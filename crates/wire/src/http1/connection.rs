//! The state of a connection, and of the request that is being answered.
//!
//! | State       | Input is                                 | Output is                         | Becomes                       | Sections        |
//! |-------------|------------------------------------------|-----------------------------------|-------------------------------|-----------------|
//! | `Closed`    | ignored                                  | none                              | `Open` when it is made, once  | 9112: 9         |
//! | `Open`      | requests, one after the other            | their responses, in order         | any of the others             | 9112: 9.3       |
//! | `Lingering` | read and dropped, for some time          | being sent; our side has ended    | `Draining`, `Closed`          | 9112: 9.6       |
//! | `Draining`  | ignored                                  | being sent, before the close      | `Closed`                      | 9112: 9.6       |
//!
//! In `Open` one request at a time is being answered:
//!
//! | Its content | is                                       | Its response  | is                                             | Sections                  |
//! |-------------|------------------------------------------|---------------|------------------------------------------------|---------------------------|
//! | `Arriving`  | not there as a whole                     | `Owed`        | not begun                                      | 9110: 6.4; 9112: 6        |
//! | `Arrived`   | complete                                 | `Started`     | a head that waits for content, or for the turn | 9112: 6.2                 |
//! | `Told`      | complete, and the application knows      | `Sending`     | a head that was sent, and content              | 9112: 7.1                 |
//! |             |                                          | `File`        | content that the driver sends from a file      |                           |
//! |             |                                          | `Trailers`    | all content, and trailers to come              | 9110: 6.5                 |
//!
//! This file has the state and questions about it. It encodes nothing and starts nothing.

use std::sync::Arc;

use ::websocket::Handshake;

use crate::action::Actions;
use crate::deadline::{Deadline, Phase as Waits};
use crate::linger::{Draining, Lingering};
use crate::log::LogRecord;
use crate::message::RequestId;
use crate::read_buffer::{ReadBuffer, pause_reading};
use crate::record::Record;
use crate::settings::Context;

/// The state of one connection.
pub struct Connection<B> {
    pub(super) http: http::Connection,
    pub(super) state: State<B>,
    pub(super) turn: Turn,
    /// The number of the latest request. Calls with another number belong to a request that has ended.
    pub(super) latest: RequestId,
    /// Whether the latest request ended before its response was complete.
    pub(super) was_cut: bool,
    pub(super) ends_with_peer: bool,
    /// Whether the transport accepts output.
    pub(super) is_writable: bool,
    /// Whether the transport was told to read no more.
    pub(super) reads_paused: bool,
    /// Input that the parser has no room for yet, or that waits for its turn.
    pub(super) read_buffer: ReadBuffer,
    /// The bytes of a response that were sent without a turn of the loop.
    pub(super) bytes_since_turn: usize,
    pub(super) deadline: Deadline,
    pub(super) log: Vec<LogRecord>,
}

/// The state of a connection.
pub(super) enum State<B> {
    Open(Phase<B>),
    Lingering(Lingering),
    Draining(Draining),
    Closed {
        /// Whether the peer has caused that.
        by_peer: bool,
    },
}

/// What an open connection does.
pub(super) enum Phase<B> {
    /// No request is being answered.
    Between,
    Answering(Request<B>),
}

/// Who goes on with the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The next input does.
    Free,
    /// The driver starts a request, this many in a row, and says when it has.
    Starting(u8),
    /// The driver resumes it in another turn.
    Yielded,
}

/// A request, until its response is complete.
pub(super) struct Request<B> {
    pub(super) incoming: Incoming,
    pub(super) answer: Answer<B>,
    /// The bytes of content that the application has not asked for.
    pub(super) unread: usize,
    /// Whether a call of the application waits for an event.
    pub(super) is_awaited: bool,
    /// Whether the application is woken once the client has left.
    pub(super) is_watched: bool,
    /// Whether it was reported that the application sends content for a status without any.
    pub(super) has_left_out: bool,
    pub(super) status: u16,
    pub(super) sent: u64,
    /// Whether the client left, or ended its side, before anything of the response was sent.
    pub(super) was_left: bool,
    /// What is known for the log.
    pub(super) record: Record,
    /// The handshake of a WebSocket, which may be accepted.
    pub(super) handshake: Option<Box<Handshake>>,
}

/// The state of a request's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    Arriving,
    Arrived,
    Told,
}

/// The state of a response.
pub(super) enum Answer<B> {
    Owed,
    Started(Started<B>),
    Sending { has_trailers: bool },
    File { has_trailers: bool, is_chunk: bool },
    Trailers(Vec<(B, B)>),
}

/// A head as the application gave it.
pub(super) struct Started<B> {
    pub(super) status: u16,
    pub(super) fields: Vec<(B, B)>,
    pub(super) has_trailers: bool,
}

impl<B> Request<B> {
    pub(super) const fn new() -> Self {
        Self {
            incoming: Incoming::Arriving,
            answer: Answer::Owed,
            unread: 0,
            is_awaited: false,
            is_watched: false,
            has_left_out: false,
            status: 0,
            sent: 0,
            was_left: false,
            record: Record::None,
            handshake: None,
        }
    }

    /// Returns whether nothing of the response was sent.
    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(self.answer, Answer::Owed | Answer::Started(_))
    }
}

impl<B> Connection<B> {
    /// Creates the state of a connection that is not made yet.
    #[must_use]
    pub fn new(limits: impl Into<Arc<http::Limits>>) -> Self {
        Self {
            http: http::Connection::new(limits),
            state: State::Closed { by_peer: false },
            turn: Turn::Free,
            latest: RequestId(0),
            was_cut: false,
            ends_with_peer: false,
            is_writable: true,
            reads_paused: false,
            read_buffer: ReadBuffer::new(),
            bytes_since_turn: 0,
            deadline: Deadline::new(),
            log: Vec::new(),
        }
    }

    /// Returns the request that is being answered.
    #[inline]
    pub(super) const fn request(&self) -> Option<&Request<B>> {
        match &self.state {
            State::Open(Phase::Answering(request)) => Some(request),
            _ => None,
        }
    }

    /// Returns the request with this number, if it is being answered.
    #[inline]
    pub(super) fn current(&mut self, request: RequestId) -> Option<&mut Request<B>> {
        match &mut self.state {
            State::Open(Phase::Answering(current)) if self.latest == request => Some(current),
            _ => None,
        }
    }

    /// Returns whether no request is being answered, and requests are read.
    #[inline]
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.state, State::Open(Phase::Between))
    }

    /// Returns whether input waits that is no complete request yet, or whose turn has not come.
    #[inline]
    pub(super) fn has_input(&self) -> bool {
        !self.read_buffer.is_empty() || !self.http.is_idle()
    }

    /// Returns whether the input that waits can be processed.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.is_between() && self.is_writable && (self.has_input() || self.http.has_input_ended())
    }

    /// Returns whether something that has arrived is answered, or will be: in another turn, or when the peer has read
    /// enough.
    pub(super) fn is_busy(&self) -> bool {
        self.request().is_some() || self.turn != Turn::Free || (!self.is_writable && self.has_input())
    }

    /// Returns what the connection waits for.
    #[inline]
    fn waits(&self) -> Waits {
        match &self.state {
            State::Closed { .. } => Waits::None,
            // Not before the peer has read nearly everything.
            State::Lingering(_) if self.is_writable => Waits::Linger,
            State::Lingering(_) => Waits::Write,
            State::Draining(_) => Waits::Drain,
            State::Open(_) if !self.is_writable => Waits::Write,
            State::Open(Phase::Between) if self.latest.0 > 0 && self.http.is_idle() => Waits::KeepAlive,
            State::Open(Phase::Between) => Waits::Header,
            State::Open(Phase::Answering(request)) => match &request.answer {
                Answer::File { .. } => Waits::Write,
                _ if request.incoming != Incoming::Arriving => Waits::None,
                _ if self.reads_paused || self.may_withhold_content(request) => Waits::None,
                Answer::Owed | Answer::Started(_) => Waits::Body,
                _ => Waits::Exchange,
            },
        }
    }

    /// Returns whether the peer may wait for 100 (Continue) before it sends content, and the application does not wait for
    /// the content: behind the head of a final response no 100 is sent any more.
    fn may_withhold_content(&self, request: &Request<B>) -> bool {
        self.http.awaits_continue() && (request.is_unanswered() || !request.is_awaited)
    }

    /// Starts the wait for what comes next, unless it has started.
    #[inline]
    pub(super) fn settle_deadline(&mut self, context: Context<'_>) {
        self.deadline.enter(self.waits(), context);
    }

    /// Starts the next wait, and pauses or resumes reading: input that has no room stays in the kernel.
    #[inline]
    pub(super) fn settle(&mut self, context: Context<'_>) -> Actions {
        let is_full = match &self.state {
            State::Open(_) => {
                let unread = self.request().map_or(0, |request| request.unread);
                unread > context.settings.waiting_body_bytes
                    || !self.read_buffer.is_empty()
                    || !self.http.has_room()
            }
            State::Lingering(_) => false,
            State::Draining(_) | State::Closed { .. } => self.reads_paused,
        };
        let actions = pause_reading(&mut self.reads_paused, is_full);
        self.settle_deadline(context);
        actions
    }
}
