//! The protocol of one connection: its parts and its state.
//!
//! This file has data and the small steps that keep it consistent; it calls Python only to create bytes and strings,
//! which runs no user code.

use std::time::Instant;

use pyo3::prelude::*;

use super::deadline::{Deadline, Phase};
use super::disconnect::Listener;
use super::http_server::HttpServer;
use super::transport::Transport;
use crate::ffi::bytes::{self, Bytes};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{Class, ClassValue, Subclass, Visit};
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;

/// The value inside a protocol.
pub(super) struct Protocol {
    pub(super) http_server: Object<HttpServer>,
    pub(super) state: GilCell<State>,
}

/// The mutable part of a connection.
pub(super) struct State {
    pub(super) http: http::Connection,
    /// Absent before `connection_made`, after `connection_lost`, and when another protocol has taken over.
    pub(super) transport: Option<Transport>,
    /// The client's address and the server's, as in a scope, once a request has asked for them.
    pub(super) ends: Option<[Object; 2]>,
    pub(super) is_secure: bool,
    /// The index of this connection in the server's list.
    pub(super) place: Option<usize>,
    /// The number of the latest request. Objects with another number belong to a request that has ended.
    pub(super) number: u32,
    /// The request that is being answered.
    pub(super) request: Option<Request>,
    /// Input that the parser has no room for yet, or that waits for its turn.
    pub(super) read_buffer: Vec<u8>,
    /// Whether a caller further up the stack is processing the input.
    pub(super) is_processing: bool,
    /// Whether the loop will resume the input at its next turn.
    pub(super) is_scheduled: bool,
    pub(super) reads_paused: bool,
    pub(super) writes_paused: bool,
    pub(super) peer_ended: bool,
    /// Whether the peer has caused the loss of the connection.
    pub(super) peer_left: bool,
    /// Whether the latest request ended before its response was complete.
    pub(super) was_cut: bool,
    pub(super) listener: Option<Listener>,
    /// Whether input is ignored from now on; the transport closes, or will.
    pub(super) is_closing: bool,
    /// Whether nothing more is written, and the peer is given some time to see why.
    pub(super) lingers: bool,
    /// Whether our side of the transport has ended, by which the peer sees the end of a response without a length.
    pub(super) has_ended_writing: bool,
    /// The bytes of a response that were sent without a wait.
    pub(super) bytes_since_yield: usize,
    /// `send` calls that wait for the peer to read.
    pub(super) drains: Vec<Object>,
    /// The task that sends a file, bypassing the queue.
    pub(super) file: Option<Object>,
    pub(super) deadline: Deadline,
}

/// A request, until its response is complete.
pub(super) struct Request {
    pub(super) content: Content,
    /// Whether all of the content has arrived.
    pub(super) has_ended: bool,
    /// Whether the application was told that.
    pub(super) was_told_end: bool,
    /// `receive` calls that wait.
    pub(super) receivers: Vec<Object>,
    pub(super) answer: Answer,
    /// For the access log: the request line and the time.
    pub(super) line: Option<Box<str>>,
    pub(super) began: Option<Instant>,
    pub(super) status: u16,
    pub(super) sent: u64,
    /// Whether it was reported that the application sends content for a status without any.
    pub(super) has_left_out: bool,
    /// The key of its task in the server.
    pub(super) key: u64,
}

/// The state of the application's response.
pub(super) enum Answer {
    Owed,
    /// The head waits for the content, which may determine its length.
    Started(Started),
    /// The head was sent. `true` means that trailers follow the content.
    Sending(bool),
    /// The content was sent, and trailers follow.
    Trailers(Vec<(Bytes, Bytes)>),
    /// A coroutine is sending a file, bypassing the queue.
    File {
        has_trailers: bool,
        is_chunk: bool,
    },
}

/// The head of a response as the application gave it.
pub(super) struct Started {
    pub(super) status: u16,
    pub(super) fields: Vec<(Bytes, Bytes)>,
    pub(super) has_trailers: bool,
}

/// Content that has arrived and that the application has not asked for.
#[derive(Default)]
pub(super) struct Content {
    first: Option<Bytes>,
    /// Later content, in one piece: an object for each of many tiny chunks would take thirty times their memory.
    rest: Vec<u8>,
}

