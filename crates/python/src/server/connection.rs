//! The protocol of one connection: the machine that decides, the transport, and what waits for the interface.
//!
//! This file has data and the one way to ask the machine; it calls Python only to create bytes, which runs no user
//! code.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use websocket::{Kind, Payload};
use wire::{Connection, Context, RequestId};

use super::log_client::Client;
use super::shared::HttpServer;
use super::transport::AnyTransport;
use crate::ffi::bytes::{self, Bytes};
use crate::ffi::changed;
use crate::ffi::error::new_error;
use crate::ffi::free_list::{FreeList, free_list};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Subclass, Visit, one_class};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;

/// Connections and streams come and go one after the other. Enough are kept for the streams that a client has at a time.
static SPARE: FreeList<Protocol> = free_list!(128);

/// The value inside a protocol.
pub(super) struct Protocol {
    pub(super) http_server: Object<HttpServer>,
    pub(super) state: GilCell<State>,
}

/// The mutable part of a connection.
pub(super) struct State {
    pub(super) wire: Connection<Bytes>,
    /// Absent before `connection_made`, after `connection_lost`, and when another protocol has taken over.
    pub(super) transport: Option<AnyTransport>,
    /// The client's address and the server's, once a request has asked for them.
    pub(super) addresses: Option<[Object; 2]>,
    /// ASGI's extension `tls` of a connection over TLS, once a request has asked for it: a dict of text and numbers.
    pub(super) tls: Option<Object>,
    /// The client as a log shows it, once there was a line.
    pub(super) peer: Option<Box<Client>>,
    pub(super) exchange: Exchange,
    /// The streams of a connection of HTTP/2, once there was one.
    pub(super) streams: Option<Box<Streams>>,
    /// The connection of a stream of HTTP/2.
    pub(super) parent: Option<Object<Protocol>>,
}

/// The streams of a connection of HTTP/2: each is a protocol of its own, with the transport of its connection.
#[derive(Default)]
pub(super) struct Streams {
    /// By their numbers.
    pub(super) open: BTreeMap<u32, Object<Protocol>>,
    /// Those with a head that waits for content until the turn ends.
    pub(super) held: Vec<Object<Protocol>>,
    /// Whether what streams send is flushed already.
    pub(super) is_flush_due: bool,
}

/// What waits for the interface, or is waited for by it.
#[derive(Default)]
pub(super) struct Exchange {
    content: Content,
    /// Messages of a WebSocket that the application has not received: strings and bytes.
    pub(super) messages: VecDeque<Object>,
    /// Calls that wait for an event of the request.
    pub(super) receivers: Vec<Object>,
    /// Calls that wait for the peer to read.
    pub(super) drains: Vec<Object>,
    /// The task that sends a file, past the machine.
    pub(super) file: Option<Object>,
    /// The task that is cancelled once the client of this request has left.
    pub(super) watcher: Option<(RequestId, Object)>,
    /// The request that learns of the end of its client, and the time since then.
    pub(super) listener: Option<(RequestId, Instant)>,
    /// When the latest request was started, for the access log.
    pub(super) began: Option<(RequestId, Instant)>,
    /// The scope of the latest request, for the client that a proxy names in it, if a line is to have that.
    pub(super) scope: Option<(RequestId, Object)>,
    /// That client, once it was looked up.
    pub(super) claimed: Option<(RequestId, Box<Client>)>,
    /// The latest request for a WebSocket.
    pub(super) websocket: Option<RequestId>,
    /// Messages to a client that has left, since the loop last had a turn.
    pub(super) dropped: u8,
    /// The number of the latest request in the server.
    pub(super) key: u64,
}

/// Content that has arrived and that the application has not asked for: nearly always one piece.
#[derive(Default)]
struct Content {
    request: RequestId,
    only: Option<Bytes>,
    /// Several pieces, joined: an object for each of many tiny chunks would take thirty times their memory.
    joined: Vec<u8>,
}

impl State {
    fn new(wire: Connection<Bytes>, parent: Option<Object<Protocol>>) -> Self {
        Self {
            wire,
            transport: None,
            addresses: None,
            tls: None,
            peer: None,
            exchange: Exchange::default(),
            streams: None,
            parent,
        }
    }
}

impl Exchange {
    fn push(&mut self, py: Python<'_>, request: RequestId, part: &[u8]) -> Result<(), ErrorSet> {
        if self.content.request != request {
            self.content = Content { request, ..Content::default() };
        }
        let Content { only, joined, .. } = &mut self.content;
        if only.is_none() && joined.is_empty() {
            *only = Some(bytes::kept(py, part)?);
        } else {
            if let Some(only) = only.take() {
                joined.extend_from_slice(only.as_ref());
            }
            joined.extend_from_slice(part);
        }
        Ok(())
    }

    /// Records that the application of a request learns of the end of its client.
    pub(super) fn note_listener(&mut self, request: RequestId) {
        if self.listener.is_none_or(|(known, _)| known != request) {
            self.listener = Some((request, Instant::now()));
        }
    }

    /// Returns the length of the content of a request that has arrived and was not taken.
    #[inline]
    pub(super) fn waiting_content(&self, request: RequestId) -> usize {
        let Content { only, joined, .. } = &self.content;
        if self.content.request == request {
            only.as_ref().map_or(joined.len(), |only| only.as_ref().len())
        } else {
            0
        }
    }

    /// Takes the content of a request.
    pub(super) fn take_content(&mut self, py: Python<'_>, request: RequestId) -> Result<Bytes, ErrorSet> {
        let is_its = self.content.request == request;
        let Content { only, joined, .. } =
            if is_its { mem::take(&mut self.content) } else { Content::default() };
        only.map_or_else(|| bytes::kept(py, &joined), Ok)
    }
}

