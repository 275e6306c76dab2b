//! The state of a connection: the request that is being read and the response that is being written.
//!
//! | Reading  | Bytes that arrive are                        | Becomes                                      | Section             |
//! |----------|----------------------------------------------|----------------------------------------------|---------------------|
//! | `Head`   | a request line and fields                    | `Body`; a response is owed                   | 9112: 2.1, 3        |
//! | `Body`   | content and trailers                         | `Done`, or `Head` if no response is owed     | 9112: 6.3, 7.1      |
//! | `Done`   | the next request: kept, not parsed           | `Head` or `Closed` when the response is done | 9112: 9.3.2         |
//! | `Tunnel` | of another protocol: passed on               | (stays)                                      | 9110: 9.3.6         |
//! | `Closed` | ignored                                      | (stays)                                      | 9112: 9.6           |
//!
//! | Writing  | May be written                               | Becomes                                      | Section             |
//! |----------|----------------------------------------------|----------------------------------------------|---------------------|
//! | `Idle`   | a refusal                                    | `Owed` with a request                        | 9112: 9.3           |
//! | `Owed`   | 1xx heads (not to 1.0), then a final head    | `Sending`                                    | 9110: 15.2          |
//! | `Sending`| content within its framing, then the end     | `Idle`                                       | 9112: 6.1, 6.3      |
//! | `Over`   | nothing: closed, or of another protocol      | (stays)                                      | 9110: 7.8, 9.3.6    |
//!
//! After a response the connection is used again (9112: 9.3) unless either side has said `close`, the end of the
//! content was the end of the connection, the client still waits for 100 (9110: 10.1.1), or the rest of the request is
//! too long to read. This file knows no bytes.

use crate::head::Head;

/// The state of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Head,
    Body,
    Done,
    Tunnel,
    Closed,
}

/// The state of the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    Idle,
    Owed,
    Sending(Outgoing),
    Over,
}

/// The content that a response may still have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outgoing {
    /// This many more bytes (RFC 9112 section 6.2).
    Length(u64),
    /// Chunks (section 7.1).
    Chunked,
    /// Any content until the connection closes: to HTTP/1.0, without a length (section 6.3 (8)).
    UntilClose,
    /// Content is discarded: the response to HEAD (RFC 9110 section 9.3.2).
    Dropped,
    /// The response has no content: 204, 205, 304 (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5).
    Forbidden,
}

/// What happens to the connection after a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Persistence {
    /// The connection is used again: [`receive`](crate::Connection::receive) what is kept or arrives.
    KeepAlive,
    /// The rest of the request has to be read first, by [`receive`](crate::Connection::receive), which discards it.
    Drain,
    /// Close the connection once everything is sent. To be sure that the client sees the response, shut down the
    /// sending side first and read on for a while (RFC 9112 section 9.6).
    Close,
}

/// The state of both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) reading: Reading,
    pub(crate) writing: Writing,
    /// Whether both sides still want to use the connection again.
    pub(crate) keeps_alive: bool,
    /// Whether the client waits for 100 (Continue).
    pub(crate) awaits_continue: bool,
    /// Whether the current request is the last one, since the server is about to end.
    pub(crate) is_last: bool,
    /// Whether the peer has ended its sending side.
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

    /// Returns whether the request that is being read was answered already.
    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.reading == Reading::Body && self.writing == Writing::Idle
    }

    /// Applies the head of a request: a response is owed.
    #[inline]
    pub(crate) fn begin_request(&mut self, head: &Head) {
        self.reading = Reading::Body;
        self.writing = Writing::Owed;
        self.keeps_alive = head.keeps_alive();
        self.awaits_continue = head.expects_continue();
    }

    /// Applies the end of the content and the trailers.
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

    /// Applies the end of the response. `is_drainable` says whether the rest of the request is short enough to be read.
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

    /// Stops reading requests after an error. A response in progress can be finished; if none has begun, an error
    /// response can be written.
    pub(crate) fn refuse(&mut self) {
        if self.is_draining() {
            self.close();
        }
        self.reading = Reading::Closed;
    }

    /// Makes the connection a tunnel, after a successful CONNECT or 101 (Switching Protocols).
    pub(crate) fn switch(&mut self) {
        (self.reading, self.writing) = (Reading::Tunnel, Writing::Over);
    }

    /// Ends both sides: nothing more is read or written.
    pub(crate) fn close(&mut self) -> Persistence {
        (self.reading, self.writing) = (Reading::Closed, Writing::Over);
        Persistence::Close
    }
}
