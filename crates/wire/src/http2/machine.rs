//! The connection as a [`Wire`]: which input means what. It has no request of its own.

use super::connection::{Connection, State};
use crate::action::{Action, Actions};
use crate::input::{HalfClose, Input, Shutdown};
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{
    Ending, Finished, Message, Outcome, Received, RequestId, Response, SendError, Sent, Wait,
};
use crate::settings::{Context, Settings, Tick};

impl<B: AsRef<[u8]>> Wire<B> for Connection<B> {
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        _interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Bytes(data) => self.take_bytes(data, context, out),
            Input::Connected { .. } | Input::Flush => self.go_on(context, out),
            Input::Eof => self.take_eof(context, out),
            Input::Full => {
                self.is_writable = false;
                self.settle_wait(context);
                Actions::NONE
            }
            Input::Writable => {
                self.is_writable = true;
                self.go_on(context, out)
            }
            Input::Resume => {
                self.is_resumed = false;
                self.go_on(context, out)
            }
            Input::Tick(unsent) => self.expire(unsent, context, out),
            Input::Unsent(unsent) => {
                self.unsent = unsent;
                Actions::NONE
            }
            Input::WriteShutdown(HalfClose::Lost) => self.close(context),
            Input::Broken => self.abort(context).without(Action::Abort),
            Input::Lost { by_error } => self.lose(by_error, context),
            Input::TakenOver => self.lose(false, context),
            Input::Shutdown(Shutdown::Announced) => self.announce_end(context, out),
            Input::Shutdown(Shutdown::Graceful) => self.shut_down(context, out),
            Input::Shutdown(Shutdown::Immediate) => self.abort(context),
            Input::Started | Input::News | Input::Progress | Input::WriteShutdown(_) => Actions::NONE,
        }
    }

    fn send(
        &mut self,
        _request: RequestId,
        _message: Message<B>,
        _context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        Err(SendError::Disconnected)
    }

    fn respond<'a>(
        &mut self,
        _request: RequestId,
        _response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        _context: Context<'a>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        Err(SendError::Disconnected)
    }

    fn wait(&mut self, _settings: &Settings) -> Wait {
        Wait::Nothing
    }

    fn receive(
        &mut self,
        _request: RequestId,
        _context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        (Received::Disconnect { is_cut: false }, Actions::NONE)
    }

    fn watch(&mut self, _request: RequestId) -> bool {
        true
    }

    fn finished(
        &mut self,
        _request: RequestId,
        _outcome: Outcome<'_>,
        _context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Finished {
        let was_disconnected = !matches!(self.state, State::Open(_));
        Finished { ending: Ending::Complete, was_disconnected, actions: Actions::NONE }
    }

    /// Streams have sent something.
    fn turn_ends(
        &mut self,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        Ok(self.go_on(context, out))
    }

    fn log(&mut self) -> &mut Vec<LogRecord> {
        &mut self.log
    }

    fn latest(&self) -> RequestId {
        self.latest
    }

    fn has_arrived(&self) -> bool {
        true
    }

    fn is_answering(&self) -> bool {
        self.has_streams()
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn is_disconnected(&self) -> bool {
        !matches!(self.state, State::Open(_))
    }

    fn has_lost_client(&self) -> bool {
        false
    }

    fn was_left_by_peer(&self) -> bool {
        matches!(self.state, State::Closed { by_peer: true })
    }

    fn is_late(&self, now: Tick) -> bool {
        (self.late <= now && self.late != Tick::NEVER) || self.outbox.is_late(now)
    }

    fn is_drained(&self) -> bool {
        self.is_writable || matches!(self.state, State::Closed { .. })
    }
}
