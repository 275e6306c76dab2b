//! A driver without an interpreter: it performs a machine's actions on a transport that is a buffer.
//!
//! It knows neither the wire nor the interface: both are parameters. Tests hold the machine against what the peer saw.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod feed;
pub(crate) mod feed_http2;
pub(crate) mod frames;
pub(crate) mod http2_settings;
pub(crate) mod multiplexed;
pub(crate) mod responses;

use websocket::Workspace;
use wire::{
    Action, Actions, Context, HalfClose, Input, Interface, LogRecord, Message, NotedParts, Outcome,
    RequestId, SendError, Sent, Settings, Shutdown, Tick, Ticks, Upgrades, Wait, WebSocketSettings, Wire,
};

/// An application, as far as a driver knows one: it is started with a request, and may answer then.
pub(crate) trait Application: Interface {
    /// Takes a request, and returns the messages that it sends at once.
    fn start(&mut self, request: RequestId, head: &http::Head) -> Vec<Message<Vec<u8>>>;
}

/// A connection with its transport.
pub(crate) struct Driver<W, A> {
    pub(crate) wire: W,
    pub(crate) application: A,
    pub(crate) settings: Settings,
    pub(crate) now: Tick,
    pub(crate) is_ending: bool,
    /// Whether another server goes on after the end.
    pub(crate) restarts: bool,
    workspace: Workspace,
    /// Everything that the peer got.
    pub(crate) written: Vec<u8>,
    /// Whether the peer sees the end of what it gets.
    pub(crate) has_shut_down: bool,
    pub(crate) is_closed: bool,
    pub(crate) is_aborted: bool,
    /// Whether the peer sees a reset.
    pub(crate) is_reset: bool,
    pub(crate) reads_paused: bool,
    /// Whether the transport can end its side.
    pub(crate) half_close: HalfClose,
    /// Every action so far.
    pub(crate) performed: Vec<Action>,
    pub(crate) log: Vec<LogRecord>,
    /// Turns of the loop that were asked for.
    pub(crate) turns: usize,
    pub(crate) turn_ends: bool,
    pub(crate) errors: Vec<SendError>,
    /// Why heads could not be sent at the end of a turn.
    pub(crate) head_errors: Vec<http::LocalProtocolError>,
    /// The statuses of responses whose content was left out.
    pub(crate) left_out: Vec<u16>,
    /// Whether another protocol takes over what the machine offers. Otherwise the request is answered with 501.
    pub(crate) takes_over: bool,
    pub(crate) upgraded: Option<Vec<u8>>,
    /// The bytes that wait for the peer when the transport is told to close.
    pub(crate) unsent: usize,
    /// Whether applications take their first step when the test calls [`begin`](Self::begin).
    pub(crate) begins_later: bool,
}

impl<W: Wire<Vec<u8>>, A: Application> Driver<W, A> {
    /// Makes a connection.
    pub(crate) fn connect(wire: W, application: A, settings: Settings) -> Self {
        Self::connect_over(wire, application, settings, false)
    }

    /// Makes a connection over a transport that ends with the peer's side, or does not.
    pub(crate) fn connect_over(wire: W, application: A, settings: Settings, ends_with_peer: bool) -> Self {
        let mut driver = Self {
            wire,
            application,
            settings,
            now: Tick(0),
            is_ending: false,
            restarts: false,
            workspace: Workspace::default(),
            written: Vec::new(),
            has_shut_down: false,
            is_closed: false,
            is_aborted: false,
            is_reset: false,
            reads_paused: false,
            half_close: HalfClose::Done,
            performed: Vec::new(),
            log: Vec::new(),
            turns: 0,
            turn_ends: false,
            errors: Vec::new(),
            head_errors: Vec::new(),
            left_out: Vec::new(),
            takes_over: true,
            upgraded: None,
            unsent: 0,
            begins_later: false,
        };
        driver.feed(Input::Connected { ends_with_peer });
        driver
    }

