//! A whole response in one call: what a head and its only content say, without a state in between.

use super::connection::{Answer, Connection};
use crate::action::Action;
use crate::message::{OutOfOrder, RequestId, Response, SendError, Sent};
use crate::settings::Context;

impl<B: AsRef<[u8]>> Connection<B> {
    /// Takes a whole response.
    #[inline]
    pub(super) fn take_response<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, B>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let before = out.len();
        let Response { status, fields, content } = response;
        let Some(current) = self.current(request) else { return Err(self.gone()) };
        if !matches!(current.answer, Answer::Owed) {
            return Err(SendError::OutOfOrder(OutOfOrder::HasBegun));
        }
        current.status = status;
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        // What an empty content says about the length that GET would have, and content that comes with a 304: nothing
        // (RFC 9110 section 8.6).
        let is_unknown = status == 304 || (length == 0 && self.http.head().method() == b"HEAD");
        let known = if is_unknown { http::Length::Unknown } else { http::Length::Known(length as u64) };
        self.http.start(status, fields.chain(context.fields()), known, context.defaults(), out)?;
        if let Some(request) = self.answering() {
            request.record.note_response(&out[before..], context.settings);
        }
        self.take_only_content(content, context, out).inspect_err(|_| {
            out.truncate(before);
            self.retract();
        })
    }

    /// Encodes the content behind its head, which was encoded just now, and ends the response.
    #[inline]
    fn take_only_content(
        &mut self,
        content: Option<B>,
        context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<B>, SendError> {
        let length = content.as_ref().map_or(0, |content| content.as_ref().len());
        if let Some(request) = self.answering() {
            request.answer = Answer::Sending { has_trailers: false };
        }
        let (mut sent, frame) = self.encode_content(content, out)?;
        sent.left_out = self.note_left_out(frame);
        let actions = self.after_content(length, frame, false, context, out)?;
        sent.actions = actions.with(Action::Write);
        Ok(sent)
    }
}
