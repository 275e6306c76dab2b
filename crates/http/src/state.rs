//! Where a connection stands: the request that is read and the response that is written.
//!
//! | Reading  | Bytes that arrive are                        | Becomes                                      | Section             |
//! |----------|----------------------------------------------|----------------------------------------------|---------------------|
//! | `Head`   | a request line and fields                    | `Body`; a response is owed                   | 9112: 2.1, 3        |
//! | `Body`   | content and trailers                         | `Done`, or `Head` if nothing is owed any more| 9112: 6.3, 7.1      |
//! | `Done`   | the next request: kept, not looked at        | `Head` or `Closed` when the response is done | 9112: 9.3.2         |
//! | `Tunnel` | of another protocol: handed on               | (stays)                                      | 9110: 7.8, 9.3.6    |
//! | `Closed` | ignored                                      | (stays)                                      | 9112: 9.6           |
//!
//! | Writing  | May be written                               | Becomes                                      | Section             |
//! |----------|----------------------------------------------|----------------------------------------------|---------------------|
//! | `Idle`   | a refusal                                    | `Owed` with a request                        | 9112: 9.3           |
//! | `Owed`   | 1xx heads (not to 1.0), then a final head    | `Sending`                                    | 9110: 15.2          |
//! | `Sending`| content within its framing, then the end     | `Idle`                                       | 9112: 6.1, 6.3      |
//! | `Over`   | nothing: closed, 101, a success to CONNECT   | (stays)                                      | 9110: 7.8, 9.3.6    |
//!
//! At the end of a response the connection goes on (9112: 9.3) unless either side has said `close`, the content was
//! delimited by closing, a client still waits for 100 (9110: 10.1.1), or more of the request is to come than is worth
//! reading. It knows no bytes.

use crate::head::Head;

/// The request side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Head,
    Body,
    Done,
    Tunnel,
    Closed,
}

/// The response side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    Idle,
    Owed,
    Sending(Outgoing),
    Over,
}

/// What the content of a response may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outgoing {
    /// So many bytes more (RFC 9112 section 6.2).
    Length(u64),
    /// Chunks (section 7.1).
    Chunked,
    /// Whatever comes until the connection closes: to 1.0, without a length (section 6.3 (8)).
    UntilClose,
    /// What comes is thrown away: the answer to HEAD (RFC 9110 section 9.3.2).
    Dropped,
    /// None is sent, and none should come: 204, 205, 304 (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5).
    Forbidden,
}

/// What becomes of the connection after a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Persistence {
    /// It is used again: [`receive`](crate::Connection::receive) what is kept or comes.
    KeepAlive,
    /// The rest of the request is to be read before, by [`receive`](crate::Connection::receive), which throws it away.
    Drain,
    /// It is to be closed, once everything is sent. To be sure that the client sees the response, shut down the sending
    /// side first and read on for a while (RFC 9112 section 9.6).
    Close,
}

/// Both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) reading: Reading,
    pub(crate) writing: Writing,
    /// Whether the connection is used again, as far as anybody has said.
    pub(crate) keeps_alive: bool,
    /// Whether the client waits for 100 (Continue).
    pub(crate) awaits_continue: bool,
    /// No request after this one, since the server is about to end.
    pub(crate) is_last: bool,
    /// The peer has ended its side.
    pub(crate) input_ended: bool,
}

impl State {
    pub(crate) const fn new() -> Self {
        Self {
            reading: Reading::Head,
            writing: Writing::Idle,
            keeps_alive: true,
            awaits_continue: false,
            is_last: false,
            input_ended: false,
        }
    }

    /// Whether the rest of a request is read that has been answered.
    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.reading == Reading::Body && self.writing == Writing::Idle
    }

    /// A head was read.
    #[inline]
    pub(crate) fn begin_request(&mut self, head: &Head) {
        self.reading = Reading::Body;
        self.writing = Writing::Owed;
        self.keeps_alive = head.keeps_alive();
        self.awaits_continue = head.expects_continue();
    }

    /// The content and the trailers were read.
    #[inline]
    pub(crate) fn end_request(&mut self) {
        self.awaits_continue = false;
        if self.writing != Writing::Idle {
            self.reading = Reading::Done;
        } else if self.is_last {
            self.close();
        } else {
            self.reading = Reading::Head;
        }
    }

    /// The response is complete. `is_drainable`: whether little enough of the request is to come.
    #[inline]
    pub(crate) fn end_response(&mut self, is_drainable: bool) -> Persistence {
        let closes = !self.keeps_alive || self.is_last;
        self.writing = Writing::Idle;
        match self.reading {
            Reading::Done if !closes => {
                self.reading = Reading::Head;
                Persistence::KeepAlive
            }
            Reading::Body if !closes && is_drainable => Persistence::Drain,
            _ => self.close(),
        }
    }

    /// The request cannot be read. The response can be finished, or a refusal written if none has begun; whoever was
    /// answered already gets neither.
    pub(crate) fn refuse(&mut self) {
        if self.is_draining() {
            self.close();
        }
        self.reading = Reading::Closed;
    }

    /// From here on the bytes are of another protocol.
    pub(crate) fn switch(&mut self) {
        (self.reading, self.writing) = (Reading::Tunnel, Writing::Over);
    }

    /// Nothing counts any more.
    pub(crate) fn close(&mut self) -> Persistence {
        (self.reading, self.writing) = (Reading::Closed, Writing::Over);
        Persistence::Close
    }
}
