//! Connections that stay open, each with several requests under way: the carrier of HTTP/1.1 and HTTP/2.
//!
//! A closed loop keeps them all under way; with a rate, requests are due at fixed times, and latencies count from those.
//! The form of requests and responses is not known here.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::carrier::{Answered, Carrier, run_closed};
use super::stream::Stream;
use super::{Waiting, rated};
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Event;
use crate::window::Asked;
use reactor::Interest;

/// A response of ordinary size, or several small ones, in one read.
const BUFFER_BYTES: usize = 256 * 1024;

/// The requests and responses of one connection, as bytes.
pub(super) trait Conversation {
    /// Returns the number of requests that are not answered yet.
    fn under_way(&self) -> usize;

    /// Returns whether another request can begin now.
    fn is_free(&self) -> bool;

    /// Begins a request, and adds its bytes.
    fn begin(&mut self, begun: Instant, unsent: &mut Vec<u8>) -> Result<(), Failure>;

    /// Takes received data: adds when the requests were begun that it answers, and the bytes that it makes necessary.
    fn take(&mut self, data: &[u8], unsent: &mut Vec<u8>, ended: &mut Vec<Instant>) -> Result<(), Failure>;

    /// Forgets all requests: the connection has broken.
    fn clear(&mut self);
}

pub(super) struct Requests<C> {
    waiting: Waiting,
    connections: Vec<Connection<C>>,
    buffer: Box<[u8]>,
    /// Connections with bytes that have not been passed to the kernel.
    dirty: Vec<usize>,
    /// Empty between two calls.
    ended: Vec<Instant>,
    under_way: usize,
    broken: u64,
}

struct Connection<C> {
    /// `None` after it has broken.
    stream: Option<Stream>,
    interest: Interest,
    unsent: Vec<u8>,
    conversation: C,
}

impl<C: Conversation> Requests<C> {
    pub(super) fn new(
        waiting: Waiting,
        connections: impl Iterator<Item = (Stream, C)>,
    ) -> Result<Self, Failure> {
        let connection = |(stream, conversation)| Connection {
            stream: Some(stream),
            interest: Interest::READABLE,
            unsent: Vec::new(),
            conversation,
        };
        let mut requests = Self {
            waiting,
            connections: connections.map(connection).collect(),
            buffer: vec![0; BUFFER_BYTES].into(),
            dirty: Vec::new(),
            ended: Vec::new(),
            under_way: 0,
            broken: 0,
        };
        for (key, connection) in requests.connections.iter().enumerate() {
            if let Some(stream) = &connection.stream {
                let socket = stream.socket();
                requests.waiting.epoll.watch(socket, key, Interest::READABLE).doing("epoll_ctl")?;
            }
        }
        Ok(requests)
    }

    /// Runs the windows that are asked for, in a closed loop or at a rate per second.
    pub(super) fn run(&mut self, asked: &Asked, rate: Option<u64>) -> Result<(), Failure> {
        asked.serve(self.connections.len(), |extent| match rate {
            None => run_closed(self, extent),
            Some(per_second) => rated::run(self, extent, per_second),
        })
    }

    #[inline]
    fn send(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let Some(stream) = connection.stream.as_mut() else { return Ok(()) };
        match stream.write(&connection.unsent) {
            Ok(sent) => drop(connection.unsent.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return self.lose(number),
        }
        let is_sent = connection.unsent.is_empty() && !stream.has_unsent();
        let interest = if is_sent { Interest::READABLE } else { Interest::BOTH };
        if interest != connection.interest {
            connection.interest = interest;
            self.waiting.epoll.rewatch(stream.socket(), number, interest).doing("epoll_ctl")?;
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self, number: usize, answers: &mut Vec<Answered>) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let Some(stream) = connection.stream.as_mut() else { return Ok(()) };
        let count = match stream.read(&mut self.buffer) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            _ => return self.lose(number),
        };
        let was_clean = connection.unsent.is_empty();
        connection.conversation.take(&self.buffer[..count], &mut connection.unsent, &mut self.ended)?;
        if was_clean && !connection.unsent.is_empty() {
            self.dirty.push(number);
        }
        self.under_way -= self.ended.len();
        let at = Instant::now();
        answers.extend(self.ended.drain(..).map(|begun| Answered {
            connection: number,
            latency: at.saturating_duration_since(begun),
            at,
        }));
        Ok(())
    }

    /// Drops a connection that has broken: it is not used again, and its requests under way are not answered.
    fn lose(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        connection.stream = None;
        connection.unsent.clear();
        let lost = connection.conversation.under_way();
        connection.conversation.clear();
        self.under_way -= lost;
        self.broken += lost as u64;
        if self.connections.iter().all(|connection| connection.stream.is_none()) {
            return Err(Failure::Peer("the server has closed every connection".into()));
        }
        Ok(())
    }
}

impl<C: Conversation> Carrier for Requests<C> {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    fn is_free(&self, connection: usize) -> bool {
        let connection = &self.connections[connection];
        connection.stream.is_some() && connection.conversation.is_free()
    }

    fn has_lost(&self) -> bool {
        self.connections.iter().any(|connection| connection.stream.is_none())
    }

    fn take_broken(&mut self) -> u64 {
        std::mem::take(&mut self.broken)
    }

    fn take_spun(&mut self) -> Duration {
        self.waiting.take_spun()
    }

    #[inline]
    fn begin(&mut self, number: usize, begun: Instant) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        if connection.unsent.is_empty() {
            self.dirty.push(number);
        }
        self.under_way += 1;
        connection.conversation.begin(begun, &mut connection.unsent)
    }

    #[inline]
    fn flush(&mut self) -> Result<(), Failure> {
        while let Some(number) = self.dirty.pop() {
            self.send(number)?;
        }
        Ok(())
    }

    #[inline]
    fn wait(&mut self) -> Result<usize, Failure> {
        self.waiting.wait()
    }

    #[inline]
    fn poll(&mut self) -> Result<usize, Failure> {
        self.waiting.epoll.wait(Some(Duration::ZERO)).doing("epoll_wait")
    }

    #[inline]
    fn attend(&mut self, event: usize, answers: &mut Vec<Answered>) -> Result<(), Failure> {
        let Event { key, is_readable, is_writable } = self.waiting.epoll.event(event);
        if is_writable && self.connections[key].interest != Interest::READABLE {
            self.send(key)?;
        }
        if is_readable { self.receive(key, answers) } else { Ok(()) }
    }
}
