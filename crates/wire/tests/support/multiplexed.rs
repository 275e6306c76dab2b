//! A driver of HTTP/2 without an interpreter: a connection with its streams, on a transport that is a buffer. It begins in
//! clear text, so that the preface is recognised.

#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::BTreeMap;

use websocket::Workspace;
use wire::{
    Action, Actions, Connection, Context, HalfClose, Input, Interface, LogRecord, Message, Outcome, Received,
    RequestId, Response, SendError, Sent, Settings, Shutdown, StreamNews, Tick, Ticks, Wait, Wire,
};

use super::frames::{self, Frame};

/// Content that a machine hands over.
#[derive(Default, Debug)]
pub(crate) struct Content(pub(crate) Vec<u8>);

impl Interface for Content {
    fn content(&mut self, _request: RequestId, part: &[u8]) {
        self.0.extend_from_slice(part);
    }
}

/// A stream, until it is over.
pub(crate) struct Stream {
    pub(crate) wire: Connection<Vec<u8>>,
    /// What the application was given and has not asked for.
    pub(crate) content: Content,
    pub(crate) target: String,
    pub(crate) is_started: bool,
    pub(crate) is_over: bool,
    pub(crate) performed: Vec<Action>,
}

/// A connection with its transport and its streams.
pub(crate) struct Multiplexed {
    pub(crate) wire: Connection<Vec<u8>>,
    pub(crate) settings: Settings,
    pub(crate) now: Tick,
    pub(crate) is_ending: bool,
    workspace: Workspace,
    /// What the client got and has not looked at.
    pub(crate) written: Vec<u8>,
    /// Whether nothing is sent any more.
    pub(crate) is_closed: bool,
    /// Whether the transport is to close, after its side has ended or without that.
    pub(crate) is_gone: bool,
    pub(crate) is_aborted: bool,
    pub(crate) reads_paused: bool,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// The requests that were started.
    pub(crate) started: usize,
    /// The content of the response that each request gets at once; `None` for no response.
    pub(crate) answer: Option<usize>,
    pub(crate) log: Vec<LogRecord>,
    yields: usize,
    is_flush_due: bool,
}

