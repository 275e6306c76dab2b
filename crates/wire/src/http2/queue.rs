//! The content of one response that waits for its turn, and what follows it.
//!
//! It is given to h2 in parts, each as long as h2 can send it at once: content that h2 holds can't be given up or passed
//! by that of other streams. This file knows no other streams.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use h2::SendStream;
use http_types::HeaderMap;

use super::piece::{Piece, Source};
use crate::settings::Tick;

/// The content of one response.
pub(super) struct Queue<B: AsRef<[u8]>> {
    sender: SendStream<Piece<B>>,
    /// What h2 wakes when the window of the stream has opened, or the client has left.
    waker: Waker,
    waiting: VecDeque<Waiting<B>>,
    /// The bytes that wait.
    unsent: usize,
    end: End,
    /// Whether the last turn has found the window closed.
    pub(super) is_blocked: bool,
    /// Whether a call waits until less is unsent.
    pub(super) is_awaited: bool,
    /// The tick that is too late for a window to open.
    pub(super) late: Tick,
}

/// Some content, and how much of it was sent.
struct Waiting<B> {
    content: Arc<Source<B>>,
    sent: usize,
}

/// What follows the content that waits.
#[derive(Debug)]
pub(super) enum End {
    /// More of it.
    Open,
    /// Nothing: the response is complete.
    Complete,
    Trailers(HeaderMap),
}

/// What comes of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// This much was sent, and more waits.
    Sent(usize),
    /// This much was sent, and nothing waits.
    Emptied(usize),
    /// This much was sent, and the response is complete.
    Completed(usize),
    /// The window is closed.
    Blocked,
    /// The client has left.
    Failed,
}

impl<B: AsRef<[u8]>> Queue<B> {
    pub(super) const fn new(sender: SendStream<Piece<B>>, waker: Waker) -> Self {
        Self {
            sender,
            waker,
            waiting: VecDeque::new(),
            unsent: 0,
            end: End::Open,
            is_blocked: false,
            is_awaited: false,
            late: Tick::NEVER,
        }
    }

    /// Returns how many bytes wait.
    pub(super) const fn unsent(&self) -> usize {
        self.unsent
    }

    /// Adds content behind what waits.
    pub(super) fn push(&mut self, content: Source<B>) {
        let length = content.bytes().len();
        if length > 0 {
            self.unsent += length;
            self.waiting.push_back(Waiting { content: Arc::new(content), sent: 0 });
        }
    }

    /// Ends the response behind what waits. Returns whether that has happened: nothing waits.
    pub(super) fn end(&mut self, end: End) -> Turn {
        self.end = end;
        if self.waiting.is_empty() { self.finish(0) } else { Turn::Sent(0) }
    }

    /// Tells the client that the response is cut short.
    pub(super) fn reset(&mut self, reason: h2::Reason) {
        self.sender.send_reset(reason);
    }

    /// Returns whether the client has left. Otherwise that will wake the waker.
    pub(super) fn has_left(&mut self) -> bool {
        self.sender.poll_reset(&mut TaskContext::from_waker(&self.waker)).is_ready()
    }

    /// Gives h2 at most this many bytes.
    pub(super) fn take_turn(&mut self, at_most: usize) -> Turn {
        let Some(waiting) = self.waiting.front_mut() else { return self.finish(0) };
        let left = waiting.content.bytes().len() - waiting.sent;
        let wanted = left.min(at_most);
        self.sender.reserve_capacity(wanted);
        let count = self.sender.capacity().min(wanted);
        if count == 0 {
            let waker = &mut TaskContext::from_waker(&self.waker);
            return match self.sender.poll_capacity(waker) {
                Poll::Pending => {
                    self.is_blocked = true;
                    Turn::Blocked
                }
                Poll::Ready(Some(Ok(_))) => Turn::Sent(0),
                Poll::Ready(Some(Err(_)) | None) => Turn::Failed,
            };
        }
        self.is_blocked = false;
        let end = waiting.sent + count;
        let piece = Piece::part(Arc::clone(&waiting.content), waiting.sent, end);
        waiting.sent = end;
        self.unsent -= count;
        if count == left {
            self.waiting.pop_front();
        }
        let is_all = self.waiting.is_empty() && matches!(self.end, End::Complete);
        if self.sender.send_data(piece, is_all).is_err() {
            return Turn::Failed;
        }
        match self.waiting.is_empty() {
            true if is_all => Turn::Completed(count),
            true => self.finish(count),
            false => Turn::Sent(count),
        }
    }

    /// Sends what follows the content.
    fn finish(&mut self, count: usize) -> Turn {
        let ended = match std::mem::replace(&mut self.end, End::Open) {
            End::Open => return Turn::Emptied(count),
            End::Complete => self.sender.send_data(Piece::Text(b""), true),
            End::Trailers(fields) if fields.is_empty() => self.sender.send_data(Piece::Text(b""), true),
            End::Trailers(fields) => self.sender.send_trailers(fields),
        };
        if ended.is_ok() { Turn::Completed(count) } else { Turn::Failed }
    }
}
