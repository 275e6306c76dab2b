//! A connection: its state, and the calls of h2 that make it go on.
//!
//! | State      | Input is                 | Output is                              | Becomes             | Sections   |
//! |------------|--------------------------|----------------------------------------|---------------------|------------|
//! | `Open`     | frames of streams        | frames of streams                      | any of the others   | 9113: 4, 5 |
//! | `Lingering` | read and dropped        | being sent; our side has ended         | `Draining`, `Closed` | 9113: 5.4.1, 6.8 |
//! | `Draining` | ignored                  | being sent, before the close           | `Closed`            | 9113: 5.4.1 |
//! | `Closed`   | ignored                  | none                                   |                     |            |

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{self, Poll, Waker};

use h2::server::{self, Handshake};

use super::frames::Watch;
use super::memory::Memory;
use super::news::News;
use super::outbox::Outbox;
use super::piece::Piece;
use super::stream::Stream;
use super::unread::Unread;
use crate::action::{Action, Actions};
use crate::http1::Begun;
use crate::log::LogRecord;
use crate::message::RequestId;
use crate::settings::{Context, Settings, Tick, Upgrades};

/// Input beyond this waits in the kernel while h2 can't process what there is, because the peer does not read.
const INPUT_AT_MOST: usize = 64 * 1024;
/// The content that h2 is given at a time.
const FILL: usize = 64 * 1024;

/// The state of one connection.
pub struct Connection<B: AsRef<[u8]>> {
    pub(super) state: State<B>,
    pub(super) memory: Memory,
    /// What counts the frames of both sides, which end the connection if there are too many of some kind.
    watch: Watch,
    news: News,
    pub(super) outbox: Outbox<B>,
    unread: Unread,
    /// Streams that have begun and that nobody has taken.
    opened: VecDeque<Box<Stream<B>>>,
    /// Streams with news that nobody has taken.
    told: VecDeque<RequestId>,
    /// The number of the latest request.
    pub(super) latest: RequestId,
    /// Whether the transport accepts output.
    pub(super) is_writable: bool,
    reads_paused: bool,
    /// Whether TLS uses what HTTP/2 prohibits: nothing is served.
    is_insecure: bool,
    /// Whether the driver resumes the output.
    pub(super) is_resumed: bool,
    /// Whether the connection ends once its streams have.
    pub(super) is_ending: bool,
    pub(super) wait: Wait,
    /// The tick that is too late for what is waited for.
    pub(super) late: Tick,
    /// The bytes that waited for the peer when the wait began.
    pub(super) unsent: usize,
    pub(super) log: Vec<LogRecord>,
}

/// The state of a connection.
pub(super) enum State<B: AsRef<[u8]>> {
    Open(Box<H2<B>>),
    /// Otherwise a kernel that closes with unread input would reset the connection, and `GOAWAY` could be lost.
    Lingering,
    Draining,
    Closed {
        by_peer: bool,
    },
}

/// The two steps of h2.
pub(super) enum H2<B: AsRef<[u8]>> {
    Handshake(Handshake<Memory, Piece<B>>),
    Open(server::Connection<Memory, Piece<B>>),
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// Nothing whose time is limited: streams have times of their own.
    None,
    /// The preface and the first request.
    First,
    /// The next request.
    KeepAlive,
    /// The peer to read.
    Write,
    /// The peer to read the rest, and to end its side.
    Linger,
    /// The peer to read the rest, and to close.
    Drain,
}

/// A stream that a driver gives some input to.
pub enum StreamNews<S> {
    /// One that begins: it is to be [connected](crate::Input::Connected).
    Begins(RequestId, S),
    /// One that is known and has [`News`](crate::Input::News).
    Has(RequestId),
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Creates the state of a connection whose peer is about to send its preface.
    pub(crate) fn new(settings: &Settings) -> Self {
        let memory = Memory::default();
        let handshake = builder(settings).handshake(memory.clone());
        Self {
            state: State::Open(Box::new(H2::Handshake(handshake))),
            memory,
            watch: Watch::new(),
            news: News::default(),
            outbox: Outbox::new(settings.http2.unsent_bytes),
            unread: Unread::default(),
            opened: VecDeque::new(),
            told: VecDeque::new(),
            latest: RequestId(0),
            is_writable: true,
            reads_paused: false,
            is_insecure: false,
            is_resumed: false,
            is_ending: false,
            wait: Wait::None,
            late: Tick::NEVER,
            unsent: 0,
            log: Vec::new(),
        }
    }

