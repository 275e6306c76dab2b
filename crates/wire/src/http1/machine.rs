//! HTTP/1.1 as a [`Wire`]: which input means what.

use super::connection::{Answer, Connection, Incoming, Phase, State, Turn};
use crate::action::{Action, Actions};
use crate::input::{HalfClose, Input, Shutdown};
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{Finished, Message, Outcome, Received, RequestId, Response, SendError, Sent, Wait};
use crate::settings::{Context, Settings, Tick};

impl<B: AsRef<[u8]>> Wire<B> for Connection<B> {
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
            Input::Started => self.go_on(context, interface, out),
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

    #[inline]
    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        self.take_response(request, response, context, out)
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
        out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        self.next_event(request, context, out)
    }

    fn watch(&mut self, request: RequestId) -> bool {
        let has_left = self.is_gone();
        let Some(current) = self.current(request) else { return true };
        current.is_watched = true;
        has_left
    }

    #[inline]
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
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        self.send_head(context, out)
    }

    fn upgrade(&mut self) -> Vec<u8> {
        self.input_of_upgrade()
    }

    #[inline]
    fn log(&mut self) -> &mut Vec<LogRecord> {
        &mut self.log
    }

    #[inline]
    fn latest(&self) -> RequestId {
        self.latest
    }

    #[inline]
    fn head(&self) -> &http::Head {
        self.http.head()
    }

    #[inline]
    fn has_arrived(&self) -> bool {
        self.request().is_none_or(|request| request.incoming != Incoming::Arriving)
    }

    fn is_answering(&self) -> bool {
        self.request().is_some()
    }

    fn asks_for_websocket(&self) -> bool {
        self.request().is_some_and(|request| request.handshake.is_some())
    }

    fn holds_head(&self) -> bool {
        self.request().is_some_and(|request| matches!(request.answer, Answer::Started(_)))
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn is_disconnected(&self) -> bool {
        self.is_gone()
    }

    fn has_lost_client(&self) -> bool {
        self.was_cut || (self.request().is_some() && self.is_gone())
    }

    fn was_left_by_peer(&self) -> bool {
        matches!(self.state, State::Closed { by_peer: true })
    }

    #[inline]
    fn is_late(&self, now: Tick) -> bool {
        self.deadline.is_over(now)
    }

    fn is_drained(&self) -> bool {
        self.is_writable || self.is_closed()
    }
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Takes an input that is not part of every request.
    #[cold]
    fn take_event(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Connected { ends_with_peer } => {
                self.ends_with_peer = ends_with_peer;
                self.state = State::Open(Phase::Between);
                self.settle(context)
            }
            Input::Eof => self.take_eof(context, interface, out),
            Input::Full => {
                self.is_writable = false;
                self.settle_deadline(context);
                Actions::NONE
            }
            Input::Writable => {
                self.is_writable = true;
                let actions = self.settle(context).with(Action::WakeSend);
                actions.and(self.yield_if_due())
            }
            Input::Resume if self.turn == Turn::Yielded => {
                self.turn = Turn::Free;
                self.take_kept(0, context, interface, out)
            }
            Input::Tick(unsent) => self.expire(unsent, context, out),
            Input::Unsent(unsent) => {
                self.deadline.limit.unsent = unsent;
                Actions::NONE
            }
            Input::Progress => {
                self.settle_deadline(context);
                self.deadline.renew(context);
                Actions::NONE
            }
            Input::WriteShutdown(HalfClose::Done) => {
                if let State::Lingering(lingering) = &mut self.state {
                    lingering.note_shut_down();
                }
                Actions::NONE
            }
            Input::WriteShutdown(HalfClose::Lost) => self.close(context),
            Input::Broken => self.note_broken(context),
            Input::Lost { by_error } => self.lose(by_error || self.http.has_input_ended(), context),
            Input::TakenOver => {
                self.log.clear();
                self.lose(false, context).without(Action::Log)
            }
            Input::Shutdown(Shutdown::Announced) => self.announce_end(context),
            Input::Shutdown(Shutdown::Graceful) => self.shut_down(context),
            Input::Shutdown(Shutdown::Immediate) => self.abort(context),
            Input::Bytes(_)
            | Input::Started
            | Input::Flush
            | Input::News
            | Input::Resume
            | Input::WriteShutdown(HalfClose::Unsupported) => Actions::NONE,
        }
    }
}
