//! A client that takes too long for the content of its request. How long it may take to read the response, the
//! [outbox](crate::http2::outbox) knows.

use super::end::Refusal;
use super::{Incoming, Request, State, Stream};
use crate::action::Actions;
use crate::deadline::Phase;
use crate::settings::Context;

impl<B: AsRef<[u8]>> Stream<B> {
    /// Returns what the stream waits for.
    fn waits(&self, context: Context<'_>) -> Phase {
        match &self.state {
            State::Open(request) if request.incoming == Incoming::Arriving && request.may_send(context) => {
                if request.is_unanswered() {
                    Phase::Body
                } else {
                    Phase::Exchange
                }
            }
            State::Open(_) | State::Over { .. } => Phase::None,
        }
    }

    /// Starts the wait for what comes next, unless it has started.
    pub(super) fn settle(&mut self, context: Context<'_>) {
        self.deadline.enter(self.waits(context), context);
    }

    /// Handles the end of the client's time.
    #[cold]
    pub(super) fn expire(&mut self, context: Context<'_>) -> Actions {
        if !self.deadline.is_over(context.now) {
            return Actions::NONE;
        }
        // What other requests have not read may have closed the window of the connection.
        if self.unread.is_full(context.settings.http2.connection_window) {
            self.deadline.renew(context);
            return Actions::NONE;
        }
        self.refuse(Refusal { status: 408, because: "the content of a request took too long" }, context)
    }
}

impl<B: AsRef<[u8]>> Request<B> {
    /// Returns whether the client is free to send content: its window is open, and it does not wait for 100 (Continue)
    /// of an application that does not ask.
    fn may_send(&self, context: Context<'_>) -> bool {
        let is_withheld = self.awaits_continue && (self.is_unanswered() || !self.is_awaited);
        let window = usize::try_from(context.settings.http2.stream_window).unwrap_or(usize::MAX);
        !is_withheld && self.unread < window
    }
}