    /// Gives the machine an input, and performs what follows.
    pub(crate) fn feed(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
        let actions = self.wire.on(input, context, &mut self.application, &mut out);
        self.perform(actions, &out, None);
    }

    /// Sends a message of the application.
    pub(crate) fn send(&mut self, request: RequestId, message: Message<Vec<u8>>) -> Result<bool, SendError> {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
        let Sent { actions, content, split, is_sent, left_out } =
            self.wire.send(request, message, context, &mut out)?;
        self.left_out.extend(left_out);
        self.perform(actions, &out, content.map(|content| (content, split)));
        Ok(is_sent)
    }

    /// Sends a whole response of the application.
    pub(crate) fn respond(
        &mut self,
        request: RequestId,
        status: u16,
        fields: &[(&str, &str)],
        content: Option<Vec<u8>>,
    ) -> Result<bool, SendError> {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let response = wire::Response { status, fields, content };
        let Sent { actions, content, split, is_sent, left_out } =
            self.wire.respond(request, response, context, &mut out)?;
        self.left_out.extend(left_out);
        self.perform(actions, &out, content.map(|content| (content, split)));
        Ok(is_sent)
    }

    /// Asks for an event of a request.
    pub(crate) fn receive(&mut self, request: RequestId) -> wire::Received {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
        let (received, actions) = self.wire.receive(request, context, &mut out);
        self.perform(actions, &out, None);
        received
    }

    /// Returns what the sender of the last message waits for.
    pub(crate) fn wait(&mut self) -> Wait {
        self.wire.wait(&self.settings)
    }

    /// Ends the application of a request.
    pub(crate) fn finish(&mut self, request: RequestId, outcome: Outcome<'_>) -> wire::Ending {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
        let finished = self.wire.finished(request, outcome, context, &mut out);
        self.perform(finished.actions, &out, None);
        finished.ending
    }

    /// Ends a turn of the loop: heads that wait are sent, and those that gave way go on.
    pub(crate) fn end_turn(&mut self) {
        if std::mem::take(&mut self.turn_ends) {
            let mut out = Vec::new();
            let context = context(&self.settings, self.now, self.is_ending, self.restarts, &self.workspace);
            match self.wire.turn_ends(context, &mut out) {
                Ok(actions) => self.perform(actions, &out, None),
                Err(error) => {
                    self.head_errors.push(error);
                    self.finish(self.wire.latest(), Outcome::Ended);
                }
            }
        }
        for _ in 0..std::mem::take(&mut self.turns) {
            self.feed(Input::Resume);
        }
    }

    /// Lets time pass; `unsent` bytes wait for the peer.
    pub(crate) fn pass(&mut self, ticks: u32, unsent: usize) {
        for _ in 0..ticks {
            self.now = self.now.after(Ticks(1));
            if self.wire.is_late(self.now) {
                self.feed(Input::Tick(unsent));
            }
        }
    }

    /// Ends the server.
    pub(crate) fn shut_down(&mut self, how: Shutdown) {
        self.is_ending = true;
        self.feed(Input::Shutdown(how));
    }

