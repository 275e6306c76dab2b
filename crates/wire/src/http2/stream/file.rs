//! A response that is a file: the driver reads it, and sends parts of it as content. There is no descriptor of the stream's
//! own that a file could be copied to.

use super::send::{Begun, out_of_order};
use super::{Answer, State, Stream};
use crate::action::{Action, Actions};
use crate::message::{OutOfOrder, SendError, Sent};
use crate::settings::Context;

impl<B: AsRef<[u8]>> Stream<B> {
    /// Sends the head of a response that is a file of this length, if it still waits. The content follows in
    /// [parts](crate::Message::FilePart), then the [end](crate::Message::FileEnd).
    pub(super) fn file(
        &mut self,
        count: usize,
        more: bool,
        context: Context<'_>,
    ) -> Result<Sent<B>, SendError> {
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let (frame, actions) = match &request.answer {
            Answer::Sending(_, rules, _) => ({ *rules }.frame(count)?, Actions::NONE),
            Answer::Started(_, started) => {
                // Content that comes with a 304 is not what has the length (RFC 9110 section 8.6).
                let is_unknown = more || started.has_trailers || started.status == 304;
                let known =
                    if is_unknown { http::Length::Unknown } else { http::Length::Known(count as u64) };
                let begun = self.take_head(known, context)?;
                (self.send_file_head(begun, count)?, Action::FlushConnection.into())
            }
            other => return Err(SendError::OutOfOrder(out_of_order(other))),
        };
        if let State::Open(request) = &mut self.state {
            request.is_file = frame.is_sent();
        }
        let left_out = self.note_left_out(frame);
        Ok(Sent { actions, is_sent: frame.is_sent(), left_out, ..Sent::NOTHING })
    }

    /// Sends some of the file.
    pub(super) fn file_part(&mut self, content: B, context: Context<'_>) -> Result<Sent<B>, SendError> {
        match self.request() {
            Some(request) if request.is_file => self.content(Some(content), true, context),
            _ => Err(SendError::OutOfOrder(OutOfOrder::ContentIsDue)),
        }
    }

    /// Goes on behind the file.
    pub(super) fn end_file(&mut self, more: bool, context: Context<'_>) -> Result<Sent<B>, SendError> {
        if let State::Open(request) = &mut self.state {
            request.is_file = false;
        }
        self.content(None, more, context)
    }

    fn send_file_head(&mut self, begun: Begun<B>, count: usize) -> Result<http::Frame, SendError> {
        let Begun { head, rules, mut respond, started } = begun;
        let State::Open(request) = &mut self.state else { return Err(SendError::Complete) };
        let frame = match { rules }.frame(count) {
            Ok(frame) => frame,
            Err(error) => {
                request.answer = Answer::Owed(respond);
                return Err(error.into());
            }
        };
        let Ok(sender) = respond.send_response(head, false) else { return Err(self.gone_now()) };
        let sender = self.outbox.begin(self.number, sender, self.waker.get().clone());
        request.answer = Answer::Sending(sender, rules, started.has_trailers);
        Ok(frame)
    }
}