    /// Creates the state of a connection that ends once its preface has arrived, because TLS uses a cipher suite that HTTP/2
    /// prohibits (RFC 9113 section 9.2.2).
    pub(crate) fn insecure(settings: &Settings) -> Self {
        Self { is_insecure: true, ..Self::new(settings) }
    }

    /// Creates the state of a connection that was HTTP/1.1's until the preface had arrived.
    pub(crate) fn following(begun: &Begun, settings: &Settings) -> Self {
        let mut new = Self::new(settings);
        new.is_writable = begun.is_writable;
        new
    }

    /// Takes the next stream that has begun or has news.
    pub(crate) fn next_stream(&mut self) -> Option<StreamNews<Box<Stream<B>>>> {
        if let Some(stream) = self.opened.pop_front() {
            return Some(StreamNews::Begins(stream.number(), stream));
        }
        if self.told.is_empty() {
            self.take_news();
        }
        self.told.pop_front().map(StreamNews::Has)
    }

    /// Takes bytes that have arrived.
    pub(crate) fn take_bytes(&mut self, data: &[u8], context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if !matches!(self.state, State::Open(_)) {
            return Actions::NONE;
        }
        let (settings, outbox) = (&context.settings.http2, &self.outbox);
        let at_most = usize::try_from(settings.streams).unwrap_or(usize::MAX);
        let watched = self.watch.receive(data, settings, context.now, |stream, value| {
            outbox.update_priority(stream, value, at_most);
        });
        if let Err(reason) = watched {
            return self.greet(data, out).and(self.fail(reason, context, out));
        }
        self.memory.pipe().push(data);
        let actions = self.go_on(context, out);
        // A transport that is written to makes no other call that was asked for in this turn.
        if actions.has(Action::Write) { actions.with(Action::NotifyTurnEnd) } else { actions }
    }

    /// Takes the end of the peer's side: it can't ask for anything any more, nor open a window.
    pub(super) fn take_eof(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        if !matches!(self.state, State::Open(_)) {
            return self.close(context);
        }
        self.memory.pipe().end_input();
        let actions = self.go_on(context, out);
        actions.and(self.close(context))
    }

    /// Processes input, and encodes what streams have sent.
    pub(crate) fn go_on(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let before = out.len();
        self.memory.pipe().lend(out, self.is_writable);
        let is_over = self.exchange(context);
        let (has_more, unread) = {
            let mut pipe = self.memory.pipe();
            (pipe.take_back(out), pipe.unread())
        };
        let mut actions = if out.len() > before { Action::Write.into() } else { Actions::NONE };
        if !self.log.is_empty() {
            actions = actions.with(Action::Log);
        }
        if !self.opened.is_empty() || !self.told.is_empty() || !self.news.is_empty() {
            actions = actions.with(Action::Streams);
        }
        if !self.log.is_empty() {
            actions = actions.with(Action::Log);
        }
        if is_over {
            return actions.and(self.linger(context));
        }
        if let Err(reason) = self.watch.send(&out[before..], &context.settings.http2, context.now) {
            return actions.and(self.fail(reason, context, out));
        }
        if (has_more || self.outbox.is_due()) && self.is_writable && !self.is_resumed {
            self.is_resumed = true;
            actions = actions.with(Action::YieldTurn);
        }
        let is_full = unread > INPUT_AT_MOST;
        if is_full != self.reads_paused {
            self.reads_paused = is_full;
            actions = actions.with(if is_full { Action::PauseReading } else { Action::ResumeReading });
        }
        self.settle_wait(context);
        actions
    }

    /// Calls h2, and gives it the content whose turn it is as long as there is room. Returns whether the connection is
    /// over.
    fn exchange(&mut self, context: Context<'_>) -> bool {
        self.outbox.note_window(self.watch.window());
        let late = context.settings.body_time.map_or(Tick::NEVER, |time| context.now.after(time));
        loop {
            if self.call_h2(context) {
                return true;
            }
            self.take_news();
            let room = self.memory.pipe().room().min(FILL);
            if self.is_writable && room > 0 && self.outbox.cut_due() {
                continue;
            }
            if !self.is_writable || room == 0 || self.outbox.fill(room, late) == 0 {
                let drained = self.outbox.take_drained();
                if !drained.is_empty() {
                    self.told.extend(drained);
                }
                return false;
            }
        }
    }

    /// Takes the streams with news: those that send may go on.
    fn take_news(&mut self) {
        if self.news.is_empty() {
            return;
        }
        let woken = self.news.take();
        woken.iter().for_each(|stream| self.outbox.wake(*stream));
        self.told.extend(woken);
    }

