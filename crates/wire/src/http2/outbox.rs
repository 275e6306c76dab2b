//! Content that waits to be sent: each stream has a queue, and the [schedule](Schedule) says whose turn it is.
//!
//! h2 sends what it is given in the order in which it gets it. So it gets no more than can be sent at once: as much as the
//! windows of the peer are open for (RFC 9113 section 5.2), while the transport accepts output. What waits here is
//! bounded, because a sender waits while its queue is longer than `Http2Settings::unsent_bytes`.
//!
//! | A queue | has                                                        | Is in the schedule |
//! |---------|------------------------------------------------------------|--------------------|
//! | due     | content for which a window is open, as far as is known     | yes                |
//! | blocked | content for which a window is closed: h2 wakes the stream  | no                 |
//! | idle    | nothing, until the application goes on                     | no                 |
//!
//! A queue whose response is complete outlives its machine, until it is empty. This file knows no heads and no
//! applications.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use h2::SendStream;
use http_types::HeaderMap;

use super::piece::{Piece, Source};
use super::priority::Priority;
use super::queue::{End, Queue, Turn};
use super::schedule::Schedule;
use crate::message::RequestId;
use crate::settings::Tick;

/// The most content of a turn: a frame of the size that every peer accepts (RFC 9113 section 4.2).
const TURN: usize = 16 * 1024;

/// The queues of one connection.
pub(super) struct Outbox<B: AsRef<[u8]>>(Arc<Mutex<Queues<B>>>);

struct Queues<B: AsRef<[u8]>> {
    schedule: Schedule,
    queues: BTreeMap<u32, Queue<B>>,
    /// Streams whose senders may go on, or find that they can't.
    drained: Vec<RequestId>,
    /// Streams whose responses are cut short behind what can be sent.
    cut: Vec<(RequestId, h2::Reason)>,
    /// What is left of the peer's window for the connection.
    window: u64,
    /// The tick that is too late for this window to open, while content waits for that alone.
    late: Tick,
    /// More bytes of a response than this let its sender wait.
    unsent_at_most: usize,
}

/// The queue of one stream, for its machine. If it is dropped before the response is complete, the client is told that
/// nothing follows.
pub(super) struct Sender<B: AsRef<[u8]>> {
    outbox: Outbox<B>,
    stream: RequestId,
    has_ended: bool,
}

/// The client has left, or is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gone;

impl<B: AsRef<[u8]>> Outbox<B> {
    /// Creates the queues of a connection. A sender waits while more than `unsent_at_most` bytes of its response wait.
    pub(super) fn new(unsent_at_most: usize) -> Self {
        Self(Arc::new(Mutex::new(Queues {
            schedule: Schedule::default(),
            queues: BTreeMap::new(),
            drained: Vec::new(),
            cut: Vec::new(),
            window: u64::MAX,
            late: Tick::NEVER,
            unsent_at_most,
        })))
    }

    /// Begins the queue of a response whose head was sent. h2 wakes the waker when the stream has news.
    pub(super) fn begin(&self, stream: RequestId, sender: SendStream<Piece<B>>, waker: Waker) -> Sender<B> {
        self.lock().queues.insert(stream.0, Queue::new(sender, waker));
        Sender { outbox: self.clone(), stream, has_ended: false }
    }

    /// Takes the field `priority` of a request that begins.
    pub(super) fn note_priority(&self, stream: RequestId, value: &[u8]) {
        self.lock().schedule.open(stream.0, Priority::parse(value));
    }

    /// Takes the value of a PRIORITY_UPDATE frame. No more than `at_most` are kept.
    pub(super) fn update_priority(&self, stream: u32, value: &[u8], at_most: usize) {
        self.lock().schedule.update(stream, Priority::parse(value), at_most);
    }

    /// Forgets the priority of a stream, unless some of its content waits.
    pub(super) fn forget(&self, stream: RequestId) {
        let mut queues = self.lock();
        if !queues.queues.contains_key(&stream.0) {
            queues.schedule.close(stream.0);
        }
    }

    /// Notes what is left of the peer's window for the connection.
    pub(super) fn note_window(&self, window: u64) {
        self.lock().window = window;
    }