/// Takes content while the machine takes an input.
pub(super) struct Sink<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) exchange: &'a mut Exchange,
    /// Why some content could not be kept: for lack of memory.
    pub(super) failure: Option<ErrorSet>,
}

impl wire::Interface for Sink<'_, '_> {
    fn content(&mut self, request: RequestId, part: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.exchange.push(self.py, request, part).err();
        }
    }

    fn message(&mut self, _request: RequestId, kind: Kind, payload: Payload<'_>) {
        if self.failure.is_some() {
            return;
        }
        match message(self.py, kind, payload) {
            Ok(message) => self.exchange.messages.push_back(message),
            Err(raised) => self.failure = Some(raised),
        }
    }
}

/// Returns a message of a WebSocket as one object, made of the bytes where they have arrived.
#[inline]
fn message(py: Python<'_>, kind: Kind, payload: Payload<'_>) -> Result<Object, ErrorSet> {
    Ok(match (kind, payload) {
        (Kind::Text, Payload::Plain(text)) => make::decoded(py, text)?.into_any().into(),
        (Kind::Binary, Payload::Plain(data)) => make::bytes(py, data)?.into_any().into(),
        (Kind::Text, Payload::Masked { bytes, mask }) => {
            changed::ascii(py, bytes, |text| websocket::unmask(text, mask))?.into_any().into()
        }
        (Kind::Binary, Payload::Masked { bytes, mask }) => {
            changed::bytes(py, bytes, |data| websocket::unmask(data, mask))?.into_any().into()
        }
    })
}

impl Protocol {
    /// Creates the protocol of one connection.
    pub(super) fn make<'py>(http_server: &Bound<'py, HttpServer>) -> Result<Bound<'py, Self>, ErrorSet> {
        let wire = Connection::new(http_server.get().settings.wire.limits.clone());
        let value =
            Self { http_server: http_server.clone().into(), state: GilCell::new(State::new(wire, None)) };
        Self::class().instance(http_server.py(), value)
    }

    /// Creates the protocol of a stream of HTTP/2. What is known of its connection is known of it.
    pub(super) fn make_stream<'py>(
        connection: This<'py, Self>,
        wire: Connection<Bytes>,
    ) -> Result<Bound<'py, Self>, ErrorSet> {
        let py = connection.py();
        let mut state = State::new(wire, Some(connection.to_owned().into()));
        let copy = |object: &Object| object.clone_ref(py);
        connection.value().state.with(py, |known| {
            state.transport = known.transport.as_ref().map(|transport| transport.clone_ref(py));
            state.addresses = known.addresses.as_ref().map(|ends| ends.each_ref().map(copy));
            state.tls = known.tls.as_ref().map(copy);
        });
        let http_server = connection.value().http_server.bind(py).clone().into();
        Self::class().instance(py, Self { http_server, state: GilCell::new(state) })
    }

    /// Returns an object as such a protocol. TypeError if it is none.
    #[inline(always)]
    pub(super) fn known(object: Borrowed<'_>) -> PyResult<This<'_, Self>> {
        This::cast(object).ok_or_else(|| new_error::<PyTypeError>("not an HttpProtocol"))
    }

    /// Returns the transport, while there is one.
    pub(super) fn transport(&self, py: Python<'_>) -> Option<AnyTransport> {
        self.state.with(py, |state| state.transport.as_ref().map(|transport| transport.clone_ref(py)))
    }

    /// Asks the machine, within one borrow. Returns its answer and what it has encoded.
    #[inline]
    pub(super) fn decide<R>(
        &self,
        py: Python<'_>,
        decide: impl FnOnce(&mut State, Context<'_>, &mut Vec<u8>) -> R,
    ) -> (R, Vec<u8>) {
        let settings = &self.http_server.get().settings;
        self.http_server.get().shared.with(py, |shared| {
            let mut out = mem::take(&mut shared.scratch);
            let date = if settings.has_date { &shared.date[..] } else { b"" };
            let context = Context {
                settings: &settings.wire,
                now: shared.now,
                date,
                is_ending: shared.is_ending,
                restarts: shared.restarts,
                workspace: &shared.workspace,
            };
            let answer = self.state.with(py, |state| decide(state, context, &mut out));
            if out.is_empty() {
                shared.scratch = mem::take(&mut out);
            }
            (answer, out)
        })
    }
}

impl ClassValue for Protocol {
    type Head = Subclass;

    one_class!(Protocol);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.http_server);
        self.state.peek(|state| {
            if let Some(transport) = &state.transport {
                visit.reference(transport.object());
            }
            state.exchange.drains.iter().for_each(|future| visit.object(future));
            state.exchange.receivers.iter().for_each(|future| visit.object(future));
            visit.maybe(state.exchange.file.as_ref());
            visit.maybe(state.exchange.scope.as_ref().map(|(_, scope)| scope));
            visit.maybe(state.exchange.watcher.as_ref().map(|(_, task)| task));
            if let Some(parent) = &state.parent {
                visit.object(parent);
            }
            if let Some(streams) = &state.streams {
                streams.open.values().chain(&streams.held).for_each(|stream| visit.object(stream));
            }
        });
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.state.with(py, |state| {
            let related = (state.streams.take(), state.parent.take());
            (state.transport.take(), mem::take(&mut state.exchange), related)
        });
        drop(released);
    }

    #[inline(always)]
    fn spare() -> Option<&'static FreeList<Self>> {
        Some(&SPARE)
    }
}
