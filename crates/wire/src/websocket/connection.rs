//! The state of a connection.
//!
//! | State       | Input is                                  | Output is                       | Becomes                          | Sections        |
//! |-------------|-------------------------------------------|---------------------------------|----------------------------------|-----------------|
//! | `Open`      | messages, pings, a close frame            | messages, pongs, pings          | any of the others                | 6455: 5         |
//! | `Closing`   | dropped, up to the peer's close frame     | being sent; ends in a close frame | `Lingering`, `Draining`, `Closed` | 6455: 7.1.2, 7.1.3 |
//! | `Lingering` | read and dropped, for some time           | being sent; our side has ended  | `Draining`, `Closed`             | 6455: 7.1.7     |
//! | `Draining`  | ignored                                   | being sent, before the close    | `Closed`                         | 6455: 7.1.1     |
//! | `Closed`    | ignored                                   | none                            |                                  |                 |
//!
//! The connection has ended for the application as soon as it is not `Open` any more: it gets the messages that wait, then
//! a code and a reason. This file has the state and questions about it.

use ::websocket::{Receiver, Sender};

use crate::action::{Action, Actions};
use crate::linger::{Draining, Lingering};
use crate::log::LogRecord;
use crate::message::RequestId;
use crate::read_buffer::{ReadBuffer, pause_reading};
use crate::record::Record;
use crate::settings::{Context, Settings, Ticks};
use crate::time_limit::TimeLimit;

/// Codes of RFC 6455 section 7.4.1 and of the registry that it founds.
pub(super) const NORMAL: u16 = 1000;
pub(super) const GOING_AWAY: u16 = 1001;
pub(super) const NO_CODE: u16 = 1005;
pub(super) const ABNORMAL: u16 = 1006;
pub(super) const INTERNAL_ERROR: u16 = 1011;
pub(super) const SERVICE_RESTART: u16 = 1012;

/// The state of one connection.
pub struct Connection {
    pub(super) state: State,
    pub(super) request: RequestId,
    pub(super) receiver: Receiver,
    pub(super) sender: Sender,
    /// Whether the transport accepts output.
    pub(super) is_writable: bool,
    /// Whether the transport was told to read no more.
    pub(super) reads_paused: bool,
    /// Whether a call of the application waits for an event.
    pub(super) is_awaited: bool,
    /// Whether the peer has ended its side behind the input that is kept.
    pub(super) has_input_ended: bool,
    /// Whether the driver resumes the input that is kept.
    pub(super) is_resumed: bool,
    /// Input that waits until the application has received messages.
    pub(super) read_buffer: ReadBuffer,
    /// The messages that the application has not received, and their bytes: counted until none is left.
    pub(super) messages: usize,
    pub(super) message_bytes: usize,
    /// The latest ping of a peer that does not read: it is answered when the peer reads again (RFC 6455 section 5.5.3).
    pub(super) ping: Option<Box<[u8]>>,
    /// The bytes that were sent without a turn of the loop.
    pub(super) bytes_since_turn: usize,
    /// The bytes of messages that were sent.
    pub(super) sent: u64,
    pub(super) wait: Wait,
    pub(super) limit: TimeLimit,
    /// Why the connection has ended, in the words of who has ended it.
    pub(super) reason: Box<str>,
    /// What is known of the connection for the log, until it has ended.
    pub(super) record: Record,
    pub(super) log: Vec<LogRecord>,
}

/// The state of a connection. The code says why it has ended (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Open,
    Closing { code: u16 },
    Lingering { code: u16, lingering: Lingering },
    Draining { code: u16, draining: Draining },
    Closed { code: u16 },
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// Nothing whose time is limited.
    None,
    /// The time to ask whether the peer is there.
    Ping,
    /// Any bytes of a peer that was asked.
    Pong,
    /// The peer to read.
    Write,
    /// The peer's close frame.
    Close,
    /// The peer to close, after it was told that further input is ignored.
    Linger,
    /// The peer to read the rest.
    Drain,
}

/// Returns the time of a peer that does not read.
pub(super) fn reading_time(settings: &Settings) -> Option<Ticks> {
    settings.body_time.or(settings.websocket.ping_timeout)
}

impl State {
    /// Returns why the connection has ended, if it has.
    pub(super) const fn code(self) -> Option<u16> {
        match self {
            Self::Open => None,
            Self::Closing { code }
            | Self::Lingering { code, .. }
            | Self::Draining { code, .. }
            | Self::Closed { code } => Some(code),
        }
    }
}

impl Connection {
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Returns whether the application has as many messages as wait for it at a time.
    #[inline]
    pub(super) const fn is_full(&self, context: Context<'_>) -> bool {
        let settings = &context.settings.websocket;
        self.messages >= settings.waiting_messages || self.message_bytes > settings.waiting_bytes
    }

    /// Returns what the connection waits for.
    #[inline]
    const fn waits(&self, context: Context<'_>) -> Wait {
        match self.state {
            State::Closed { .. } => Wait::None,
            State::Draining { .. } => Wait::Drain,
            // A peer that lingers has nearly everything to read first.
            _ if !self.is_writable => Wait::Write,
            State::Lingering { .. } => Wait::Linger,
            State::Closing { .. } => Wait::Close,
            // A peer is not asked for what is not read.
            State::Open if self.reads_paused || context.settings.websocket.ping_interval.is_none() => {
                Wait::None
            }
            State::Open => match self.wait {
                Wait::Pong => Wait::Pong,
                _ => Wait::Ping,
            },
        }
    }

    /// Starts the wait for what comes next, unless it has started.
    #[inline]
    pub(super) fn settle_wait(&mut self, context: Context<'_>) {
        let wait = self.waits(context);
        if wait != self.wait {
            self.begin_wait(wait, context);
        }
    }

    /// Starts a wait.
    pub(super) fn begin_wait(&mut self, wait: Wait, context: Context<'_>) {
        let settings = context.settings;
        let time = match wait {
            Wait::None => None,
            Wait::Ping => settings.websocket.ping_interval,
            Wait::Pong => settings.websocket.ping_timeout,
            Wait::Write => reading_time(settings),
            Wait::Close => Some(settings.websocket.close_time),
            Wait::Linger => Some(settings.linger_time),
            Wait::Drain => Some(Draining::step(reading_time(settings), settings)),
        };
        self.wait = wait;
        let limit = TimeLimit::starting(context.now, time);
        self.limit = if wait == Wait::Linger { limit.sparing_readers() } else { limit };
    }

    /// Starts the next wait, and pauses or resumes reading: input that has no room stays in the kernel.
    #[inline]
    pub(super) fn settle(&mut self, context: Context<'_>) -> Actions {
        let is_full = match self.state {
            State::Open => !self.read_buffer.is_empty() || self.is_full(context),
            State::Closing { .. } | State::Lingering { .. } => false,
            State::Draining { .. } | State::Closed { .. } => self.reads_paused,
        };
        let actions = pause_reading(&mut self.reads_paused, is_full);
        self.settle_wait(context);
        actions
    }

    /// Asks for another turn if input is kept that can be processed and nobody does that.
    pub(super) fn resume_if_due(&mut self, context: Context<'_>) -> Actions {
        let has_input = !self.read_buffer.is_empty() || self.has_input_ended;
        if self.is_resumed || !has_input || (self.is_open() && self.is_full(context)) {
            return Actions::NONE;
        }
        self.is_resumed = true;
        Action::YieldTurn.into()
    }
}
