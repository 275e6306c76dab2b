//! A WebSocket over a stream as a [`Wire`]: what is said of a stream becomes what WebSocket knows of a transport.

use super::Tunnel;
use crate::action::Actions;
use crate::input::Input;
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{Finished, Message, Outcome, Received, RequestId, Response, SendError, Sent, Wait};
use crate::settings::{Context, Settings, Tick};

impl<B: AsRef<[u8]>> Wire<B> for Tunnel<B> {
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        _out: &mut Vec<u8>,
    ) -> Actions {
        let mut encoded = Vec::new();
        let actions = match input {
            Input::News => self.take_news(context, interface, &mut encoded),
            Input::Tick(_) => {
                let unsent = self.transport.unsent();
                self.tell(Input::Tick(unsent), context, &mut encoded)
            }
            Input::Started | Input::Resume | Input::Shutdown(_) => {
                let websocket = &mut self.websocket;
                Wire::<B>::on(websocket, input, context, interface, &mut encoded)
            }
            Input::Lost { .. } | Input::Broken | Input::TakenOver => {
                let by_error = !matches!(input, Input::Lost { by_error: false } | Input::TakenOver);
                self.transport.note_lost(by_error);
                Actions::NONE
            }
            // What is said of the transport of the connection.
            _ => Actions::NONE,
        };
        let actions = self.note_reading(actions);
        self.perform(actions, encoded, None, context)
    }

    #[inline]
    fn send(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let mut encoded = Vec::new();
        let sent = self.websocket.send(request, message, context, &mut encoded)?;
        let actions = self.note_reading(sent.actions);
        let actions = self.perform(actions, encoded, sent.content, context);
        Ok(Sent { actions, is_sent: sent.is_sent, ..Sent::NOTHING })
    }

    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        self.websocket.respond(request, response, context, out)
    }

    #[inline]
    fn wait(&mut self, settings: &Settings) -> Wait {
        Wire::<B>::wait(&mut self.websocket, settings)
    }

    #[inline]
    fn receive(
        &mut self,
        request: RequestId,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        let mut encoded = Vec::new();
        let (received, actions) = Wire::<B>::receive(&mut self.websocket, request, context, &mut encoded);
        if actions.is_empty() {
            return (received, actions);
        }
        let actions = self.note_reading(actions);
        (received, self.perform(actions, encoded, None, context))
    }

    fn watch(&mut self, request: RequestId) -> bool {
        Wire::<B>::watch(&mut self.websocket, request)
    }

    fn finished(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Finished {
        let mut encoded = Vec::new();
        let finished = Wire::<B>::finished(&mut self.websocket, request, outcome, context, &mut encoded);
        let actions = self.note_reading(finished.actions);
        Finished { actions: self.perform(actions, encoded, None, context), ..finished }
    }

    fn turn_ends(
        &mut self,
        _context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        Ok(Actions::NONE)
    }

    #[inline]
    fn log(&mut self) -> &mut Vec<LogRecord> {
        Wire::<B>::log(&mut self.websocket)
    }

    fn asks_for_websocket(&self) -> bool {
        true
    }

    fn close_reason(&self) -> &str {
        Wire::<B>::close_reason(&self.websocket)
    }

    fn latest(&self) -> RequestId {
        Wire::<B>::latest(&self.websocket)
    }

    fn head(&self) -> &http::Head {
        Wire::<B>::head(&self.websocket)
    }

    fn has_arrived(&self) -> bool {
        true
    }

    fn is_answering(&self) -> bool {
        Wire::<B>::is_answering(&self.websocket)
    }

    fn is_open(&self) -> bool {
        Wire::<B>::is_open(&self.websocket)
    }

    fn is_closed(&self) -> bool {
        Wire::<B>::is_closed(&self.websocket)
    }

    fn is_disconnected(&self) -> bool {
        Wire::<B>::is_disconnected(&self.websocket)
    }

    fn has_lost_client(&self) -> bool {
        false
    }

    fn was_left_by_peer(&self) -> bool {
        false
    }

    fn is_late(&self, now: Tick) -> bool {
        Wire::<B>::is_late(&self.websocket, now)
    }

    fn is_drained(&self) -> bool {
        Wire::<B>::is_drained(&self.websocket)
    }
}