    /// Notes that h2 has woken a stream: its window may be open.
    pub(super) fn wake(&self, stream: RequestId) {
        let queues = &mut *self.lock();
        if queues.queues.get(&stream.0).is_some_and(|queue| queue.unsent() > 0) {
            queues.schedule.wait(stream.0);
        }
    }

    /// Gives h2 at most this much content, in the order of the schedule. A window that is found closed has to open before
    /// the tick `late`. Returns how much it was.
    pub(super) fn fill(&self, at_most: usize, late: Tick) -> usize {
        let queues = &mut *self.lock();
        let at_most = at_most.min(usize::try_from(queues.window).unwrap_or(usize::MAX));
        let mut given = 0;
        while given < at_most {
            let Some(stream) = queues.schedule.next() else { break };
            let Some(queue) = queues.queues.get_mut(&stream) else {
                queues.schedule.rest(stream);
                continue;
            };
            let turn = queue.take_turn(TURN.min(at_most - given));
            given += queues.after_turn(stream, turn, late);
        }
        queues.window = queues.window.saturating_sub(given as u64);
        let is_stalled = queues.window == 0 && !queues.schedule.is_empty();
        if !is_stalled || given > 0 {
            queues.late = Tick::NEVER;
        }
        if is_stalled && queues.late == Tick::NEVER {
            queues.late = late;
        }
        given
    }

    /// Returns whether content waits that can be sent, as far as is known.
    pub(super) fn is_due(&self) -> bool {
        let queues = self.lock();
        queues.window > 0 && !queues.schedule.is_empty()
    }

    /// Takes the streams whose senders may go on, or find that they can't.
    pub(super) fn take_drained(&self) -> Vec<RequestId> {
        mem::take(&mut self.lock().drained)
    }

    /// Tells clients that a response is cut short, once what can be sent of it has left: h2 drops what it holds of a
    /// stream that is reset. Returns whether there were any.
    pub(super) fn cut_due(&self) -> bool {
        let queues = &mut *self.lock();
        if queues.cut.is_empty() {
            return false;
        }
        let is_closed = queues.window == 0;
        let is_due = |queue: &Queue<B>| is_closed || queue.is_blocked || queue.unsent() == 0;
        let all = mem::take(&mut queues.cut);
        let count = all.len();
        for (stream, reason) in all {
            match queues.queues.get_mut(&stream.0) {
                Some(queue) if is_due(queue) => {
                    queue.reset(reason);
                    queues.remove(stream.0);
                }
                Some(_) => queues.cut.push((stream, reason)),
                None => {}
            }
        }
        queues.cut.len() < count
    }

    /// Returns whether a client has kept a window closed for too long.
    pub(super) fn is_late(&self, now: Tick) -> bool {
        let queues = self.lock();
        is_over(queues.late, now) || queues.queues.values().any(|queue| is_over(queue.late, now))
    }

    /// Gives up the streams whose client has kept a window closed for too long. Returns whether there were any.
    pub(super) fn expire(&self, now: Tick) -> bool {
        let queues = &mut *self.lock();
        let all_wait = is_over(queues.late, now);
        if all_wait {
            queues.late = Tick::NEVER;
        }
        let is_late = |queue: &Queue<B>| is_over(queue.late, now) || (all_wait && queue.unsent() > 0);
        let late = queues.queues.iter().filter(|(_, queue)| is_late(queue));
        let late: Vec<u32> = late.map(|(stream, _)| *stream).collect();
        for stream in &late {
            if let Some(queue) = queues.queues.get_mut(stream) {
                queue.reset(h2::Reason::CANCEL);
            }
            queues.remove(*stream);
            queues.drained.push(RequestId(*stream));
        }
        !late.is_empty()
    }

