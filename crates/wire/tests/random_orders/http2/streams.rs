//! The streams of a connection with their applications: what each is told, asks for and sends.

use std::mem;

use wire::{
    Action, Actions, Input, Message, Outcome, Received, RequestId, SendError, Sent, StreamNews, Wire,
};

use super::world::{State, Stream, World};
use crate::application::{Answer, App, Call, Content, Waits, described};
use crate::settings::context;
use crate::transport::Broken;

impl World<'_> {
    /// Gives a stream an input.
    pub(crate) fn feed_stream(&mut self, number: u32, input: Input<'_>) -> Result<(), Broken> {
        self.note(|_| format!("  stream {number}: {input:?}"));
        let Some(stream) = self.streams.get_mut(&number) else { return Ok(()) };
        let context = context(&self.settings, self.now, self.is_ending);
        let actions = stream.wire.on(input, context, &mut stream.content, &mut Vec::new());
        self.perform_stream(number, actions)
    }

    /// Makes the next call of an application. Returns whether there was one.
    pub(crate) fn step(&mut self, index: usize) -> Result<bool, Broken> {
        let Some(app) = self.apps.get_mut(index) else { return Ok(false) };
        if app.waits != Waits::Nothing || app.is_over {
            return Ok(false);
        }
        self.progress += 1;
        let number = app.id.0;
        match app.next_call(&mut self.draw) {
            Call::Receive => self.receive(index)?,
            // A stream sends files in pieces.
            Call::Send(Message::File { count, more }) => {
                self.send(index, Message::Content { content: Some(vec![b'f'; count]), more })?;
            }
            Call::Send(message) => self.send(index, message)?,
            Call::Finish(outcome) => {
                app.is_over = true;
                self.is_disturbed |= !app.is_complete();
                self.finish(number, outcome)?;
            }
        }
        Ok(true)
    }

    pub(crate) fn end_stream_turn(&mut self, number: u32) -> Result<(), Broken> {
        let Some(stream) = self.streams.get_mut(&number) else { return Ok(()) };
        if !stream.wire.holds_head() {
            return Ok(());
        }
        let context = context(&self.settings, self.now, self.is_ending);
        let outcome = stream.wire.turn_ends(context, &mut Vec::new());
        self.note(|_| format!("the turn of stream {number} ends: {outcome:?}"));
        match outcome {
            Ok(actions) => {
                if let Some(app) = self.app_of(number)
                    && app.answer == Answer::Started
                {
                    app.answer = Answer::Sending;
                }
                self.perform_stream(number, actions)
            }
            Err(_) => {
                self.is_disturbed = true;
                self.app_of(number).map_or(Ok(()), App::note_bad_head)?;
                self.finish(number, Outcome::Ended)
            }
        }
    }

    pub(crate) fn finish(&mut self, number: u32, outcome: Outcome<'_>) -> Result<(), Broken> {
        let Some(stream) = self.streams.get_mut(&number) else { return Ok(()) };
        let context = context(&self.settings, self.now, self.is_ending);
        let finished = stream.wire.finished(RequestId(number), outcome, context, &mut Vec::new());
        self.note(|_| format!("stream {number} {outcome:?}: {finished:?}"));
        self.perform_stream(number, finished.actions)
    }

    fn receive(&mut self, index: usize) -> Result<(), Broken> {
        let (number, request) = (self.apps[index].id.0, self.apps[index].number);
        let (received, actions) = match self.streams.get_mut(&number) {
            Some(stream) => {
                let context = context(&self.settings, self.now, self.is_ending);
                let (received, actions) = stream.wire.receive(RequestId(number), context, &mut Vec::new());
                if matches!(received, Received::Content { .. }) {
                    self.apps[index].got.append(&mut stream.content.bytes);
                }
                (received, actions)
            }
            None => (Received::Disconnect { is_cut: false }, Actions::NONE),
        };
        self.note(|_| format!("stream {number} receives {received:?}"));
        let app = &mut self.apps[index];
        app.has_asked = true;
        app.note_received(received, &self.client.requests[request].exchange)?;
        self.perform_stream(number, actions)
    }

    fn send(&mut self, index: usize, message: Message<Vec<u8>>) -> Result<(), Broken> {
        let number = self.apps[index].id.0;
        let expected = self.apps[index].expected(&message);
        let is_current = self.streams.get(&number).is_some_and(|stream| !stream.is_over);
        let sent = match self.streams.get_mut(&number) {
            Some(stream) => {
                let context = context(&self.settings, self.now, self.is_ending);
                stream.wire.send(RequestId(number), message.clone(), context, &mut Vec::new())
            }
            None if self.apps[index].is_complete() => Err(SendError::Complete),
            None => Err(SendError::Disconnected),
        };
        self.note(|_| {
            let outcome = sent.as_ref().map(|sent| sent.actions);
            format!("stream {number} sends {}: {outcome:?}", described(&message))
        });
        let has_left = matches!(sent, Err(SendError::Disconnected));
        let app = &mut self.apps[index];
        app.check_sent(expected, &message, sent.as_ref().err(), is_current && !has_left)?;
        let Sent { actions, content, is_sent, .. } = match sent {
            Ok(sent) => sent,
            Err(error) => {
                app.is_cut_off |= matches!(error, SendError::Complete | SendError::Disconnected);
                if matches!(error, SendError::Invalid(_)) {
                    self.is_disturbed = true;
                    app.note_bad_head()?;
                }
                return Ok(());
            }
        };
        if content.is_some() {
            return Err(format!("stream {number} leaves content to the driver"));
        }
        app.note_sent(&message, is_sent);
        self.perform_stream(number, actions)?;
        let wait = self.streams.get_mut(&number).map(|stream| stream.wire.wait(&self.settings));
        wait.map_or(Ok(()), |wait| self.apps[index].wait(wait, true))
    }

    /// Gives the streams what they have to know.
    pub(crate) fn serve(&mut self) -> Result<(), Broken> {
        self.is_flush_due = true;
        while let Some(news) = self.wire.next_stream() {
            match news {
                StreamNews::Begins(RequestId(number), wire) => {
                    let stream = Stream { wire, content: Content::default(), is_over: false };
                    if self.streams.insert(number, stream).is_some() {
                        return Err(format!("stream {number} begins twice"));
                    }
                    self.feed_stream(number, Input::Connected { ends_with_peer: true })?;
                }
                StreamNews::Has(RequestId(number)) => self.feed_stream(number, Input::News)?,
            }
        }
        Ok(())
    }

    fn perform_stream(&mut self, number: u32, actions: Actions) -> Result<(), Broken> {
        if !actions.is_empty() {
            self.note(|_| format!("    stream {number}: {actions:?}"));
        }
        for action in actions {
            let Some(stream) = self.streams.get_mut(&number) else {
                return Err(format!("stream {number} is over and asks for {action:?}"));
            };
            match action {
                Action::Log => self.log.extend(stream.wire.take_log()),
                Action::WakeReceive => self.wake(number, Waits::Event),
                Action::WakeSend => self.wake(number, Waits::Drain),
                Action::FlushConnection => self.is_flush_due = true,
                Action::Start => {}
                Action::EndStream if mem::replace(&mut stream.is_over, true) => {
                    return Err(format!("stream {number} ends twice"));
                }
                Action::EndStream => {}
                other => return Err(format!("stream {number} asks for {other:?}")),
            }
        }
        if actions.has(Action::Start) {
            self.start(number)?;
            self.feed_stream(number, Input::Started)?;
        }
        if self.streams.get(&number).is_some_and(|stream| stream.is_over) {
            self.streams.remove(&number);
        }
        Ok(())
    }

    fn start(&mut self, number: u32) -> Result<(), Broken> {
        if !matches!(self.state, State::Open) {
            return Err(format!("a request starts while the transport is {:?}", self.state));
        }
        let Some(stream) = self.streams.get(&number) else { return Ok(()) };
        let target = String::from_utf8_lossy(stream.wire.head().target()).into_owned();
        let request: usize = target[1..].parse().map_err(|_| format!("a head for {target:?}"))?;
        if self.apps.iter().any(|app| app.number == request) || request >= self.client.requests.len() {
            return Err(format!("request {request} starts again, or before it was sent"));
        }
        let app = App::new(RequestId(number), request, self.is_wild, &mut self.draw);
        self.note(|_| format!("request {request} starts as stream {number}"));
        self.apps.push(app);
        for _ in 0..self.draw.below(12) {
            self.step(self.apps.len() - 1)?;
        }
        Ok(())
    }

    fn wake(&mut self, number: u32, from: Waits) {
        if let Some(app) = self.app_of(number)
            && app.waits == from
        {
            app.waits = Waits::Nothing;
        }
    }

    fn app_of(&mut self, number: u32) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.id.0 == number)
    }
}
