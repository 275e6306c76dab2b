//! WebSocket as a [`Wire`]: which input means what.

use super::connection::{Connection, State};
use crate::action::{Action, Actions};
use crate::input::{HalfClose, Input, Shutdown};
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{
    Finished, Message, OutOfOrder, Outcome, Received, RequestId, Response, SendError, Sent, Wait,
};
use crate::settings::{Context, Settings, Tick};

impl<B: AsRef<[u8]>> Wire<B> for Connection {
    #[inline]
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Bytes(data) => self.take_bytes(data, context, interface, out),
            other => self.take_event(other, context, interface, out),
        }
    }

    #[inline]
    fn send(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        self.take_message(request, message, context, out)
    }

    fn respond<'a>(
        &mut self,
        _request: RequestId,
        _response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        _context: Context<'a>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        Err(SendError::OutOfOrder(OutOfOrder::HasAccepted))
    }

    #[inline]
    fn wait(&mut self, settings: &Settings) -> Wait {
        self.wait_for(settings)
    }

    #[inline]
    fn receive(
        &mut self,
        request: RequestId,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        self.next_event(request, context)
    }

    fn watch(&mut self, _request: RequestId) -> bool {
        !self.is_open()
    }

    fn finished(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished {
        self.end_application(request, outcome, context, out)
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
        &mut self.log
    }

    fn asks_for_websocket(&self) -> bool {
        true
    }

    fn close_reason(&self) -> &str {
        &self.reason
    }

    fn latest(&self) -> RequestId {
        self.request
    }

    fn has_arrived(&self) -> bool {
        true
    }

    fn is_answering(&self) -> bool {
        self.is_open()
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn is_disconnected(&self) -> bool {
        !Self::is_open(self)
    }

    fn has_lost_client(&self) -> bool {
        false
    }

    fn was_left_by_peer(&self) -> bool {
        false
    }

    fn is_late(&self, now: Tick) -> bool {
        self.limit.is_over(now)
    }

    fn is_drained(&self) -> bool {
        self.is_writable || matches!(self.state, State::Closed { .. })
    }
}

impl Connection {
    /// Takes an input that is not part of every message.
    #[cold]
    fn take_event(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Eof => self.take_eof(context),
            Input::Full => {
                self.is_writable = false;
                self.settle_wait(context);
                Actions::NONE
            }
            Input::Writable => {
                self.is_writable = true;
                let actions = self.answer_ping(out).with(Action::WakeSend);
                actions.and(self.settle(context))
            }
            Input::Started | Input::Resume if self.is_resumed => {
                self.is_resumed = false;
                self.take_kept(context, interface, out)
            }
            Input::Tick(unsent) => self.expire(unsent, context, out),
            Input::Unsent(unsent) => {
                self.limit.unsent = unsent;
                Actions::NONE
            }
            Input::WriteShutdown(HalfClose::Done) => {
                if let State::Lingering { lingering, .. } = &mut self.state {
                    lingering.note_shut_down();
                }
                Actions::NONE
            }
            Input::WriteShutdown(HalfClose::Lost) => self.end_with_peer(context),
            Input::Broken => self.note_broken(context),
            Input::Lost { .. } | Input::TakenOver => self.lose(context),
            Input::Shutdown(Shutdown::Announced | Shutdown::Graceful) => self.shut_down(context, out),
            Input::Shutdown(Shutdown::Immediate) => self.abort("", context),
            Input::Connected { .. }
            | Input::Bytes(_)
            | Input::Started
            | Input::Flush
            | Input::News
            | Input::Resume
            | Input::Progress
            | Input::WriteShutdown(HalfClose::Unsupported) => Actions::NONE,
        }
    }
}