impl Content {
    pub(super) fn push(&mut self, py: Python<'_>, part: &[u8]) -> Result<(), ErrorSet> {
        if self.first.is_none() {
            self.first = Some(bytes::kept(py, part)?);
        } else {
            self.rest.extend_from_slice(part);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.first.as_ref().map_or(0, |first| first.as_ref().len()) + self.rest.len()
    }

    /// Takes everything: nearly always all of it arrived first.
    pub(super) fn take(&mut self) -> (Option<Bytes>, Vec<u8>) {
        (self.first.take(), std::mem::take(&mut self.rest))
    }
}

impl Request {
    pub(super) const fn new() -> Self {
        Self {
            content: Content { first: None, rest: Vec::new() },
            has_ended: false,
            was_told_end: false,
            receivers: Vec::new(),
            answer: Answer::Owed,
            line: None,
            began: None,
            status: 0,
            sent: 0,
            has_left_out: false,
            key: 0,
        }
    }
}

impl Protocol {
    pub(super) fn new(http_server: &Bound<'_, HttpServer>) -> Self {
        let state = State {
            http: http::Connection::new(http_server.get().settings.limits),
            transport: None,
            ends: None,
            is_secure: false,
            place: None,
            number: 0,
            request: None,
            read_buffer: Vec::new(),
            is_processing: false,
            is_scheduled: false,
            reads_paused: false,
            writes_paused: false,
            peer_ended: false,
            peer_left: false,
            was_cut: false,
            listener: None,
            is_closing: false,
            lingers: false,
            has_ended_writing: false,
            bytes_since_yield: 0,
            drains: Vec::new(),
            file: None,
            deadline: Deadline::new(),
        };
        Self { http_server: http_server.clone().into(), state: GilCell::new(state) }
    }

    /// Returns the transport, while there is one.
    pub(super) fn transport(&self, py: Python<'_>) -> Option<Transport> {
        self.state.with(py, |state| state.transport.as_ref().map(|transport| transport.clone_ref(py)))
    }
}

impl State {
    /// Returns the request with this number, if it is still being answered.
    #[inline]
    pub(super) fn current(&mut self, number: u32) -> Option<&mut Request> {
        if self.number == number { self.request.as_mut() } else { None }
    }

    /// Returns whether the peer is gone, or has ended its side.
    pub(super) const fn is_disconnected(&self) -> bool {
        self.transport.is_none() || self.peer_ended || self.is_closing
    }

    /// Returns what the connection waits for.
    pub(super) fn phase(&self) -> Phase {
        match &self.request {
            _ if self.transport.is_none() => Phase::None,
            // Not before the peer has read nearly everything.
            _ if self.lingers && !self.writes_paused => Phase::Linger,
            _ if self.is_closing || self.writes_paused => Phase::Write,
            Some(Request { answer: Answer::File { .. }, .. }) => Phase::Write,
            Some(request) if !request.has_ended && !self.reads_paused && !self.http.awaits_continue() => {
                let is_answered = !matches!(request.answer, Answer::Owed | Answer::Started(_));
                if is_answered { Phase::Exchange } else { Phase::Body }
            }
            Some(_) => Phase::None,
            None if self.http.is_idle() && self.number > 0 => Phase::KeepAlive,
            None => Phase::Header,
        }
    }

    /// Starts the wait for what comes next, unless it has started.
    #[inline]
    pub(super) fn settle_deadline(&mut self, py: Python<'_>, http_server: &HttpServer) {
        let phase = self.phase();
        self.deadline.enter(phase, py, http_server);
    }
}

impl ClassValue for Protocol {
    type Head = Subclass;

    fn classes() -> &'static [Class<Self>] {
        static CLASSES: [Class<Protocol>; 1] = [Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.http_server);
        self.state.peek(|state| {
            if let Some(transport) = &state.transport {
                visit.reference(transport.object());
            }
            state.drains.iter().for_each(|future| visit.object(future));
            visit.maybe(state.file.as_ref());
            if let Some(request) = &state.request {
                request.receivers.iter().for_each(|future| visit.object(future));
            }
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.state.with(py, |state| {
            (
                state.transport.take(),
                state.request.take(),
                state.file.take(),
                std::mem::take(&mut state.drains),
            )
        });
        drop(released);
    }
}
