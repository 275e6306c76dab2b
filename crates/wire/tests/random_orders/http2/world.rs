//! One connection in any order of events: a client, a transport that holds what the client has not read, a loop of turns,
//! and the applications of its streams. What is promised at each step is checked there; `promises` checks the end.

use std::collections::BTreeMap;
use std::mem;

use wire::{Action, Actions, Connection, HalfClose, Input, LogRecord, Settings, Tick, Ticks, Wire};

use super::client::Client;
use super::settings::settings;
use crate::application::{App, Content, Waits};
use crate::draw::Draw;
use crate::settings::context;
use crate::transport::Broken;

/// A pause is asked for above this many unsent bytes, and more below the other.
const HIGH_WATER: usize = 4000;
const LOW_WATER: usize = 1000;
/// What the machine may write beyond that in a call.
const BEYOND: usize = 320 * 1024;

/// The state of the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    /// Our side has ended.
    HalfClosed,
    /// Nothing is read any more; what was written is still sent.
    Closing,
    /// It will say so when the turn ends.
    Aborted,
    Gone,
}

/// A stream of the server, until it is over.
pub(crate) struct Stream {
    pub(crate) wire: Connection<Vec<u8>>,
    pub(crate) content: Content,
    pub(crate) is_over: bool,
}

pub(crate) struct World<'a> {
    pub(crate) draw: Draw<'a>,
    pub(crate) wire: Connection<Vec<u8>>,
    pub(crate) settings: Settings,
    pub(crate) now: Tick,
    pub(crate) is_ending: bool,
    pub(crate) client: Client,
    pub(crate) state: State,
    pub(crate) half_close: HalfClose,
    pub(crate) has_ended_side: bool,
    /// What was written and not read.
    pub(crate) unread: Vec<u8>,
    pub(crate) is_full: bool,
    pub(crate) reads_paused: bool,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) apps: Vec<App>,
    pub(crate) log: Vec<LogRecord>,
    /// Whether anything has happened but requests, responses and turns.
    pub(crate) is_disturbed: bool,
    pub(crate) progress: usize,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) is_wild: bool,
    pub(crate) is_flush_due: bool,
    yields: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(mut draw: Draw<'a>, traces: bool) -> Result<Self, Broken> {
        let settings = settings(&mut draw);
        let client = Client::draw(&mut draw);
        let half_close =
            draw.pick(&[HalfClose::Done, HalfClose::Done, HalfClose::Unsupported, HalfClose::Lost]);
        let is_wild = draw.chance(30);
        let mut world = Self {
            draw,
            wire: Connection::new(settings.limits.clone()),
            settings,
            now: Tick(0),
            is_ending: false,
            client,
            state: State::Open,
            half_close,
            has_ended_side: false,
            unread: Vec::new(),
            is_full: false,
            reads_paused: false,
            streams: BTreeMap::new(),
            apps: Vec::new(),
            log: Vec::new(),
            is_disturbed: false,
            progress: 0,
            trace: traces.then(Vec::new),
            is_wild,
            is_flush_due: false,
            yields: false,
        };
        world.note(|world| format!("wild: {is_wild}; {:?}", world.settings.http2));
        world.feed(Input::Connected { ends_with_peer: false })?;
        Ok(world)
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// Returns whether bytes of the client arrive.
    pub(crate) const fn takes_input(&self) -> bool {
        !self.reads_paused && !self.has_ended_side && matches!(self.state, State::Open | State::HalfClosed)
    }

    /// Gives the connection an input.
    pub(crate) fn feed(&mut self, input: Input<'_>) -> Result<(), Broken> {
        self.note(|_| match input {
            Input::Bytes(data) => format!("Bytes({})", data.len()),
            other => format!("{other:?}"),
        });
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending);
        let actions = self.wire.on(input, context, &mut Content::default(), &mut out);
        self.perform(actions, &out)
    }

    /// Delivers bytes of the client.
    pub(crate) fn deliver(&mut self, count: usize) -> Result<(), Broken> {
        let count = count.min(self.client.outgoing.len());
        if count == 0 || !self.takes_input() {
            return Ok(());
        }
        self.progress += 1;
        let data: Vec<u8> = self.client.outgoing.drain(..count).collect();
        self.feed(Input::Bytes(&data))
    }

    /// Ends the client's side.
    pub(crate) fn end_side(&mut self) -> Result<(), Broken> {
        if !self.takes_input() {
            return Ok(());
        }
        (self.has_ended_side, self.is_disturbed) = (true, true);
        self.feed(Input::Eof)
    }

    /// Lets the client read.
    pub(crate) fn read(&mut self, count: usize) -> Result<(), Broken> {
        let count = count.min(self.unread.len());
        if count == 0 && !self.is_full {
            return Ok(());
        }
        self.progress += count;
        self.note(|_| format!("the client reads {count}"));
        let data: Vec<u8> = self.unread.drain(..count).collect();
        self.client.read(&data)?;
        if self.is_full && self.unread.len() <= LOW_WATER && self.state != State::Gone {
            self.is_full = false;
            return self.feed(Input::Writable);
        }
        Ok(())
    }

    /// Ends a turn of the loop.
    pub(crate) fn end_turn(&mut self) -> Result<(), Broken> {
        if mem::take(&mut self.is_flush_due) {
            self.progress += 1;
            for number in self.numbers() {
                self.end_stream_turn(number)?;
            }
            self.feed(Input::Flush)?;
        }
        if mem::take(&mut self.yields) {
            self.progress += 1;
            self.feed(Input::Resume)?;
        }
        for app in &mut self.apps {
            if app.waits == Waits::Turn {
                self.progress += 1;
                app.waits = Waits::Nothing;
            }
        }
        let is_due_to_go = match self.state {
            State::Closing => self.unread.is_empty(),
            State::Aborted => true,
            _ => false,
        };
        if is_due_to_go { self.lose(false) } else { Ok(()) }
    }

    /// Loses the connection.
    pub(crate) fn lose(&mut self, by_error: bool) -> Result<(), Broken> {
        self.progress += 1;
        self.is_disturbed |= !matches!(self.state, State::Closing | State::Aborted);
        self.state = State::Gone;
        self.feed(Input::Lost { by_error })?;
        for number in self.numbers() {
            self.feed_stream(number, Input::Lost { by_error })?;
        }
        Ok(())
    }

    pub(crate) fn pass(&mut self, ticks: u32) -> Result<(), Broken> {
        for _ in 0..ticks {
            self.now = self.now.after(Ticks(1));
            let unsent = self.unread.len();
            if self.wire.is_late(self.now) && !self.is_over() {
                self.is_disturbed = true;
                self.feed(Input::Tick(unsent))?;
            }
            for number in self.numbers() {
                let is_late = |stream: &Stream| stream.wire.is_late(self.now);
                if self.streams.get(&number).is_some_and(is_late) {
                    self.is_disturbed = true;
                    self.feed_stream(number, Input::Tick(unsent))?;
                }
            }
        }
        Ok(())
    }

    fn perform(&mut self, actions: Actions, out: &[u8]) -> Result<(), Broken> {
        if !actions.is_empty() {
            self.note(|_| format!("  {actions:?}, {} bytes", out.len()));
        }
        if actions.has(Action::Write) == out.is_empty() {
            return Err(format!("{actions:?} with {} bytes", out.len()));
        }
        for action in actions {
            match action {
                Action::Write => self.write(out)?,
                Action::Log => self.log.extend(self.wire.take_log()),
                Action::PauseReading | Action::ResumeReading => {
                    let pauses = action == Action::PauseReading;
                    if mem::replace(&mut self.reads_paused, pauses) == pauses {
                        return Err(format!("reading is paused: {pauses}, for the second time"));
                    }
                }
                Action::YieldTurn if mem::replace(&mut self.yields, true) => {
                    return Err("two turns are left".into());
                }
                // Before the preface it was HTTP/1.1's.
                Action::YieldTurn | Action::WakeReceive | Action::WakeSend => {}
                Action::Streams => self.serve()?,
                Action::NotifyTurnEnd => self.is_flush_due = true,
                Action::ShutdownWrite if self.state == State::Open => {
                    if self.half_close == HalfClose::Done {
                        self.state = State::HalfClosed;
                    }
                    self.feed(Input::WriteShutdown(self.half_close))?;
                }
                Action::Close if matches!(self.state, State::Open | State::HalfClosed) => {
                    self.progress += 1;
                    self.state = State::Closing;
                    self.feed(Input::Unsent(self.unread.len()))?;
                }
                Action::Abort if !self.is_over() => {
                    self.progress += 1;
                    self.state = State::Aborted;
                }
                other => return Err(format!("{:?} and {other:?}", self.state)),
            }
        }
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Broken> {
        if self.state != State::Open {
            return Err(format!("{:?} is written to", self.state));
        }
        self.unread.extend_from_slice(data);
        if self.unread.len() > HIGH_WATER + BEYOND {
            return Err(format!("{} bytes wait for a client that does not read", self.unread.len()));
        }
        if self.unread.len() <= HIGH_WATER || mem::replace(&mut self.is_full, true) {
            return Ok(());
        }
        self.feed(Input::Full)?;
        self.feed(Input::Unsent(self.unread.len()))
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.streams.keys().copied().collect()
    }

    pub(crate) fn note(&mut self, text: impl FnOnce(&Self) -> String) {
        if let Some(mut trace) = self.trace.take() {
            trace.push(text(self));
            self.trace = Some(trace);
        }
    }
}
