//! One request with its response, as a machine: what a connection of HTTP/1.1 is for a driver and an interface.
//!
//! | File      | What                                                               |
//! |-----------|--------------------------------------------------------------------|
//! | `machine` | which input means what, and which message                       |
//! | `begin`   | the head of a request                                              |
//! | `receive` | content in, and a client that leaves                               |
//! | `send`    | messages of an application become heads, content and trailers      |
//! | `end`     | the end of the request, and the server's own answers               |
//! | `file`    | a response that is a file                                          |
//! | `expire`  | a client that takes too long                                       |
//! | `handshake` | a WebSocket that is accepted or refused                          |
//! | `tunnel_request` | what is done with a request for a tunnel                    |
//!
//! This file has the state and questions about it:
//!
//! | State       | Its content, and the response                                   | Becomes | Sections      |
//! |-------------|-----------------------------------------------------------------|---------|---------------|
//! | `Open`      | as in HTTP/1.1: not there, arrived, told; owed, begun, sent     | `Over`  | 9113: 5.1, 8.1 |
//! | `Over`      | complete, or cut short                                          |         | 9113: 5.4.2   |

mod begin;
mod end;
mod expire;
mod file;
mod handshake;
mod machine;
mod receive;
mod send;
mod tunnel_request;

use std::mem;

use h2::RecvStream;
use h2::server::SendResponse;

use self::tunnel_request::TunnelRequest;
use super::content::Content;
use super::news::LaterWaker;
use super::outbox::{Outbox, Sender};
use super::piece::Piece;
use super::unread::Unread;
use crate::deadline::Deadline;
use crate::log::LogRecord;
use crate::message::RequestId;
use crate::record::Record;

/// The state of one stream.
pub struct Stream<B: AsRef<[u8]>> {
    pub(super) number: RequestId,
    pub(super) head: http::Head,
    pub(super) state: State<B>,
    /// Whether the response ended before it was complete.
    pub(super) was_cut: bool,
    pub(super) outbox: Outbox<B>,
    /// What all streams of the connection have not read.
    pub(super) unread: Unread,
    /// Notes that there is news.
    pub(super) waker: LaterWaker,
    /// The bytes of the response that were sent without a turn of the loop.
    pub(super) bytes_since_turn: usize,
    pub(super) deadline: Deadline,
    pub(super) log: Vec<LogRecord>,
}

/// The state of a stream.
pub(super) enum State<B: AsRef<[u8]>> {
    Open(Request<B>),
    Over {
        /// Whether the peer has caused that.
        by_peer: bool,
    },
}

/// A request, until its response is complete.
pub(super) struct Request<B: AsRef<[u8]>> {
    pub(super) body: RecvStream,
    pub(super) incoming: Incoming,
    pub(super) answer: Answer<B>,
    /// The bytes of content that have arrived.
    pub(super) arrived: u64,
    /// The bytes of content that the application has not asked for.
    pub(super) unread: usize,
    /// Whether a call of the application waits for an event.
    pub(super) is_awaited: bool,
    /// Whether the application is woken once the client has left.
    pub(super) is_watched: bool,
    /// Whether the client waits for 100 (Continue).
    pub(super) awaits_continue: bool,
    /// Whether so much content waits to be sent that its sender does, too.
    pub(super) is_blocked: bool,
    /// Whether a file is being sent, so that nothing else is.
    pub(super) is_file: bool,
    /// Whether it was reported that the application sends content for a status without any.
    pub(super) has_left_out: bool,
    pub(super) status: u16,
    pub(super) sent: u64,
    pub(super) was_left: bool,
    pub(super) record: Record,
    /// What it asks for, if that is a tunnel.
    tunnel_request: Option<Box<TunnelRequest<B>>>,
}

/// The state of a request's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Incoming {
    Arriving,
    Arrived,
    Told,
}

/// The state of a response, with what sends it.
pub(super) enum Answer<B: AsRef<[u8]>> {
    Owed(SendResponse<Piece<B>>),
    Started(SendResponse<Piece<B>>, Started<B>),
    Sending(Sender<B>, Content, HasTrailers),
    Trailers(Sender<B>, Vec<(B, B)>),
    /// It is being changed, or nothing can be sent any more.
    Nothing,
}

/// Whether trailers follow the content.
pub(super) type HasTrailers = bool;

/// A head as the application gave it.
pub(super) struct Started<B> {
    pub(super) status: u16,
    pub(super) fields: Vec<(B, B)>,
    pub(super) has_trailers: HasTrailers,
}

impl<B: AsRef<[u8]>> Stream<B> {
    /// Returns its number within the connection.
    pub(super) const fn number(&self) -> RequestId {
        self.number
    }

    /// Returns the request with this number, if it is being answered.
    #[inline]
    pub(super) fn current(&mut self, request: RequestId) -> Option<&mut Request<B>> {
        match &mut self.state {
            State::Open(current) if self.number == request => Some(current),
            _ => None,
        }
    }

    /// Returns the request, if it is being answered.
    #[inline]
    pub(super) const fn request(&self) -> Option<&Request<B>> {
        match &self.state {
            State::Open(request) => Some(request),
            State::Over { .. } => None,
        }
    }
}

impl<B: AsRef<[u8]>> Drop for Stream<B> {
    fn drop(&mut self) {
        mem::take(&mut self.head).release();
    }
}

impl<B: AsRef<[u8]>> Request<B> {
    /// Returns whether nothing of the response was sent.
    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(self.answer, Answer::Owed(_) | Answer::Started(..))
    }
}

/// Returns the fields of a response, for the log.
fn fields_of(head: &http_types::Response<()>) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}
