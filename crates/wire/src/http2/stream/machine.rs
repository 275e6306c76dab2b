//! A stream as a [`Wire`]: which input means what.

use super::tunnel_request::TunnelRequest;
use super::{Answer, Incoming, Started, State, Stream};
use crate::action::{Action, Actions};
use crate::input::{Input, Shutdown};
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{
    Finished, Message, OutOfOrder, Outcome, Received, RequestId, Response, SendError, Sent, Wait,
};
use crate::settings::{Context, Settings, Tick};

impl<B: AsRef<[u8]>> Wire<B> for Stream<B> {
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        _out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Connected { .. } => self.begin(context, interface),
            Input::Started | Input::News => self.take_news(context, interface),
            Input::Tick(_) => self.expire(context),
            Input::Shutdown(Shutdown::Immediate) => self.reset(h2::Reason::CANCEL),
            Input::Broken => self.lose(true),
            Input::Lost { by_error } => self.lose(by_error),
            Input::TakenOver => self.lose(false),
            Input::Shutdown(Shutdown::Announced | Shutdown::Graceful)
            | Input::Bytes(_)
            | Input::Eof
            | Input::Full
            | Input::Writable
            | Input::Resume
            | Input::Flush
            | Input::Unsent(_)
            | Input::Progress
            | Input::WriteShutdown(_) => Actions::NONE,
        }
    }

    #[inline]
    fn send(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        self.take_message(request, message, context)
    }

    #[inline]
    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        _out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        self.take_response(request, response, context)
    }

    fn wait(&mut self, settings: &Settings) -> Wait {
        self.wait_for(settings)
    }

    fn receive(
        &mut self,
        request: RequestId,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        self.next_event(request, context)
    }

    fn watch(&mut self, request: RequestId) -> bool {
        let Some(current) = self.current(request) else { return true };
        current.is_watched = true;
        false
    }

    fn finished(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Finished {
        self.end_application(request, outcome, context)
    }

    fn turn_ends(
        &mut self,
        context: Context<'_>,
        _out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        self.send_head(context)
    }

    fn log(&mut self) -> &mut Vec<LogRecord> {
        &mut self.log
    }

    fn asks_for_websocket(&self) -> bool {
        self.websocket().is_some()
    }

    fn latest(&self) -> RequestId {
        self.number
    }

    fn head(&self) -> &http::Head {
        &self.head
    }

    fn has_arrived(&self) -> bool {
        self.request().is_none_or(|request| request.incoming != Incoming::Arriving)
    }

    fn is_answering(&self) -> bool {
        self.request().is_some()
    }

    fn holds_head(&self) -> bool {
        self.request().is_some_and(|request| matches!(request.answer, Answer::Started(..)))
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    fn is_disconnected(&self) -> bool {
        !matches!(self.state, State::Open(_))
    }

    fn has_lost_client(&self) -> bool {
        self.was_cut
    }

    fn was_left_by_peer(&self) -> bool {
        matches!(self.state, State::Over { by_peer: true })
    }

    fn is_late(&self, now: Tick) -> bool {
        self.deadline.is_over(now)
    }

    fn is_drained(&self) -> bool {
        self.request().is_none_or(|request| !request.is_blocked)
    }
}

impl<B: AsRef<[u8]>> Stream<B> {
    /// Starts the request, with the content that has arrived with it.
    fn begin(&mut self, context: Context<'_>, interface: &mut impl Interface) -> Actions {
        if let Some(TunnelRequest::Refused(reply)) =
            self.request().and_then(|request| request.tunnel_request.as_deref())
        {
            return self.answer(*reply, context);
        }
        let actions = if self.websocket().is_some() {
            self.keep_input()
        } else if self.has_arrived() {
            Actions::NONE
        } else {
            self.take_content(context, interface)
        };
        if !self.is_open() {
            return actions;
        }
        // A stream that was reset with its request costs no application (CVE-2023-44487).
        if self.began_reset() { actions.and(self.leave(true)) } else { actions.with(Action::Start) }
    }

    /// Takes a message.
    pub(super) fn take_message(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
    ) -> Result<Sent<B>, SendError> {
        let Some(current) = self.current(request) else { return Err(self.gone()) };
        let is_of_file = matches!(message, Message::FilePart { .. } | Message::FileEnd { .. });
        if current.is_file && !is_of_file {
            return Err(SendError::OutOfOrder(OutOfOrder::FileIsDue));
        }
        let sent = match message {
            Message::Start { status, fields, has_trailers } => {
                self.start(Started { status, fields, has_trailers })
            }
            Message::Content { content, more } => self.content(content, more, context),
            Message::Trailers { fields, more } => self.trailers(fields, more),
            Message::EarlyHint { links } => self.hint(&links),
            Message::File { count, more } => self.file(count, more, context),
            Message::FilePart { content } => self.file_part(content, context),
            Message::FileEnd { more } => self.end_file(more, context),
            Message::Accept { subprotocol, fields } => self.accept(subprotocol.as_ref(), &fields, context),
            Message::Close { .. } => self.forbid(context),
            Message::Data { .. } => Err(SendError::OutOfOrder(OutOfOrder::AcceptIsDue)),
        };
        self.settle(context);
        sent
    }
}