    /// Drops all content, because the connection is over. Returns whose it was.
    pub(super) fn clear(&self) -> Vec<RequestId> {
        let queues = &mut *self.lock();
        queues.schedule = Schedule::default();
        mem::take(&mut queues.queues).into_keys().map(RequestId).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queues<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(late: Tick, now: Tick) -> bool {
    late <= now && late != Tick::NEVER
}

impl<B: AsRef<[u8]>> Clone for Outbox<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: AsRef<[u8]>> Queues<B> {
    /// Settles what follows from a turn. Returns how much was sent.
    fn after_turn(&mut self, stream: u32, turn: Turn, late: Tick) -> usize {
        let count = match turn {
            Turn::Sent(count) => count,
            Turn::Emptied(count) => {
                self.schedule.rest(stream);
                count
            }
            Turn::Completed(count) => {
                self.remove(stream);
                return count;
            }
            Turn::Blocked => {
                self.schedule.rest(stream);
                0
            }
            Turn::Failed => {
                self.remove(stream);
                self.drained.push(RequestId(stream));
                return 0;
            }
        };
        let Some(queue) = self.queues.get_mut(&stream) else { return count };
        if !queue.is_blocked {
            queue.late = Tick::NEVER;
        } else if queue.late == Tick::NEVER {
            queue.late = late;
        }
        if queue.is_awaited && queue.unsent() <= self.unsent_at_most / 2 {
            queue.is_awaited = false;
            self.drained.push(RequestId(stream));
        }
        count
    }

    fn remove(&mut self, stream: u32) {
        self.queues.remove(&stream);
        self.schedule.close(stream);
    }
}

impl<B: AsRef<[u8]>> Sender<B> {
    /// Adds content. Returns whether its sender is to wait: the stream gets news when it may go on.
    pub(super) fn push(&mut self, content: B) -> Result<bool, Gone> {
        self.push_source(Source::Own(content))
    }

    /// Adds bytes that the server has made. Returns the same.
    pub(super) fn push_made(&mut self, bytes: Vec<u8>) -> Result<bool, Gone> {
        self.push_source(Source::Made(bytes))
    }

    fn push_source(&mut self, content: Source<B>) -> Result<bool, Gone> {
        let queues = &mut *self.outbox.lock();
        let queue = queues.queues.get_mut(&self.stream.0).ok_or(Gone)?;
        queue.push(content);
        let unsent = queue.unsent();
        // A blocked one would find its window closed.
        if unsent > 0 && !queue.is_blocked {
            queues.schedule.wait(self.stream.0);
        }
        queue.is_awaited = unsent > queues.unsent_at_most;
        Ok(queue.is_awaited)
    }

    /// Completes the response behind what waits.
    pub(super) fn complete(self) -> Result<(), Gone> {
        self.end(End::Complete)
    }

    /// Completes the response by trailers.
    pub(super) fn complete_with(self, trailers: HeaderMap) -> Result<(), Gone> {
        self.end(End::Trailers(trailers))
    }

    fn end(mut self, end: End) -> Result<(), Gone> {
        self.has_ended = true;
        let queues = &mut *self.outbox.lock();
        let queue = queues.queues.get_mut(&self.stream.0).ok_or(Gone)?;
        match queue.end(end) {
            Turn::Completed(_) => queues.remove(self.stream.0),
            Turn::Failed => {
                queues.remove(self.stream.0);
                return Err(Gone);
            }
            Turn::Sent(_) | Turn::Emptied(_) | Turn::Blocked => {}
        }
        Ok(())
    }

    /// Returns whether the sender is to wait.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.lock().queues.get(&self.stream.0).is_some_and(|queue| queue.is_awaited)
    }

    /// Returns whether the client has left, or was given up. Otherwise that will be news.
    pub(super) fn has_left(&self) -> bool {
        self.outbox.lock().queues.get_mut(&self.stream.0).is_none_or(Queue::has_left)
    }

    /// Tells the client that the response is cut short, behind what was sent before.
    pub(super) fn cut(&mut self, reason: h2::Reason) {
        self.has_ended = true;
        self.outbox.lock().cut.push((self.stream, reason));
    }

    /// Tells the client that the response is cut short.
    pub(super) fn reset(&mut self, reason: h2::Reason) {
        let queues = &mut *self.outbox.lock();
        if let Some(queue) = queues.queues.get_mut(&self.stream.0) {
            queue.reset(reason);
        }
        queues.remove(self.stream.0);
    }
}

impl<B: AsRef<[u8]>> Drop for Sender<B> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.outbox.lock().remove(self.stream.0);
        }
    }
}
