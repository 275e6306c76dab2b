//! A server with its queues, and h2's client, which is told when to read. Content and frames are h2's.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{self, Poll, Waker};

use bytes::Bytes;
use h2::{RecvStream, client, server};

use crate::http2::memory::Memory;
use crate::http2::news::News;
use crate::http2::outbox::{Outbox, Sender};
use crate::http2::piece::Piece;
use crate::message::RequestId;
use crate::settings::Tick;

/// A server with its queues, and a client.
pub(super) struct Pair {
    server: server::Connection<Memory, Piece<Vec<u8>>>,
    server_memory: Memory,
    pub(super) client: client::Connection<Memory, Bytes>,
    client_memory: Memory,
    requests: client::SendRequest<Bytes>,
    pub(super) outbox: Outbox<Vec<u8>>,
    news: News,
    pub(super) responses: BTreeMap<u32, Response>,
    /// The streams whose senders were told to go on.
    pub(super) drained: Vec<RequestId>,
    pub(super) late: Tick,
    pub(super) is_writable: bool,
}

/// A response, on both sides.
pub(super) struct Response {
    pub(super) sender: Option<Sender<Vec<u8>>>,
    pub(super) pushed: Vec<u8>,
    pub(super) future: Option<client::ResponseFuture>,
    pub(super) content: Option<RecvStream>,
    pub(super) received: Vec<u8>,
    pub(super) has_trailers: bool,
    pub(super) is_complete: bool,
    pub(super) is_reset: bool,
}

fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Moves bytes from one end to the other. Returns whether there were any.
fn carry(from: &Memory, to: &Memory) -> bool {
    let mut bytes = Vec::new();
    from.pipe().take_back(&mut bytes);
    from.pipe().lend(&mut Vec::new(), true);
    to.pipe().push(&bytes);
    !bytes.is_empty()
}

impl Pair {
    /// Connects both. A window is that of each stream, and of the connection.
    pub(super) fn connect(window: u32, unsent_at_most: usize) -> Self {
        let (server_memory, client_memory) = (Memory::default(), Memory::default());
        for memory in [&server_memory, &client_memory] {
            memory.pipe().lend(&mut Vec::new(), true);
        }
        let mut builder = client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(window.max(65535));
        let mut client = Box::pin(builder.handshake::<_, Bytes>(client_memory.clone()));
        let (requests, client) = ready(client.as_mut()).unwrap().unwrap();
        carry(&client_memory, &server_memory);
        let mut server = Box::pin(server::Builder::new().handshake(server_memory.clone()));
        let server = ready(server.as_mut()).unwrap().unwrap();
        let (outbox, news) = (Outbox::new(unsent_at_most), News::default());
        let (responses, drained, late) = (BTreeMap::new(), Vec::new(), Tick::NEVER);
        let mut pair = Self {
            server,
            server_memory,
            client,
            client_memory,
            requests,
            outbox,
            news,
            responses,
            drained,
            late,
            is_writable: true,
        };
        pair.run();
        pair
    }

    /// Asks for a response. Returns its stream.
    pub(super) fn ask(&mut self) -> u32 {
        let request = http_types::Request::get("http://example.com/").body(()).unwrap();
        let (future, _) = self.requests.send_request(request, true).unwrap();
        let stream = u32::from(future.stream_id());
        let response = Response {
            sender: None,
            pushed: Vec::new(),
            future: Some(future),
            content: None,
            received: Vec::new(),
            has_trailers: false,
            is_complete: false,
            is_reset: false,
        };
        self.responses.insert(stream, response);
        self.run();
        stream
    }

    /// Lets both go on until neither has anything to say.
    pub(super) fn run(&mut self) {
        let context = &mut task::Context::from_waker(Waker::noop());
        loop {
            drop(pin!(&mut self.client).poll(context));
            let mut moves = carry(&self.client_memory, &self.server_memory);
            while let Poll::Ready(Some(Ok((_, mut respond)))) = self.server.poll_accept(context) {
                let stream = RequestId(respond.stream_id().into());
                let sender = respond.send_response(http_types::Response::new(()), false).unwrap();
                let sender = self.outbox.begin(stream, sender, self.news.waker(stream));
                self.responses.get_mut(&stream.0).unwrap().sender = Some(sender);
                moves = true;
            }
            self.news.take().iter().for_each(|stream| self.outbox.wake(*stream));
            moves |= self.is_writable && self.outbox.fill(64 * 1024, self.late) > 0;
            moves |= carry(&self.server_memory, &self.client_memory);
            self.drained.extend(self.outbox.take_drained());
            if !moves {
                return;
            }
        }
    }

    pub(super) fn push(&mut self, stream: u32, content: &[u8]) -> bool {
        let response = self.responses.get_mut(&stream).unwrap();
        response.pushed.extend_from_slice(content);
        response.sender.as_mut().unwrap().push(content.to_vec()).unwrap()
    }

    pub(super) fn complete(&mut self, stream: u32) {
        self.responses.get_mut(&stream).unwrap().sender.take().unwrap().complete().unwrap();
    }

    /// Lets the client read what it has of a response, and opens the windows by as much. Returns how much it was.
    pub(super) fn read(&mut self, stream: u32) -> usize {
        self.run();
        let response = self.responses.get_mut(&stream).unwrap();
        if let Some(future) = &mut response.future {
            match ready(future) {
                None => return 0,
                Some(Err(_)) => response.is_reset = true,
                Some(Ok(head)) => response.content = Some(head.into_body()),
            }
            response.future = None;
        }
        let context = &mut task::Context::from_waker(Waker::noop());
        let before = response.received.len();
        if let Some(content) = &mut response.content {
            while let Poll::Ready(part) = content.poll_data(context) {
                match part {
                    Some(Ok(part)) => {
                        response.received.extend_from_slice(&part);
                        content.flow_control().release_capacity(part.len()).unwrap();
                    }
                    Some(Err(_)) => {
                        response.is_reset = true;
                        break;
                    }
                    None => {
                        let trailers = content.poll_trailers(context);
                        response.has_trailers |= matches!(trailers, Poll::Ready(Ok(Some(_))));
                        response.is_complete = true;
                        break;
                    }
                }
            }
        }
        let count = response.received.len() - before;
        self.run();
        count
    }

    /// Lets the client read a response to its end.
    pub(super) fn read_all(&mut self, stream: u32) {
        while self.read(stream) > 0 {}
    }
}
