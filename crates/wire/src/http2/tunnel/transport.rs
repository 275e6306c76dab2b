//! A stream whose content has no end that is known: bytes in and out, as a transport has them.
//!
//! What is sent waits for the windows here, so that it is known how much waits; h2 gets what it can send. Nothing is known of
//! what the bytes mean.

use std::mem;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};

use crate::http2::piece::Piece;
use crate::read_buffer::ReadBuffer;

/// The state of a stream.
pub(super) struct Transport<B: AsRef<[u8]>> {
    receiver: RecvStream,
    sender: SendStream<Piece<B>>,
    /// Notes that there is news.
    waker: Waker,
    /// Bytes that wait for a window.
    unsent: ReadBuffer,
    /// The bytes that were received and not given back to the window.
    unreleased: usize,
    own: Side,
    has_peer_ended: bool,
    end: End,
    /// Whether h2 has something to send for this stream.
    pub(super) needs_flush: bool,
}

/// Our side of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Open,
    /// It ends behind what is unsent.
    Ending,
    Ended,
}

/// The end of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It has not ended.
    None,
    /// Nothing more comes or goes, and nobody knows yet.
    Over { by_error: bool },
    /// That was taken.
    Taken,
}

/// What has arrived.
pub(super) enum Arrived {
    Content(Bytes),
    /// The peer has ended its side.
    End,
}

impl<B: AsRef<[u8]>> Transport<B> {
    /// Creates the state of a stream that is open. `unreleased` is how much of what was received is not given back to the
    /// window.
    pub(super) fn new(
        receiver: RecvStream,
        sender: SendStream<Piece<B>>,
        waker: Waker,
        unreleased: usize,
        has_peer_ended: bool,
    ) -> Self {
        Self {
            receiver,
            sender,
            waker,
            unsent: ReadBuffer::new(),
            unreleased,
            own: Side::Open,
            has_peer_ended,
            end: End::None,
            needs_flush: true,
        }
    }

    /// Takes what has arrived next. That there is more will be news.
    pub(super) fn receive(&mut self) -> Option<Arrived> {
        if self.has_peer_ended || self.end != End::None {
            return None;
        }
        let waker = &mut Context::from_waker(&self.waker);
        match self.receiver.poll_data(waker) {
            Poll::Pending => None,
            Poll::Ready(Some(Ok(data))) => {
                self.unreleased += data.len();
                Some(Arrived::Content(data))
            }
            Poll::Ready(Some(Err(_))) => {
                self.end = End::Over { by_error: true };
                None
            }
            // Only DATA may follow (RFC 9113 section 8.5).
            Poll::Ready(None) if matches!(self.receiver.poll_trailers(waker), Poll::Ready(Ok(Some(_)))) => {
                self.cut(Reason::PROTOCOL_ERROR);
                None
            }
            Poll::Ready(None) => {
                self.has_peer_ended = true;
                Some(Arrived::End)
            }
        }
    }

    /// Drops what arrives up to the end of the peer's side.
    pub(super) fn drop_input(&mut self) {
        while self.receive().is_some() {}
        self.release();
    }

    /// Looks whether the peer has reset the stream, or the connection is over. Otherwise that will be news.
    pub(super) fn note_reset(&mut self) {
        let waker = &mut Context::from_waker(&self.waker);
        if self.end == End::None && self.sender.poll_reset(waker).is_ready() {
            self.end = End::Over { by_error: true };
        }
    }

    /// Notes that the connection is gone.
    pub(super) fn note_lost(&mut self, by_error: bool) {
        if self.end == End::None {
            self.end = End::Over { by_error };
        }
    }

    /// Has the stream looked at again, as news.
    pub(super) fn look_again(&mut self) {
        self.waker.wake_by_ref();
        self.needs_flush = true;
    }

    /// Gives what was received back to the window.
    pub(super) fn release(&mut self) {
        let count = mem::take(&mut self.unreleased);
        if count > 0 && self.receiver.flow_control().release_capacity(count).is_ok() {
            self.needs_flush = true;
        }
    }

    /// Returns the number of bytes that wait for a window.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.rest().len()
    }

    /// Ends our side behind what is written.
    pub(super) fn end_writing(&mut self) {
        if self.own == Side::Open {
            self.own = Side::Ending;
        }
    }

    /// Sends bytes as far as the peer's windows allow. The rest waits.
    pub(super) fn write(&mut self, encoded: Vec<u8>, content: Option<B>) {
        if self.end != End::None {
            return;
        }
        let more = content.as_ref().map_or(0, |content| content.as_ref().len());
        let length = encoded.len() + more;
        if length > 0 && self.unsent.is_empty() && self.room(length) == length {
            let is_last = self.own == Side::Ending;
            self.send(Piece::encoded(encoded), is_last && content.is_none());
            if let Some(content) = content {
                self.send(Piece::own(content), is_last);
            }
            return;
        }
        self.unsent.push(&encoded);
        self.unsent.push(content.as_ref().map_or(&[], |content| content.as_ref()));
        self.send_unsent();
    }

    /// Sends what waits, as far as the peer's windows allow, and the end of our side behind it.
    fn send_unsent(&mut self) {
        while !self.unsent.is_empty() {
            let length = self.unsent.rest().len();
            let count = self.room(length);
            if count == 0 {
                return;
            }
            let part = self.unsent.rest()[..count].to_vec();
            self.unsent.keep(length - count);
            self.send(Piece::encoded(part), self.own == Side::Ending && count == length);
        }
        // An idle stream keeps no memory for output.
        self.unsent = ReadBuffer::new();
        if self.own == Side::Ending {
            self.send(Piece::Text(b""), true);
        }
    }

    /// Returns how many of some bytes the peer's windows allow. That it allows more will be news.
    fn room(&mut self, wanted: usize) -> usize {
        self.sender.reserve_capacity(wanted);
        if self.sender.capacity() < wanted {
            let waker = &mut Context::from_waker(&self.waker);
            // It reports each change.
            while let Poll::Ready(Some(Ok(_))) = self.sender.poll_capacity(waker) {}
        }
        self.sender.capacity().min(wanted)
    }

    fn send(&mut self, piece: Piece<B>, is_last: bool) {
        if self.end != End::None {
            return;
        }
        if is_last {
            self.own = Side::Ended;
        }
        self.needs_flush = true;
        if self.sender.send_data(piece, is_last).is_err() {
            self.end = End::Over { by_error: true };
        }
    }

    /// Ends both sides at once. What our side has sent and ended is still sent.
    pub(super) fn abort(&mut self) {
        if self.end == End::None {
            self.cut(if self.own == Side::Ended { Reason::NO_ERROR } else { Reason::CANCEL });
        }
    }

    /// Returns whether both sides have ended.
    pub(super) fn is_complete(&self) -> bool {
        self.has_peer_ended && self.own == Side::Ended
    }

    /// Takes the end of the stream, once: whether an error has caused it.
    pub(super) fn take_end(&mut self) -> Option<bool> {
        let End::Over { by_error } = self.end else { return None };
        self.end = End::Taken;
        Some(by_error)
    }

    /// Resets the stream.
    fn cut(&mut self, reason: Reason) {
        self.sender.send_reset(reason);
        self.needs_flush = true;
        self.end = End::Over { by_error: false };
    }
}
