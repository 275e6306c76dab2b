//! A connection of a server, whatever is spoken over it: HTTP/1.1 or HTTP/2, and WebSocket once a handshake was accepted. A
//! stream of HTTP/2 is a connection as well.
//!
//! This file is the only one that knows several wires.

use std::sync::Arc;

use crate::action::{Action, Actions};
use crate::http1;
use crate::http2::{self, StreamNews};
use crate::input::Input;
use crate::log::LogRecord;
use crate::machine::{Interface, Wire};
use crate::message::{Finished, Message, Outcome, Received, RequestId, Response, SendError, Sent, Wait};
use crate::settings::{Context, Settings, Tick};
use crate::websocket;

/// The state of one connection.
pub struct Connection<B: AsRef<[u8]>> {
    spoken: Spoken<B>,
}

/// What is spoken.
enum Spoken<B: AsRef<[u8]>> {
    Http1(http1::Connection<B>),
    WebSocket(websocket::Connection),
    Http2(Box<http2::Connection<B>>),
    Http2Stream(Box<http2::Stream<B>>),
    Tunnel(Box<http2::Tunnel<B>>),
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Creates the state of a connection that is not made yet.
    #[must_use]
    pub fn new(limits: impl Into<Arc<http::Limits>>) -> Self {
        Self { spoken: Spoken::Http1(http1::Connection::new(limits)) }
    }

    /// Decides that a connection which is not made yet speaks HTTP/2, because TLS has agreed on that (RFC 9113 section 3.2)
    /// or nothing else is spoken. With what TLS uses, HTTP/2 may be prohibited: then a client is told so (section 9.2.2).
    pub fn speak_http2(&mut self, settings: &Settings, is_prohibited: bool) {
        let new = if is_prohibited { http2::Connection::insecure } else { http2::Connection::new };
        self.spoken = Spoken::Http2(Box::new(new(settings)));
    }

    /// Takes the next stream that has begun or has news, after [`Streams`](Action::Streams).
    pub fn next_stream(&mut self) -> Option<StreamNews<Self>> {
        let Spoken::Http2(connection) = &mut self.spoken else { return None };
        Some(match connection.next_stream()? {
            StreamNews::Begins(number, stream) => {
                StreamNews::Begins(number, Self { spoken: Spoken::Http2Stream(stream) })
            }
            StreamNews::Has(number) => StreamNews::Has(number),
        })
    }

    /// Goes on with HTTP/2, whose preface has arrived on a connection that was HTTP/1.1's (RFC 9113 section 3.3).
    #[cold]
    fn switch(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Actions {
        let Spoken::Http1(before) = &mut self.spoken else { return Actions::NONE };
        let begun = before.begun();
        let mut connection = Box::new(http2::Connection::following(&begun, context.settings));
        let actions = connection.take_bytes(&begun.input, context, out);
        self.spoken = Spoken::Http2(connection);
        actions
    }
}

/// Calls a method of what is spoken.
macro_rules! call {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match &$self.spoken {
            Spoken::Http1(wire) => Wire::<B>::$method(wire, $($argument),*),
            Spoken::WebSocket(wire) => Wire::<B>::$method(wire, $($argument),*),
            Spoken::Http2(wire) => Wire::<B>::$method(&**wire, $($argument),*),
            Spoken::Http2Stream(wire) => Wire::<B>::$method(&**wire, $($argument),*),
            Spoken::Tunnel(wire) => Wire::<B>::$method(&**wire, $($argument),*),
        }
    };
    (mut $self:ident.$method:ident($($argument:expr),*)) => {
        match &mut $self.spoken {
            Spoken::Http1(wire) => Wire::<B>::$method(wire, $($argument),*),
            Spoken::WebSocket(wire) => Wire::<B>::$method(wire, $($argument),*),
            Spoken::Http2(wire) => Wire::<B>::$method(&mut **wire, $($argument),*),
            Spoken::Http2Stream(wire) => Wire::<B>::$method(&mut **wire, $($argument),*),
            Spoken::Tunnel(wire) => Wire::<B>::$method(&mut **wire, $($argument),*),
        }
    };
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Accepts a WebSocket: HTTP ends on this connection or stream with the response.
    #[cold]
    fn accept(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let mut sent = call!(mut self.send(request, message, context, out))?;
        if let Spoken::Http2Stream(stream) = &mut self.spoken {
            if let Some((tunnel, actions)) = stream.tunnel(context) {
                self.spoken = Spoken::Tunnel(Box::new(tunnel));
                sent.actions = sent.actions.and(actions);
            }
            return Ok(sent);
        }
        let Spoken::Http1(http) = &mut self.spoken else { return Ok(sent) };
        if let Some((upgraded, actions)) = http.upgraded(context) {
            let (websocket, more) = websocket::Connection::accepted(upgraded, context, out);
            self.spoken = Spoken::WebSocket(websocket);
            sent.split = out.len();
            sent.actions = sent.actions.and(actions).and(more);
        }
        Ok(sent)
    }
}