    /// Returns what the peer got as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    fn perform(&mut self, actions: Actions, out: &[u8], content: Option<(Vec<u8>, usize)>) {
        let mut started = false;
        for action in actions {
            self.performed.push(action);
            match action {
                Action::Write => self.write(out, content.as_ref()),
                Action::Log => self.log.extend(self.wire.take_log()),
                Action::PauseReading => self.reads_paused = true,
                Action::ResumeReading => self.reads_paused = false,
                Action::Start => started = true,
                Action::Upgrade => self.hand_over(),
                Action::NotifyTurnEnd => self.turn_ends = true,
                Action::YieldTurn => self.turns += 1,
                Action::ShutdownWrite => {
                    self.has_shut_down |= self.half_close == HalfClose::Done;
                    self.feed(Input::WriteShutdown(self.half_close));
                }
                Action::Close => {
                    self.is_closed = true;
                    self.feed(Input::Unsent(self.unsent));
                }
                Action::Abort => (self.is_closed, self.is_aborted) = (true, true),
                Action::Reset => (self.is_closed, self.is_reset) = (true, true),
                Action::WakeReceive | Action::WakeSend => {}
                Action::Streams | Action::FlushConnection | Action::EndStream | Action::SpeakHttp2 => {
                    panic!("HTTP/2 has a driver of its own: {action:?}");
                }
            }
        }
        if started && !self.begins_later {
            self.begin();
        }
    }

    /// Has the application take its first step.
    pub(crate) fn begin(&mut self) {
        self.start();
        self.feed(Input::Started);
    }

    fn hand_over(&mut self) {
        self.upgraded = Some(self.wire.upgrade());
        if self.takes_over {
            self.feed(Input::TakenOver);
        } else {
            let answer = Outcome::Answer { status: 501, text: "not here\n", closes: false };
            self.finish(self.wire.latest(), answer);
            self.feed(Input::Started);
        }
    }

    fn start(&mut self) {
        let request = self.wire.latest();
        for message in self.application.start(request, self.wire.head()) {
            if let Err(error) = self.send(request, message) {
                self.errors.push(error);
            }
        }
    }

    fn write(&mut self, out: &[u8], content: Option<&(Vec<u8>, usize)>) {
        assert!(!self.is_closed && !self.has_shut_down, "nothing is written after the end");
        let (head, tail) = out.split_at(content.map_or(out.len(), |(_, split)| *split));
        self.written.extend_from_slice(head);
        self.written.extend_from_slice(content.map_or(&[], |(content, _)| content));
        self.written.extend_from_slice(tail);
    }
}

fn context<'a>(
    settings: &'a Settings,
    now: Tick,
    is_ending: bool,
    restarts: bool,
    workspace: &'a Workspace,
) -> Context<'a> {
    Context { settings, now, date: b"", is_ending, restarts, workspace }
}

/// The settings of the tests: small numbers, so that each limit can be met.
pub(crate) fn settings() -> Settings {
    Settings {
        limits: limits().into(),
        head_time: Some(Ticks(8)),
        body_time: Some(Ticks(8)),
        body_bytes_per_tick: Some(10.0),
        keep_alive_time: Some(Ticks(16)),
        linger_time: Ticks(4),
        linger_time_at_most: Ticks(20),
        waiting_body_bytes: 1000,
        requests_per_turn: 4,
        response_bytes_per_turn: 10_000,
        server: Vec::new(),
        refusal: Vec::new(),
        fields: Vec::new(),
        logs_requests: true,
        logs_refusals: true,
        noted: Some(NotedParts::line()),
        upgrades: Upgrades::Refused,
        websocket: websocket(),
        http2: http2_settings::http2(),
    }
}

/// The settings of WebSockets in the tests.
pub(crate) fn websocket() -> WebSocketSettings {
    WebSocketSettings {
        limits: websocket::Limits { frame_bytes: 10_000, message_bytes: 10_000 },
        waiting_messages: 4,
        waiting_bytes: 5000,
        ping_interval: Some(Ticks(16)),
        ping_timeout: Some(Ticks(8)),
        close_time: Ticks(10),
        deflate: None,
    }
}

/// The limits of the tests.
pub(crate) fn limits() -> http::Limits {
    http::Limits {
        request_line_bytes: 200,
        head_bytes: 1000,
        fields: 20,
        method_bytes: 32,
        body_bytes: 100_000,
        chunk_extension_bytes: 64,
        chunk_extensions_bytes: 128,
        trailer_bytes: 200,
        backlog_bytes: 500,
        drain_bytes: 300,
    }
}

/// Returns the request line that a record has.
pub(crate) fn line_of(record: &LogRecord) -> Option<String> {
    let noted = record.noted.as_ref()?.part(0)?;
    Some(String::from_utf8_lossy(noted).into_owned())
}
