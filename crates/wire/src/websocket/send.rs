//! Bytes out: messages of an application become frames.

use ::websocket::Kind;

use super::connection::{Connection, State};
use crate::action::{Action, Actions};
use crate::message::{COPY_AT_MOST, MESSAGE_COUNTS, Message, OutOfOrder, RequestId, SendError, Sent, Wait};
use crate::settings::{Context, Settings};

impl Connection {
    /// Takes a message of the application.
    #[inline]
    pub(super) fn take_message<B: AsRef<[u8]>>(
        &mut self,
        request: RequestId,
        message: Message<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        if request != self.request {
            return Err(SendError::Complete);
        }
        match message {
            Message::Data { kind, data } if self.is_open() => Ok(self.encode(kind, data, context, out)),
            Message::Data { .. } | Message::Close { .. } if !self.is_open() => Err(SendError::Disconnected),
            Message::Close { code, .. } if !::websocket::may_be_sent(code) => Err(SendError::Misused(
                "the code of websocket.close is not one that may be sent (RFC 6455 section 7.4)",
            )),
            Message::Close { code, reason } => {
                let actions = self.begin_close(code, &reason, context, out);
                Ok(Sent { actions, split: out.len(), ..Sent::NOTHING })
            }
            _ => Err(SendError::OutOfOrder(OutOfOrder::HasAccepted)),
        }
    }

    #[inline]
    fn encode<B: AsRef<[u8]>>(
        &mut self,
        kind: Kind,
        data: B,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Sent<B> {
        let content = data.as_ref();
        let (before, length) = (out.len(), content.len());
        let deflate = context.settings.websocket.deflate.as_ref();
        let is_whole = self.sender.message(kind, content, deflate, context.workspace, out);
        let mut sent = Sent { actions: Action::Write.into(), ..Sent::NOTHING };
        if !is_whole && length > COPY_AT_MOST {
            sent.content = Some(data);
        } else if !is_whole {
            out.extend_from_slice(content);
        }
        sent.split = out.len();
        sent.is_sent = true;
        if !self.is_writable {
            // Several tasks may send. A peer reads if less waits than what has waited and what they have added.
            let kept = if sent.content.is_some() { length } else { 0 };
            self.limit.unsent = self.limit.unsent.saturating_add(out.len() - before + kept);
        }
        self.sent += length as u64;
        self.bytes_since_turn += MESSAGE_COUNTS + out.len() - before + length;
        sent
    }

    /// Returns what a sender waits for.
    #[inline]
    pub(super) fn wait_for(&mut self, settings: &Settings) -> Wait {
        if !self.is_writable && !matches!(self.state, State::Closed { .. }) {
            return Wait::Drain;
        }
        if self.bytes_since_turn < settings.response_bytes_per_turn || !self.is_open() {
            return Wait::Nothing;
        }
        self.bytes_since_turn = 0;
        Wait::Turn
    }

    /// Sends what a peer that reads again was not sent: the answer to its latest ping.
    pub(super) fn answer_ping(&mut self, out: &mut Vec<u8>) -> Actions {
        match self.ping.take() {
            Some(data) if self.is_open() => {
                ::websocket::pong(&data, out);
                Action::Write.into()
            }
            _ => Actions::NONE,
        }
    }
}
