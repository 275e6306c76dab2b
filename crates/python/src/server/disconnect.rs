//! A client that has left while its request is answered: whether the application listens, and what it still sends.
//!
//! Frameworks learn it from `receive()`, in a task beside the one that sends, and cancel that one some turns of the loop
//! later. What is sent meanwhile is dropped: an exception would pass their own clean-up.

use std::time::{Duration, Instant};

use super::connection::State;

/// How long messages are dropped while the application listens: hundreds of turns of a busy loop, and half of the second
/// within which a generator is to end. One that goes on for longer is ended by the exception after all.
const GRACE: Duration = Duration::from_millis(500);
/// Messages that are dropped before the loop has a turn: the task that listens needs some.
pub(super) const DROPPED_AT_ONCE: usize = 64;

/// A request whose application has waited for `http.disconnect`, or was told, and since when.
pub(super) struct Listener {
    number: u32,
    since: Instant,
}

impl State {
    /// Notes that the application of a request hears of its client's leaving.
    pub(super) fn note_listener(&mut self, number: u32) {
        if self.listener.as_ref().is_none_or(|known| known.number != number) {
            self.listener = Some(Listener { number, since: Instant::now() });
        }
    }

    /// Whether a message to a client that is gone is dropped, and not refused. A response of one message ends with it,
    /// and its application has no use for an exception that error handlers and monitors take for a fault. With one out
    /// of a stream, Starlette 1.10 leaves its generator suspended and Django 5.2 its response unclosed; without one, an
    /// application that does not listen would go on for ever.
    #[cold]
    pub(super) fn drops(&mut self, number: u32, is_last: bool) -> bool {
        if is_last && self.peer_left {
            return true;
        }
        if self.current(number).is_some_and(|request| !request.receivers.is_empty()) {
            self.note_listener(number);
        }
        self.listener.as_ref().is_some_and(|known| known.number == number && known.since.elapsed() < GRACE)
    }
}
