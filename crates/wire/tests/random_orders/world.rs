//! One connection in any order of events: a peer, a transport that is a number of unsent bytes, a loop of turns, and
//! applications. What is promised at each step is checked there; `promises` checks what the peer got.

use std::mem;
use std::rc::Rc;

use wire::http1::Connection;
use wire::{
    Action, Actions, HalfClose, Input, LogRecord, Message, Outcome, Received, RequestId, SendError, Sent,
    Settings, Tick, Ticks, Wire,
};

use crate::application::{Answer, App, Call, Content, Waits, described};
use crate::draw::Draw;
use crate::peer::Script;
use crate::settings::{check_waiting, context, settings};
use crate::transport::{Broken, READ_BYTES, State, Transport};

pub(crate) struct World<'a> {
    pub(crate) draw: Draw<'a>,
    pub(crate) wire: Connection<Vec<u8>>,
    pub(crate) settings: Settings,
    pub(crate) now: Tick,
    pub(crate) is_ending: bool,
    pub(crate) script: Script,
    pub(crate) delivered: usize,
    pub(crate) has_ended_side: bool,
    pub(crate) transport: Transport,
    turn_ends: bool,
    yields: bool,
    content: Content,
    pub(crate) apps: Vec<App>,
    pub(crate) is_wild: bool,
    /// Whether anything has happened but requests, responses and turns.
    pub(crate) is_disturbed: bool,
    /// Whether the peer has sent bytes that are in no script.
    pub(crate) has_babbled: bool,
    /// Whether the connection was lost without a decision of the machine.
    pub(crate) lost_early: bool,
    /// Changes at every step that does something.
    pub(crate) progress: usize,
    pub(crate) log: Vec<LogRecord>,
    pub(crate) trace: Option<Vec<String>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(mut draw: Draw<'a>, traces: bool) -> Result<Self, Broken> {
        let script = Script::draw(&mut draw);
        let settings = settings(&mut draw);
        let transport = Transport::draw(&mut draw);
        let is_wild = draw.chance(30);
        let mut world = Self {
            draw,
            wire: Connection::new(settings.limits.clone()),
            settings,
            now: Tick(0),
            is_ending: false,
            script,
            delivered: 0,
            has_ended_side: false,
            transport,
            turn_ends: false,
            yields: false,
            content: Content::default(),
            apps: Vec::new(),
            is_wild,
            is_disturbed: false,
            has_babbled: false,
            lost_early: false,
            progress: 0,
            log: Vec::new(),
            trace: traces.then(Vec::new),
        };
        world.note(|world| format!("wild: {is_wild}; {}", world.script));
        world.feed(Input::Connected { ends_with_peer: world.transport.ends_with_peer })?;
        Ok(world)
    }

    /// Gives the machine an input.
    pub(crate) fn feed(&mut self, input: Input<'_>) -> Result<(), Broken> {
        self.note(|_| match input {
            Input::Bytes(data) => format!("Bytes({})", data.len()),
            other => format!("{other:?}"),
        });
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending);
        let actions = self.wire.on(input, context, &mut self.content, &mut out);
        self.perform(actions, out, None)
    }

    /// Delivers bytes of the peer, or the end of its side.
    pub(crate) fn deliver(&mut self, count: usize) -> Result<(), Broken> {
        if !self.transport.reads() {
            return Ok(());
        }
        let stream = Rc::clone(&self.script.stream);
        let data = &stream[self.delivered..][..count.min(READ_BYTES).min(self.script.until - self.delivered)];
        let outcome = if !data.is_empty() {
            self.progress += 1;
            self.delivered += data.len();
            self.feed(Input::Bytes(data))
        } else if self.script.ends_side && !self.has_ended_side {
            self.progress += 1;
            self.has_ended_side = true;
            self.is_disturbed |= self.transport.ends_with_peer;
            self.feed(Input::Eof)
        } else {
            Ok(())
        };
        outcome?;
        self.check_input()
    }

    /// Lets the peer read.
    pub(crate) fn read(&mut self, count: usize) -> Result<(), Broken> {
        let count = count.min(self.transport.unsent);
        if count == 0 && !self.transport.is_full {
            return Ok(());
        }
        self.progress += count;
        self.note(|_| format!("the peer reads {count}"));
        if self.transport.read(count) { self.feed(Input::Writable) } else { Ok(()) }
    }

    /// Ends a turn of the loop.
    pub(crate) fn end_turn(&mut self) -> Result<(), Broken> {
        if mem::take(&mut self.turn_ends) {
            self.progress += 1;
            let mut out = Vec::new();
            let context = context(&self.settings, self.now, self.is_ending);
            let outcome = self.wire.turn_ends(context, &mut out);
            self.note(|_| format!("the turn ends: {outcome:?}"));
            match outcome {
                Ok(actions) => {
                    if let Some(app) = self.apps.last_mut().filter(|app| app.answer == Answer::Started) {
                        app.answer = Answer::Sending;
                    }
                    self.perform(actions, out, None)?;
                }
                Err(_) => {
                    self.note_bad_head()?;
                    self.finish(self.wire.latest(), Outcome::Ended)?;
                }
            }
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
        if self.transport.is_due_to_go() { self.lose(false) } else { Ok(()) }
    }

    pub(crate) fn lose(&mut self, by_error: bool) -> Result<(), Broken> {
        self.progress += 1;
        self.lost_early |= !self.transport.is_due_to_go();
        self.transport.lose();
        self.feed(Input::Lost { by_error })
    }

    pub(crate) fn pass(&mut self, ticks: u32) -> Result<(), Broken> {
        for _ in 0..ticks {
            self.now = self.now.after(Ticks(1));
            if self.wire.is_late(self.now) && !self.transport.is_over() {
                self.is_disturbed = true;
                self.feed(Input::Tick(self.transport.unsent))?;
            }
        }
        Ok(())
    }

    /// Makes the next call of an application. Returns whether there was one.
    pub(crate) fn step(&mut self, index: usize) -> Result<bool, Broken> {
        let Some(app) = self.apps.get_mut(index) else { return Ok(false) };
        if app.waits != Waits::Nothing || app.is_over {
            return Ok(false);
        }
        self.progress += 1;
        match app.next_call(&mut self.draw) {
            Call::Receive => self.receive(index)?,
            Call::Send(message) => self.send(index, message)?,
            Call::Finish(outcome) => {
                let id = app.id;
                app.is_over = true;
                self.is_disturbed |= !app.is_complete();
                self.finish(id, outcome)?;
            }
        }
        Ok(true)
    }

    fn finish(&mut self, id: RequestId, outcome: Outcome<'_>) -> Result<(), Broken> {
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending);
        let finished = self.wire.finished(id, outcome, context, &mut out);
        self.note(|_| format!("{id:?} {outcome:?}: {finished:?}"));
        self.perform(finished.actions, out, None)
    }

    fn receive(&mut self, index: usize) -> Result<(), Broken> {
        let id = self.apps[index].id;
        let is_current = self.is_current(id);
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending);
        let (received, actions) = self.wire.receive(id, context, &mut out);
        self.note(|_| format!("{id:?} receives {received:?}"));
        let app = &mut self.apps[index];
        app.has_asked = true;
        if matches!(received, Received::Content { .. }) && self.content.request == id {
            app.got.append(&mut self.content.bytes);
        }
        app.note_received(received, &self.script.exchanges[app.number])?;
        let has_left = matches!(received, Received::Disconnect { .. });
        if has_left && is_current && !self.has_ended_side {
            return Err(format!("{id:?} is disconnected from a peer that is there"));
        }
        self.perform(actions, out, None)
    }

    fn send(&mut self, index: usize, message: Message<Vec<u8>>) -> Result<(), Broken> {
        let id = self.apps[index].id;
        let is_current = self.is_current(id);
        let expected = self.apps[index].expected(&message);
        let mut out = Vec::new();
        let context = context(&self.settings, self.now, self.is_ending);
        let sent = self.wire.send(id, message.clone(), context, &mut out);
        self.note(|_| {
            format!("{id:?} sends {}: {:?}", described(&message), sent.as_ref().map(|sent| sent.actions))
        });
        let app = &mut self.apps[index];
        app.check_sent(expected, &message, sent.as_ref().err(), is_current)?;
        let Sent { actions, content, split, is_sent, .. } = match sent {
            Ok(sent) => sent,
            Err(error) => {
                if !out.is_empty() {
                    return Err(format!("{error:?} leaves bytes behind"));
                }
                app.is_cut_off |= matches!(error, SendError::Complete | SendError::Disconnected);
                if matches!(error, SendError::Invalid(_)) {
                    self.note_bad_head()?;
                }
                return Ok(());
            }
        };
        app.note_sent(&message, is_sent);
        self.perform(actions, out, content.map(|content| (content, split)))?;
        if let Message::File { count, .. } = message
            && is_sent
        {
            self.write(&vec![b'f'; count])?;
        }
        let wait = self.wire.wait(&self.settings);
        self.apps[index].wait(wait, self.transport.is_full)
    }

    fn perform(
        &mut self,
        actions: Actions,
        out: Vec<u8>,
        content: Option<(Vec<u8>, usize)>,
    ) -> Result<(), Broken> {
        if !actions.is_empty() {
            self.note(|_| format!("  {actions:?}"));
        }
        if actions.has(Action::Write) == (out.is_empty() && content.is_none()) {
            return Err(format!("{actions:?} with {} bytes", out.len()));
        }
        // A refusal of the server that makes it full may be written with the next start.
        let was_full = self.transport.is_full;
        for action in actions {
            match action {
                Action::Write => {
                    let (head, tail) = out.split_at(content.as_ref().map_or(out.len(), |(_, split)| *split));
                    let content = content.as_ref().map_or(&[][..], |(content, _)| content);
                    self.write(&[head, content, tail].concat())?;
                }
                Action::Log => self.log.extend(self.wire.take_log()),
                Action::WakeReceive => self.wake(Waits::Event),
                Action::WakeSend => self.wake(Waits::Drain),
                Action::PauseReading => self.transport.pause(true)?,
                Action::ResumeReading => self.transport.pause(false)?,
                Action::Start => self.start(was_full)?,
                Action::Upgrade => self.upgrade()?,
                Action::NotifyTurnEnd => self.turn_ends = true,
                Action::YieldTurn if mem::replace(&mut self.yields, true) => {
                    return Err("two turns are left".into());
                }
                Action::YieldTurn => {}
                Action::ShutdownWrite => {
                    let half_close = self.transport.shut_down_write()?;
                    self.feed(Input::WriteShutdown(half_close))?;
                    if half_close == HalfClose::Lost && self.transport.state == State::Open {
                        return Err("a transport that is lost stays open".into());
                    }
                }
                Action::Close => {
                    self.progress += 1;
                    self.transport.close()?;
                    self.feed(Input::Unsent(self.transport.unsent))?;
                }
                Action::Abort | Action::Reset => {
                    self.progress += 1;
                    self.transport.abort()?;
                }
                other => return Err(format!("{other:?} without HTTP/2")),
            }
        }
        if actions.has(Action::Start) || actions.has(Action::Upgrade) {
            self.feed(Input::Started)
        } else {
            Ok(())
        }
    }

    fn wake(&mut self, from: Waits) {
        for app in &mut self.apps {
            if app.waits == from {
                app.waits = Waits::Nothing;
            }
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Broken> {
        if !self.transport.write(data)? {
            return Ok(());
        }
        self.feed(Input::Full)?;
        self.feed(Input::Unsent(self.transport.unsent))
    }

    fn start(&mut self, was_full: bool) -> Result<(), Broken> {
        self.transport.check_start(was_full)?;
        let id = self.wire.latest();
        let number = self.script.next(self.wire.head(), self.delivered)?;
        if let Some(last) = self.apps.iter().find(|app| !app.is_complete() && !app.is_cut_off && !app.is_over)
        {
            return Err(format!("{id:?} starts before the response to {:?} is complete", last.id));
        }
        let app = App::new(id, number, self.is_wild, &mut self.draw);
        self.note(|_| format!("request {number} starts as {id:?}"));
        self.apps.push(app);
        for _ in 0..self.draw.below(12) {
            self.step(self.apps.len() - 1)?;
        }
        Ok(())
    }

    fn upgrade(&mut self) -> Result<(), Broken> {
        let number = self.script.next(self.wire.head(), self.delivered)?;
        let input = self.wire.upgrade();
        self.progress += 1;
        let rest = &self.script.stream[self.script.exchanges[number].head_end..self.delivered];
        if !self.has_babbled && !input.ends_with(rest) {
            return Err("the protocol that takes over does not get the rest of the input".into());
        }
        if self.draw.chance(50) {
            self.transport.state = State::TakenOver;
            return self.feed(Input::TakenOver);
        }
        let answer = Outcome::Answer { status: 501, text: "not here\n", closes: false };
        self.finish(self.wire.latest(), answer)
    }

    /// A head can't be sent: the application is owed another attempt, or the client gets an answer of the server's.
    fn note_bad_head(&mut self) -> Result<(), Broken> {
        self.is_disturbed = true;
        let latest = self.wire.latest();
        let app = self.apps.iter_mut().find(|app| app.id == latest);
        app.map_or_else(|| Err("no head waits".into()), App::note_bad_head)
    }

    fn is_current(&self, id: RequestId) -> bool {
        self.wire.is_answering() && self.wire.latest() == id
    }

    /// What waits in the machine is limited: beyond that, reading is paused.
    fn check_input(&self) -> Result<(), Broken> {
        if !self.wire.is_open() || self.transport.is_pushy {
            return Ok(());
        }
        let Some(app) = self.apps.last().filter(|app| self.is_current(app.id)) else { return Ok(()) };
        // One read may be too much.
        let room = if self.transport.reads_paused { READ_BYTES } else { 0 };
        let [unread, total] = self.content.of(app.id);
        let (delivered, unread) = (self.delivered.saturating_sub(room), unread.saturating_sub(room));
        check_waiting(&self.settings, &self.script.exchanges[app.number], delivered, [unread, total])
    }

    pub(crate) fn note(&mut self, text: impl FnOnce(&Self) -> String) {
        if let Some(mut trace) = self.trace.take() {
            trace.push(text(self));
            self.trace = Some(trace);
        }
    }
}
