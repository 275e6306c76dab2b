//! The two axes: what a peer speaks, and what an application speaks.
//!
//! Between them stands one request with its response, numbered within its connection.

use std::sync::LazyLock;

use ::websocket::{Kind, Payload};

use crate::action::Actions;
use crate::input::Input;
use crate::log::LogRecord;
use crate::message::{Finished, Message, Outcome, Received, RequestId, Response, SendError, Sent, Wait};
use crate::settings::{Context, Settings, Tick};

static NO_HEAD: LazyLock<http::Head> = LazyLock::new(http::Head::default);

/// A machine: the state of one connection, whatever its peer speaks.
///
/// Every call appends what it encodes to `out`, which is to be written if the answer has
/// [`Action::Write`](crate::Action::Write). `B` are bytes of an application, which can be kept and sent without a copy.
/// A driver may call a machine again while it performs the actions of an earlier answer: an application that is started
/// sends, and a transport that is written to asks for a pause.
pub trait Wire<B: AsRef<[u8]>> {
    /// Takes an input.
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions;

    /// Takes a message of the application that answers a request.
    ///
    /// # Errors
    ///
    /// The message can't be sent; nothing of it is, and the request is still to be answered.
    fn send(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError>;

    /// Takes a whole response: what [`Start`](Message::Start) and the only [`Content`](Message::Content) say, in one
    /// call and with fields that are borrowed.
    ///
    /// # Errors
    ///
    /// The response can't be sent; nothing of it is, and the request is still to be answered.
    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError>;

    /// Returns what the sender of a message waits for, once that was written.
    fn wait(&mut self, settings: &Settings) -> Wait;

    /// Returns what the application that asks for an event of its request gets. An application that asks for content is
    /// ready for it, so a client that waits for permission gets it.
    fn receive(&mut self, request: RequestId, context: Context<'_>, out: &mut Vec<u8>)
    -> (Received, Actions);

    /// Asks to be woken, by [`WakeReceive`](crate::Action::WakeReceive), once the client of a request has left, whether
    /// or not it asks for events. Returns whether it has already, or the request is over.
    fn watch(&mut self, request: RequestId) -> bool;

    /// Takes the end of an application, or an answer instead of one.
    fn finished(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished;

    /// Sends what waits for more from the application: the turn ends without it.
    ///
    /// # Errors
    ///
    /// It can't be sent, and is dropped; the request is still to be answered.
    fn turn_ends(
        &mut self,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError>;

    /// Returns the input for the protocol that takes over: the request that asks for it and everything after it.
    /// Empty where no other protocol does.
    fn upgrade(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Returns the list of what is to be logged. The driver empties it; that it keeps its memory saves an allocation for
    /// each record.
    fn log(&mut self) -> &mut Vec<LogRecord>;

    /// Takes what is to be logged.
    fn take_log(&mut self) -> Vec<LogRecord> {
        std::mem::take(self.log())
    }

    /// Returns whether the latest request asks for a WebSocket, and its application may accept that.
    fn asks_for_websocket(&self) -> bool {
        false
    }

    /// Returns why a WebSocket has [ended](Received::Closed), in the words of who has ended it.
    fn close_reason(&self) -> &str {
        ""
    }

    /// Returns the number of the latest request; 0 before the first.
    fn latest(&self) -> RequestId;

    /// Returns the head of the latest request, until its response is complete.
    /// Empty where there is no request.
    fn head(&self) -> &http::Head {
        &NO_HEAD
    }

    /// Returns whether the content of the latest request has arrived as a whole, or there is none.
    fn has_arrived(&self) -> bool;

    /// Returns whether a request is being answered.
    fn is_answering(&self) -> bool;

    /// Returns whether a response has begun and waits for its content.
    fn holds_head(&self) -> bool {
        false
    }

    /// Returns whether requests are read and answered: the connection neither ends nor has ended.
    fn is_open(&self) -> bool;

    /// Returns whether the connection is gone, or not made yet.
    fn is_closed(&self) -> bool;

    /// Returns whether the peer is gone, or has ended its side, or soon is gone.
    fn is_disconnected(&self) -> bool;

    /// Returns whether the client of the latest request has left, or is about to, before its response was complete.
    fn has_lost_client(&self) -> bool;

    /// Returns whether the connection is gone and the peer has caused that.
    fn was_left_by_peer(&self) -> bool;

    /// Returns whether a time limit is over: the driver gives a [`Tick`](Input::Tick).
    fn is_late(&self, now: Tick) -> bool;

    /// Returns whether calls that sent something need not wait for the peer.
    fn is_drained(&self) -> bool;
}

/// What takes the content of requests while a machine takes an input. The machine only counts it.
pub trait Interface {
    /// Takes a part of a request's content, in order. Whether it was the last one is known to
    /// [`receive`](Wire::receive).
    fn content(&mut self, request: RequestId, part: &[u8]);

    /// Takes a whole message of a WebSocket, which [`receive`](Wire::receive) asks for later, the oldest first. An
    /// interface that accepts no WebSocket gets none.
    fn message(&mut self, _request: RequestId, _kind: Kind, _payload: Payload<'_>) {}
}
