//! A client that has left while its request is answered: whether the application listens for that, and further
//! messages.
//!
//! Frameworks learn it from `receive()`, in a task beside the one that sends, and cancel that one some turns of the
//! loop later. Messages sent meanwhile are dropped: an exception would bypass their own clean-up.

use std::time::{Duration, Instant};

use wire::{RequestId, Wire};

use crate::ffi::bytes::Bytes;
use crate::server::connection::Exchange;

/// The messages that are dropped before the loop runs a turn: the task that listens needs some.
const DROPPED_PER_TURN: u8 = 64;

impl Exchange {
    /// Returns whether a message to a client that has left is dropped, and not refused. A response of one message ends
    /// with it, and its application has no use for an exception that error handlers and monitors report as a fault.
    /// With an exception in a stream, Starlette 1.10 leaves its generator suspended and Django 5.2 its response
    /// unclosed; without one, an application that does not listen would go on for ever. An application that sends for
    /// longer than `grace` gets the exception after all.
    #[cold]
    pub(super) fn drops(
        &mut self,
        wire: &impl Wire<Bytes>,
        request: RequestId,
        is_last: bool,
        grace: Duration,
    ) -> bool {
        if is_last && wire.was_left_by_peer() {
            return true;
        }
        if wire.latest() == request && !self.receivers.is_empty() {
            self.note_listener(request);
        }
        self.listener.is_some_and(|(known, since): (_, Instant)| known == request && since.elapsed() < grace)
    }

    /// Counts a dropped message. Returns whether its sender waits for a turn of the loop.
    #[cold]
    pub(super) fn counts_drop(&mut self) -> bool {
        self.dropped = (self.dropped + 1) % DROPPED_PER_TURN;
        self.dropped == 0
    }
}
