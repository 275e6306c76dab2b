//! A WebSocket that an application accepts or refuses: the stream becomes a tunnel (RFC 8441).

use std::mem;
use std::task::{Context as TaskContext, Poll};

use super::tunnel_request::{TunnelRequest, WaitingHandshake};
use super::{Answer, State, Stream, fields_of};
use crate::action::{Action, Actions};
use crate::http2::head;
use crate::http2::tunnel::Tunnel;
use crate::log::{LogEnd, LogKind};
use crate::message::{OutOfOrder, SendError, Sent};
use crate::record::Record;
use crate::reply::FORBIDDEN;
use crate::settings::Context;
use crate::upgraded::{self, Upgraded};

/// The status of a handshake that is accepted (RFC 8441 section 5).
const ACCEPTED: u16 = 200;

impl<B: AsRef<[u8]>> Stream<B> {
    /// Returns the handshake of a WebSocket that waits for an answer or was given one.
    pub(super) fn websocket(&self) -> Option<&WaitingHandshake<B>> {
        match self.request()?.tunnel_request.as_deref() {
            Some(TunnelRequest::WebSocket(websocket)) => Some(websocket),
            _ => None,
        }
    }

    /// Returns the handshake of a WebSocket that was neither accepted nor refused.
    fn waiting_handshake(&self) -> Result<&WaitingHandshake<B>, SendError> {
        let websocket = self.websocket().ok_or(SendError::OutOfOrder(OutOfOrder::NoWebSocket))?;
        match self.request().map(|request| &request.answer) {
            Some(Answer::Owed(_)) => Ok(websocket),
            _ => Err(SendError::OutOfOrder(OutOfOrder::HasBegun)),
        }
    }

    /// Keeps what arrives behind a handshake. Nothing of it is given back to the window.
    pub(super) fn keep_input(&mut self) -> Actions {
        let State::Open(request) = &mut self.state else { return Actions::NONE };
        let Some(TunnelRequest::WebSocket(websocket)) = request.tunnel_request.as_deref_mut() else {
            return Actions::NONE;
        };
        let waker = &mut TaskContext::from_waker(self.waker.get());
        while !websocket.has_ended {
            match request.body.poll_data(waker) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(data))) => websocket.input.push(&data),
                Poll::Ready(Some(Err(_))) => return self.leave(true),
                Poll::Ready(None) => websocket.has_ended = true,
            }
        }
        let is_woken = websocket.is_left() && mem::take(&mut request.is_awaited);
        if is_woken { Action::WakeReceive.into() } else { Actions::NONE }
    }

    /// Accepts a WebSocket: sends the response to its handshake. [`tunnel`](Self::tunnel) follows.
    pub(super) fn accept(
        &mut self,
        subprotocol: Option<&B>,
        fields: &[(B, B)],
        context: Context<'_>,
    ) -> Result<Sent<B>, SendError> {
        let websocket = self.waiting_handshake()?;
        if websocket.is_left() {
            // The application has been told.
            return Err(SendError::Disconnected);
        }
        let own = subprotocol.map(AsRef::as_ref);
        upgraded::check(own, fields)?;
        let of_handshake = websocket.handshake.fields();
        let of_handshake = of_handshake.map(|(name, value)| -> (&[u8], &[u8]) { (name, value) });
        let protocol = own.map(|name| -> (&[u8], &[u8]) { (b"sec-websocket-protocol", name) });
        // What follows is not content (RFC 9110 section 9.3.6).
        let of_application = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let of_application = of_application.filter(|(name, _)| !name.eq_ignore_ascii_case(b"content-length"));
        let all = of_handshake.chain(protocol).chain(of_application).chain(context.fields());
        let (head, _) = head::response(&self.head, ACCEPTED, all, http::Length::Unknown, context.defaults())?;
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let Answer::Owed(mut respond) = mem::replace(&mut request.answer, Answer::Nothing) else {
            return Err(SendError::Complete);
        };
        request.record.note_fields(|| fields_of(&head), context.settings);
        request.status = ACCEPTED;
        let Ok(sender) = respond.send_response(head, false) else { return self.fail() };
        if let Some(TunnelRequest::WebSocket(websocket)) = request.tunnel_request.as_deref_mut() {
            websocket.accepted = Some(sender);
        }
        Ok(Sent { actions: Action::FlushConnection.into(), ..Sent::NOTHING })
    }

    /// Refuses a WebSocket.
    pub(super) fn forbid(&mut self, context: Context<'_>) -> Result<Sent<B>, SendError> {
        self.waiting_handshake()?;
        Ok(Sent { actions: self.answer(FORBIDDEN, context), ..Sent::NOTHING })
    }

    /// Ends HTTP on a stream whose handshake was accepted, and returns what follows. The log has a record for the handshake.
    pub(crate) fn tunnel(&mut self, context: Context<'_>) -> Option<(Tunnel<B>, Actions)> {
        self.websocket()?.accepted.as_ref()?;
        let State::Open(mut request) = mem::replace(&mut self.state, State::Over { by_peer: false }) else {
            return None;
        };
        self.outbox.forget(self.number);
        let is_awaited = mem::take(&mut request.is_awaited);
        let ended = self.note_end(&mut request, LogEnd::Complete);
        if ended.has(Action::Log)
            && let Some(record) = self.log.last_mut()
        {
            record.kind = LogKind::Handshake;
        }
        let Some(TunnelRequest::WebSocket(websocket)) = request.tunnel_request.map(|request| *request) else {
            return None;
        };
        let sender = websocket.accepted?;
        let upgraded = Upgraded {
            request: self.number,
            handshake: websocket.handshake,
            record: Record::of_websocket(&self.head, context.settings),
            input: websocket.input,
            has_input_ended: websocket.has_ended,
            is_starting: false,
            is_writable: true,
            reads_paused: false,
            is_awaited,
            log: mem::take(&mut self.log),
        };
        let waker = self.waker.get().clone();
        let (tunnel, actions) = Tunnel::accepted(upgraded, request.body, sender, waker, context);
        Some((tunnel, ended.and(actions)))
    }
}