impl<B: AsRef<[u8]>> Wire<B> for Connection<B> {
    #[inline]
    fn on(
        &mut self,
        input: Input<'_>,
        context: Context<'_>,
        interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        let actions = call!(mut self.on(input, context, interface, out));
        if actions.has(Action::SpeakHttp2) { self.switch(context, out) } else { actions }
    }

    #[inline]
    fn send(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        if matches!(message, Message::Accept { .. }) {
            return self.accept(request, message, context, out);
        }
        call!(mut self.send(request, message, context, out))
    }

    #[inline]
    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        call!(mut self.respond(request, response, context, out))
    }

    #[inline]
    fn wait(&mut self, settings: &Settings) -> Wait {
        call!(mut self.wait(settings))
    }

    #[inline]
    fn receive(
        &mut self,
        request: RequestId,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> (Received, Actions) {
        call!(mut self.receive(request, context, out))
    }

    fn watch(&mut self, request: RequestId) -> bool {
        call!(mut self.watch(request))
    }

    #[inline]
    fn finished(
        &mut self,
        request: RequestId,
        outcome: Outcome<'_>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished {
        call!(mut self.finished(request, outcome, context, out))
    }

    fn turn_ends(
        &mut self,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Actions, http::LocalProtocolError> {
        call!(mut self.turn_ends(context, out))
    }

    fn upgrade(&mut self) -> Vec<u8> {
        call!(mut self.upgrade())
    }

    #[inline]
    fn log(&mut self) -> &mut Vec<LogRecord> {
        call!(mut self.log())
    }

    fn asks_for_websocket(&self) -> bool {
        call!(self.asks_for_websocket())
    }

    fn close_reason(&self) -> &str {
        call!(self.close_reason())
    }

    #[inline]
    fn latest(&self) -> RequestId {
        call!(self.latest())
    }

    #[inline]
    fn head(&self) -> &http::Head {
        call!(self.head())
    }

    #[inline]
    fn has_arrived(&self) -> bool {
        call!(self.has_arrived())
    }

    #[inline]
    fn is_answering(&self) -> bool {
        call!(self.is_answering())
    }

    #[inline]
    fn holds_head(&self) -> bool {
        call!(self.holds_head())
    }

    #[inline]
    fn is_open(&self) -> bool {
        call!(self.is_open())
    }

    #[inline]
    fn is_closed(&self) -> bool {
        call!(self.is_closed())
    }

    #[inline]
    fn is_disconnected(&self) -> bool {
        call!(self.is_disconnected())
    }

    #[inline]
    fn has_lost_client(&self) -> bool {
        call!(self.has_lost_client())
    }

    #[inline]
    fn was_left_by_peer(&self) -> bool {
        call!(self.was_left_by_peer())
    }

    #[inline]
    fn is_late(&self, now: Tick) -> bool {
        call!(self.is_late(now))
    }

    #[inline]
    fn is_drained(&self) -> bool {
        call!(self.is_drained())
    }
}
