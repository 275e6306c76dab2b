//! Requests for another protocol: which are taken, and what is passed on to that protocol (RFC 9110 section 7.8).

use std::mem;

use ::websocket::{Handshake, HandshakeError};

use super::connection::{Answer, Connection, Phase, Request, State, Turn};
use crate::action::{Action, Actions};
use crate::log::{LogEnd, LogKind};
use crate::message::{OutOfOrder, SendError, Sent};
use crate::read_buffer::ReadBuffer;
use crate::record::Record;
use crate::reply::{FORBIDDEN, NO_PROXY, Reply};
use crate::settings::{Context, Upgrades};
use crate::upgraded::{self, Upgraded};

/// The answer to a request for a protocol that is not spoken here.
pub(super) const NO_WEBSOCKET: Reply<'_> =
    Reply { status: 501, text: "this server does not speak WebSocket\n", end: "", fields: &[] };
const HAS_CONTENT: Reply<'_> =
    Reply { status: 400, text: "a handshake of WebSocket has no content\n", end: "", fields: &[] };

/// What a client is told that speaks another version (RFC 6455 section 4.2.2, RFC 9110 section 15.5.22).
const OTHER_VERSION: &[(&[u8], &[u8])] =
    &[(b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"), (b"connection", b"upgrade")];

/// What is done with a request that is not an ordinary one.
pub(super) enum Special {
    /// The application may accept a WebSocket.
    Handshake(Box<Handshake>),
    /// No application gets it.
    Reply(Reply<'static>),
    /// Another protocol is offered the connection.
    TakenOver,
}

/// Returns what is done with a request, unless an application answers it.
#[inline]
pub(super) fn special(head: &http::Head, context: Context<'_>) -> Option<Special> {
    if head.target_form() == http::TargetForm::Authority {
        return Some(Special::Reply(NO_PROXY));
    }
    if !asks_for_websocket(head) {
        return None;
    }
    match context.settings.upgrades {
        Upgrades::Ignored => None,
        Upgrades::Refused => Some(Special::Reply(NO_WEBSOCKET)),
        Upgrades::TakenOver => Some(Special::TakenOver),
        Upgrades::WebSocket => Some(handshake(head, context)),
    }
}

/// Returns whether a request asks for a protocol that can be taken over (RFC 6455 section 4.2). Any other request for a
/// protocol is answered as it is, which is allowed (RFC 9110 section 7.8).
#[inline]
fn asks_for_websocket(head: &http::Head) -> bool {
    head.upgrade().is_some_and(|names| {
        names.split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    })
}

#[cold]
fn handshake(head: &http::Head, context: Context<'_>) -> Special {
    if head.framing() != http::Framing::Length(0) {
        return Special::Reply(HAS_CONTENT);
    }
    let is_recent = head.version() != http::Version::Http10;
    let deflate = context.settings.websocket.deflate.as_ref();
    match Handshake::read(head.method(), is_recent, head.fields().iter(), deflate) {
        Ok(handshake) => Special::Handshake(Box::new(handshake)),
        Err(error) => {
            let fields = if error == HandshakeError::Version { OTHER_VERSION } else { &[] };
            Special::Reply(Reply { status: error.status(), text: error.because(), end: "\n", fields })
        }
    }
}

impl<B> Request<B> {
    /// Returns the handshake of a WebSocket that was neither accepted nor refused.
    fn waiting_handshake(&self) -> Result<&Handshake, SendError> {
        match (&self.handshake, &self.answer) {
            (None, _) => Err(SendError::OutOfOrder(OutOfOrder::NoWebSocket)),
            (Some(handshake), Answer::Owed) => Ok(handshake),
            (Some(_), _) => Err(SendError::OutOfOrder(OutOfOrder::HasBegun)),
        }
    }
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Accepts a WebSocket: writes the response to its handshake. [`upgraded`](Self::upgraded) follows.
    pub(super) fn accept(
        &mut self,
        subprotocol: Option<&B>,
        fields: &[(B, B)],
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let Self { http, read_buffer: kept, state: State::Open(Phase::Answering(request)), .. } = self else {
            return Err(SendError::Complete);
        };
        let handshake = request.waiting_handshake()?;
        if http.has_input_ended() && !http.has_kept_input() && kept.is_empty() {
            // The peer has ended its side without a message. The application has been told.
            return Err(SendError::Disconnected);
        }
        let own = subprotocol.map(AsRef::as_ref);
        upgraded::check(own, fields)?;
        let of_handshake = handshake.fields().map(|(name, value)| -> (&[u8], &[u8]) { (name, value) });
        let protocol = own.map(|name| -> (&[u8], &[u8]) { (b"sec-websocket-protocol", name) });
        let of_application = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let upgrade: (&[u8], &[u8]) = (b"upgrade", b"websocket");
        let all = std::iter::once(upgrade)
            .chain(of_handshake)
            .chain(protocol)
            .chain(of_application)
            .chain(context.fields());
        let before = out.len();
        http.switch(all, context.defaults(), out)?;
        request.record.note_response(&out[before..], context.settings);
        request.status = 101;
        Ok(Sent { split: out.len(), actions: Action::Write.into(), ..Sent::NOTHING })
    }

    /// Refuses a WebSocket.
    pub(super) fn forbid(&mut self, context: Context<'_>, out: &mut Vec<u8>) -> Result<Sent<B>, SendError> {
        let Some(request) = self.request() else { return Err(SendError::Complete) };
        request.waiting_handshake()?;
        let actions = self.answer(FORBIDDEN, context, out);
        Ok(Sent { split: out.len(), actions, ..Sent::NOTHING })
    }

    /// Ends HTTP on a connection whose handshake was accepted, and returns what WebSocket needs. The log has a record for
    /// the handshake.
    pub(crate) fn upgraded(&mut self, context: Context<'_>) -> Option<(Upgraded, Actions)> {
        let State::Open(Phase::Answering(request)) = &mut self.state else { return None };
        if request.status != 101 {
            return None;
        }
        let handshake = request.handshake.take()?;
        let is_awaited = mem::take(&mut request.is_awaited);
        request.was_left = false;
        let record = Record::of_websocket(self.http.head(), context.settings);
        let mut input = ReadBuffer::new();
        input.push(&self.http.take_backlog());
        input.push(self.read_buffer.rest());
        let mut upgraded = Upgraded {
            request: self.latest,
            handshake,
            record,
            input,
            has_input_ended: self.http.has_input_ended(),
            is_starting: matches!(self.turn, Turn::Starting(_)),
            is_writable: self.is_writable,
            reads_paused: self.reads_paused,
            is_awaited,
            log: Vec::new(),
        };
        let actions = match mem::replace(&mut self.state, State::Open(Phase::Between)) {
            State::Open(Phase::Answering(request)) => self.end_request(request, LogEnd::Complete),
            _ => Actions::NONE,
        };
        upgraded.log = mem::take(&mut self.log);
        if actions.has(Action::Log)
            && let Some(record) = upgraded.log.last_mut()
        {
            record.kind = LogKind::Handshake;
        }
        Some((upgraded, actions))
    }

    /// Returns the input for the protocol that takes over: the request as it would be sent again, for another parser,
    /// and what has arrived after it.
    pub(super) fn input_of_upgrade(&mut self) -> Vec<u8> {
        let head = self.http.head();
        let version: &[u8] =
            if head.version() == http::Version::Http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
        let mut input = [head.method(), b" ", head.target(), version].concat();
        for (name, value) in head.fields().iter() {
            input.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
        }
        input.extend_from_slice(b"\r\n");
        // What is not taken over is read as requests.
        let mut rest = ReadBuffer::new();
        rest.push(&self.http.take_backlog());
        rest.push(self.read_buffer.rest());
        input.extend_from_slice(rest.rest());
        self.read_buffer = rest;
        input
    }
}