    /// Calls h2 until nothing is left to do. Returns whether the connection is over.
    pub(super) fn call_h2(&mut self, context: Context<'_>) -> bool {
        let waker = &mut task::Context::from_waker(Waker::noop());
        loop {
            let State::Open(h2) = &mut self.state else { return false };
            match &mut **h2 {
                H2::Handshake(handshake) => match Pin::new(handshake).poll(waker) {
                    Poll::Ready(Ok(mut connection)) => {
                        if self.is_insecure {
                            connection.abrupt_shutdown(h2::Reason::INADEQUATE_SECURITY);
                        }
                        **h2 = H2::Open(connection);
                    }
                    Poll::Ready(Err(_)) => return true,
                    Poll::Pending => return false,
                },
                H2::Open(connection) => match connection.poll_accept(waker) {
                    Poll::Ready(Some(Ok((request, respond)))) => {
                        self.latest = RequestId(respond.stream_id().into());
                        let (news, outbox, unread) = (&self.news, &self.outbox, &self.unread);
                        if self.opened.capacity() == 0 {
                            // Mostly there is one at a time, and room for four takes a kilobyte of each connection.
                            self.opened.reserve_exact(1);
                        }
                        let stream =
                            Stream::new(self.latest, request, respond, news, outbox, unread, context);
                        match stream {
                            Ok(stream) => self.opened.push_back(stream),
                            Err(record) => self.log.extend(record),
                        }
                    }
                    Poll::Ready(Some(Err(_)) | None) => return true,
                    Poll::Pending => return false,
                },
            }
        }
    }

    /// Returns what h2 has of a connection whose preface has arrived.
    pub(super) fn h2(&mut self) -> Option<&mut server::Connection<Memory, Piece<B>>> {
        match &mut self.state {
            State::Open(h2) => match &mut **h2 {
                H2::Open(connection) => Some(connection),
                H2::Handshake(_) => None,
            },
            State::Lingering | State::Draining | State::Closed { .. } => None,
        }
    }

    /// Ends our side, and gives the peer some time to read and to end its own.
    pub(super) fn linger(&mut self, context: Context<'_>) -> Actions {
        match self.state {
            State::Open(_) if self.memory.pipe().has_input_ended() => self.close(context),
            State::Open(_) => self.leave(State::Lingering, context).with(Action::ShutdownWrite),
            State::Lingering | State::Draining | State::Closed { .. } => Actions::NONE,
        }
    }

    /// Closes once everything written is sent.
    pub(super) fn close(&mut self, context: Context<'_>) -> Actions {
        match self.state {
            State::Open(_) | State::Lingering => self.leave(State::Draining, context).with(Action::Close),
            State::Draining | State::Closed { .. } => Actions::NONE,
        }
    }

    /// Closes at once.
    pub(super) fn abort(&mut self, context: Context<'_>) -> Actions {
        match self.state {
            State::Closed { .. } => Actions::NONE,
            _ => self.leave(State::Draining, context).with(Action::Abort),
        }
    }

    /// Ends everything: the connection is gone.
    pub(super) fn lose(&mut self, by_peer: bool, context: Context<'_>) -> Actions {
        self.leave(State::Closed { by_peer }, context)
    }

    /// Enters another state than `Open`. h2 wakes every stream when it is dropped.
    fn leave(&mut self, state: State<B>, context: Context<'_>) -> Actions {
        self.state = state;
        self.told.extend(self.outbox.clear());
        self.settle_wait(context);
        if self.news.is_empty() && self.told.is_empty() { Actions::NONE } else { Action::Streams.into() }
    }

    /// Returns whether a stream is open.
    pub(super) fn has_streams(&self) -> bool {
        let State::Open(h2) = &self.state else { return false };
        matches!(&**h2, H2::Open(connection) if connection.has_streams())
    }
}

/// Returns h2's settings for connections.
fn builder(all: &Settings) -> server::Builder {
    let settings = &all.http2;
    let mut builder = server::Builder::new();
    if all.upgrades == Upgrades::WebSocket {
        // RFC 8441 section 3.
        builder.enable_connect_protocol();
    }
    builder
        .max_concurrent_streams(settings.streams)
        .max_header_list_size(settings.head_list_bytes)
        .max_frame_size(settings.frame_bytes)
        .initial_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .header_table_size(settings.table_bytes)
        .max_send_buffer_size(settings.unsent_bytes)
        .max_pending_accept_reset_streams(settings.resets);
    builder
}