impl Multiplexed {
    /// Makes a connection whose client has said nothing.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut driver = Self {
            wire: Connection::new(settings.limits.clone()),
            settings,
            now: Tick(0),
            is_ending: false,
            workspace: Workspace::default(),
            written: Vec::new(),
            is_closed: false,
            is_gone: false,
            is_aborted: false,
            reads_paused: false,
            streams: BTreeMap::new(),
            started: 0,
            answer: Some(0),
            log: Vec::new(),
            yields: 0,
            is_flush_due: false,
        };
        driver.feed(Input::Connected { ends_with_peer: false });
        driver
    }

    /// Makes a connection, with the client's preface.
    pub(crate) fn connect(settings: Settings) -> Self {
        let mut driver = Self::new(settings);
        driver.receive(
            &[frames::PREFACE, &frames::settings(&[]), &frames::frame(frames::SETTINGS, frames::ACK, 0, b"")]
                .concat(),
        );
        driver
    }

    /// Takes bytes of the client, and turns the loop.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            self.feed(Input::Bytes(bytes));
            self.end_turn();
        }
    }

    /// Gives the connection an input.
    pub(crate) fn feed(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let actions = self.wire.on(input, context, &mut Content::default(), &mut out);
        self.perform(actions, &out);
    }

    /// Gives a stream an input. One that is over or unknown takes none.
    pub(crate) fn feed_stream(&mut self, number: RequestId, input: Input<'_>) {
        let Some(stream) = self.streams.get_mut(&number.0) else { return };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let actions = stream.wire.on(input, context, &mut stream.content, &mut out);
        self.perform_stream(number, actions, &out);
    }

    /// Sends a message of an application.
    pub(crate) fn send(&mut self, number: RequestId, message: Message<Vec<u8>>) -> Result<bool, SendError> {
        let Some(stream) = self.streams.get_mut(&number.0) else { return Err(SendError::Disconnected) };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let Sent { actions, is_sent, .. } = stream.wire.send(number, message, context, &mut out)?;
        self.perform_stream(number, actions, &out);
        Ok(is_sent)
    }

    /// Sends a whole response.
    pub(crate) fn respond(
        &mut self,
        number: RequestId,
        status: u16,
        content: Option<Vec<u8>>,
    ) -> Result<bool, SendError> {
        let Some(stream) = self.streams.get_mut(&number.0) else { return Err(SendError::Disconnected) };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let response = Response { status, fields: http::NO_FIELDS.into_iter(), content };
        let Sent { actions, is_sent, .. } = stream.wire.respond(number, response, context, &mut out)?;
        self.perform_stream(number, actions, &out);
        Ok(is_sent)
    }

    /// Asks for an event of a request.
    pub(crate) fn ask(&mut self, number: RequestId) -> Received {
        let Some(stream) = self.streams.get_mut(&number.0) else {
            return Received::Disconnect { is_cut: true };
        };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let (received, actions) = stream.wire.receive(number, context, &mut out);
        self.perform_stream(number, actions, &out);
        received
    }

    /// Returns what the sender of a stream's last message waits for.
    pub(crate) fn wait(&mut self, number: RequestId) -> Wait {
        let settings = &self.settings;
        self.streams.get_mut(&number.0).map_or(Wait::Nothing, |stream| stream.wire.wait(settings))
    }

    /// Ends the application of a request.
    pub(crate) fn finish(&mut self, number: RequestId, outcome: Outcome<'_>) {
        let Some(stream) = self.streams.get_mut(&number.0) else { return };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        let finished = stream.wire.finished(number, outcome, context, &mut out);
        self.perform_stream(number, finished.actions, &out);
    }

    /// Ends a turn of the loop: what streams have sent is written, and those that gave way go on.
    pub(crate) fn end_turn(&mut self) {
        if std::mem::take(&mut self.is_flush_due) {
            let held: Vec<RequestId> = self
                .streams
                .iter()
                .filter(|(_, stream)| stream.wire.holds_head())
                .map(|(number, _)| RequestId(*number))
                .collect();
            for number in held {
                self.end_stream_turn(number);
            }
            self.feed(Input::Flush);
        }
        for _ in 0..std::mem::take(&mut self.yields) {
            self.feed(Input::Resume);
        }
    }

    fn end_stream_turn(&mut self, number: RequestId) {
        let Some(stream) = self.streams.get_mut(&number.0) else { return };
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, &self.workspace);
        match stream.wire.turn_ends(context, &mut out) {
            Ok(actions) => self.perform_stream(number, actions, &out),
            Err(_) => self.finish(number, Outcome::Ended),
        }
    }

    /// Lets time pass; `unsent` bytes wait for the client.
    pub(crate) fn pass(&mut self, ticks: u32, unsent: usize) {
        for _ in 0..ticks {
            self.now = self.now.after(Ticks(1));
            if self.wire.is_late(self.now) {
                self.feed(Input::Tick(unsent));
            }
            for number in self.numbers() {
                if self.streams.get(&number.0).is_some_and(|stream| stream.wire.is_late(self.now)) {
                    self.feed_stream(number, Input::Tick(unsent));
                }
            }
            self.end_turn();
        }
    }

    /// Ends the server.
    pub(crate) fn shut_down(&mut self, how: Shutdown) {
        self.is_ending = true;
        self.feed(Input::Shutdown(how));
        for number in self.numbers() {
            self.feed_stream(number, Input::Shutdown(how));
        }
        self.end_turn();
    }

    /// Loses the connection.
    pub(crate) fn lose(&mut self, by_error: bool) {
        self.is_closed = true;
        self.feed(Input::Lost { by_error });
        for number in self.numbers() {
            self.feed_stream(number, Input::Lost { by_error });
        }
    }

    /// Returns the frames that the client got since the last time.
    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        let written = std::mem::take(&mut self.written);
        let (frames, rest) = frames::read(&written);
        assert!(rest.is_empty(), "a frame is cut: {rest:?}");
        frames
    }

    /// Returns the error code of the connection's end, which the client got since the last look.
    pub(crate) fn go_away(&mut self) -> Option<u32> {
        let frames = self.frames();
        frames.iter().rev().find(|frame| frame.kind == frames::GOAWAY).map(Frame::code)
    }

    /// Returns the streams that are not over.
    pub(crate) fn numbers(&self) -> Vec<RequestId> {
        self.streams.keys().copied().map(RequestId).collect()
    }

    fn perform(&mut self, actions: Actions, out: &[u8]) {
        assert_eq!(actions.has(Action::Write), !out.is_empty(), "{actions:?} with {} bytes", out.len());
        for action in actions {
            match action {
                Action::Write => {
                    assert!(!self.is_closed, "nothing is written after the end");
                    self.written.extend_from_slice(out);
                }
                Action::Log => self.log.extend(self.wire.take_log()),
                Action::PauseReading => self.reads_paused = true,
                Action::ResumeReading => self.reads_paused = false,
                Action::YieldTurn => self.yields += 1,
                Action::NotifyTurnEnd => self.is_flush_due = true,
                Action::Streams => self.serve(),
                Action::ShutdownWrite => {
                    self.is_closed = true;
                    self.feed(Input::WriteShutdown(HalfClose::Done));
                }
                Action::Close => (self.is_closed, self.is_gone) = (true, true),
                Action::Abort | Action::Reset => {
                    (self.is_closed, self.is_gone, self.is_aborted) = (true, true, true);
                }
                other => panic!("a connection of HTTP/2 asks for {other:?}"),
            }
        }
    }

    /// Gives the streams what they have to know.
    fn serve(&mut self) {
        while let Some(news) = self.wire.next_stream() {
            match news {
                StreamNews::Begins(number, wire) => {
                    let stream = Stream {
                        wire,
                        content: Content::default(),
                        target: String::new(),
                        is_started: false,
                        is_over: false,
                        performed: Vec::new(),
                    };
                    assert!(self.streams.insert(number.0, stream).is_none(), "{number:?} begins twice");
                    self.feed_stream(number, Input::Connected { ends_with_peer: true });
                }
                StreamNews::Has(number) => self.feed_stream(number, Input::News),
            }
        }
        self.is_flush_due = true;
    }

    fn perform_stream(&mut self, number: RequestId, actions: Actions, out: &[u8]) {
        assert!(out.is_empty(), "a stream writes nothing itself");
        let Some(stream) = self.streams.get_mut(&number.0) else { return };
        stream.performed.extend(actions);
        let mut starts = false;
        for action in actions {
            match action {
                Action::Log => {
                    let log = self.streams.get_mut(&number.0).map(|stream| stream.wire.take_log());
                    self.log.extend(log.into_iter().flatten());
                }
                Action::Start => starts = true,
                Action::FlushConnection => self.is_flush_due = true,
                Action::EndStream => {
                    if let Some(stream) = self.streams.get_mut(&number.0) {
                        stream.is_over = true;
                    }
                }
                Action::WakeReceive | Action::WakeSend => {}
                other => panic!("a stream asks for {other:?}"),
            }
        }
        if starts {
            self.start(number);
        }
        if self.streams.get(&number.0).is_some_and(|stream| stream.is_over) {
            self.streams.remove(&number.0);
        }
    }

    fn start(&mut self, number: RequestId) {
        self.started += 1;
        if let Some(stream) = self.streams.get_mut(&number.0) {
            stream.is_started = true;
            stream.target = String::from_utf8_lossy(stream.wire.head().target()).into_owned();
        }
        if let Some(length) = self.answer {
            // A client that has left gets none.
            let sent = self.respond(number, 200, Some(vec![b'c'; length]));
            assert!(matches!(sent, Ok(_) | Err(SendError::Disconnected)), "{sent:?}");
        }
        self.feed_stream(number, Input::Started);
    }
}

fn context<'a>(settings: &'a Settings, now: Tick, is_ending: bool, workspace: &'a Workspace) -> Context<'a> {
    Context { settings, now, date: b"", is_ending, restarts: false, workspace }
}
