//! A client that has left while its request is answered: whether the application listens for that, and further
//! messages.
//!
//! Frameworks learn it from `receive()`, in a task beside the one that sends, and cancel that one some turns of the
//! loop later. Messages sent meanwhile are dropped: an exception would bypass their own clean-up.

use std::time::Instant;

use super::connection::State;
use super::http_server::HttpServer;

/// The messages that are dropped before the loop runs a turn: the task that listens needs some.
pub(super) const DROPPED_AT_ONCE: usize = 64;

/// A request whose application has waited for `http.disconnect`, or was told, and the time since then.
pub(super) struct Listener {
    number: u32,
    since: Instant,
}

impl State {
    /// Records that the application of a request learns of the end of its client.
    pub(super) fn note_listener(&mut self, number: u32) {
        if self.listener.as_ref().is_none_or(|known| known.number != number) {
            self.listener = Some(Listener { number, since: Instant::now() });
        }
    }

    /// Returns whether a message to a client that has left is dropped, and not refused. A response of one message ends
    /// with it, and its application has no use for an exception that error handlers and monitors report as a fault.
    /// With an exception in a stream, Starlette 1.10 leaves its generator suspended and Django 5.2 its response
    /// unclosed; without one, an application that does not listen would go on for ever.
    #[cold]
    pub(super) fn drops(&mut self, number: u32, is_last: bool, http_server: &HttpServer) -> bool {
        if is_last && self.peer_left {
            return true;
        }
        if self.current(number).is_some_and(|request| !request.receivers.is_empty()) {
            self.note_listener(number);
        }
        let grace = http_server.settings.disconnect_grace;
        self.listener.as_ref().is_some_and(|known| known.number == number && known.since.elapsed() < grace)
    }
}
