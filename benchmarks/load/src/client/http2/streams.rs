//! The requests under way on a connection of HTTP/2: each on a stream, its content sent as the server's windows allow.
//!
//! Frames are written here; received ones are read in `conversation.rs`.

use std::rc::Rc;
use std::time::Instant;

use super::fields::Status;
use crate::failure::Failure;
use crate::frames::{
    DATA, END_HEADERS, END_STREAM, FIRST_WINDOW, HEADERS, LARGEST_WINDOW, PAYLOAD_BYTES, RST_STREAM,
    push_head, push_number,
};

/// The code of a stream whose rest is not wanted (RFC 9113, section 7).
const CANCEL: u32 = 8;

pub(super) struct Streams {
    open: Vec<Open>,
    /// The stream of the next request: the odd numbers are the client's.
    next: u32,
    content: Rc<[u8]>,
    /// What the server allows on the connection, and on a new stream.
    window: i64,
    first_window: i64,
    /// The streams whose content is not sent completely.
    unsent: usize,
}

struct Open {
    number: u32,
    begun: Instant,
    /// What the server allows on this stream; below 0 if it has changed its mind.
    window: i64,
    /// Bytes of the content that are not sent.
    left: usize,
    is_answered: bool,
}

impl Streams {
    pub(super) fn new(content: Rc<[u8]>, capacity: usize) -> Self {
        let window = i64::from(FIRST_WINDOW);
        let open = Vec::with_capacity(capacity);
        Self { open, next: 1, content, window, first_window: window, unsent: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.unsent = 0;
    }

    /// Sends a request.
    #[inline]
    pub(super) fn begin(&mut self, begun: Instant, block: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.next > LARGEST_WINDOW {
            return Err(Failure::Usage("a connection has no more than a milliard of streams".into()));
        }
        let left = self.content.len();
        let end = if left == 0 { END_STREAM } else { 0 };
        push_head(out, block.len(), HEADERS, END_HEADERS | end, self.next);
        out.extend_from_slice(block);
        let window = self.first_window;
        self.open.push(Open { number: self.next, begun, window, left, is_answered: false });
        self.next += 2;
        if left > 0 {
            self.unsent += 1;
            self.send_content(out);
        }
        Ok(())
    }

    /// Sends content, the oldest first, until a window is used up.
    pub(super) fn send_content(&mut self, out: &mut Vec<u8>) {
        if self.unsent == 0 {
            return;
        }
        for open in &mut self.open {
            while open.left > 0 {
                let allowed = usize::try_from(open.window.min(self.window)).unwrap_or(0);
                let count = open.left.min(allowed).min(PAYLOAD_BYTES);
                if count == 0 {
                    break;
                }
                let from = self.content.len() - open.left;
                open.left -= count;
                open.window -= count as i64;
                self.window -= count as i64;
                let end = if open.left == 0 { END_STREAM } else { 0 };
                push_head(out, count, DATA, end, open.number);
                out.extend_from_slice(&self.content[from..from + count]);
                self.unsent -= usize::from(open.left == 0);
            }
            if self.window <= 0 {
                break;
            }
        }
    }

    /// Takes a WINDOW_UPDATE; stream 0 is the connection.
    pub(super) fn widen(&mut self, stream: u32, by: u32, out: &mut Vec<u8>) {
        let window = match stream {
            0 => Some(&mut self.window),
            _ => self.open.iter_mut().find(|open| open.number == stream).map(|open| &mut open.window),
        };
        // It may be for a stream that has ended.
        if let Some(window) = window {
            *window += i64::from(by);
            self.send_content(out);
        }
    }

    /// Takes the window of new streams, which changes that of the others too (RFC 9113, section 6.9.2).
    pub(super) fn resize(&mut self, first_window: u32) {
        let change = i64::from(first_window) - self.first_window;
        self.first_window += change;
        for open in &mut self.open {
            open.window += change;
        }
    }

    /// Takes the fields of a response; those behind the content have no status.
    #[inline]
    pub(super) fn answer(
        &mut self,
        stream: u32,
        status: impl FnOnce() -> Result<Status, String>,
    ) -> Result<(), Failure> {
        let Some(open) = self.open.iter_mut().find(|open| open.number == stream) else {
            return Err(unknown(stream));
        };
        if !open.is_answered {
            match status().map_err(Failure::Peer)? {
                Status::Interim => {}
                Status::Success => open.is_answered = true,
                Status::Refused => {
                    let why = "the server refused a request, with a status of 400 or above";
                    return Err(Failure::Peer(why.into()));
                }
            }
        }
        Ok(())
    }

    /// Ends a stream, and returns when its request was begun.
    #[inline]
    pub(super) fn end(&mut self, stream: u32, out: &mut Vec<u8>) -> Result<Instant, Failure> {
        let Some(place) = self.open.iter().position(|open| open.number == stream) else {
            return Err(unknown(stream));
        };
        let open = self.open.swap_remove(place);
        if !open.is_answered {
            return Err(Failure::Peer(format!("stream {stream} ended without a response")));
        }
        if open.left > 0 {
            // The server has answered without reading everything.
            self.unsent -= 1;
            push_number(out, RST_STREAM, stream, CANCEL);
        }
        Ok(open.begun)
    }

    pub(super) fn has(&self, stream: u32) -> bool {
        self.open.iter().any(|open| open.number == stream)
    }
}

fn unknown(stream: u32) -> Failure {
    Failure::Peer(format!("the server answered on stream {stream}, which is not open"))
}
