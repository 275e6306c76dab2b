//! HTTP/1.1 requests on connections that stay open, up to `--pipeline` of them under way on each.
//!
//! A closed loop keeps that many under way; with `--rate`, requests are due at fixed times, and latencies count from
//! those. `response.rs` finds the ends of responses.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::carrier::{Answered, Carrier, run_closed};
use super::request::{Body, Request, path};
use super::response::Responses;
use super::stream::Stream;
use super::tls::Tls;
use super::{Waiting, rated, streams_to, target};
use crate::failure::{Doing, Failure};
use crate::options::Arguments;
use crate::sys::epoll::Event;
use crate::window::Asked;
use reactor::Interest;

/// A response of ordinary size, or several small ones, in one read.
const BUFFER_BYTES: usize = 256 * 1024;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let depth = arguments.count("--pipeline", 1)?;
    let path = path(&mut arguments)?;
    let body = Body::from(&mut arguments)?;
    let rate = rated::rate(&mut arguments)?;
    let tls = Tls::from(&mut arguments)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let request = Request { path: &path, target, body: &body, is_last: false }.to_bytes();
    let streams = streams_to(target, count, tls.as_ref())?;
    let mut requests = Requests::new(waiting, streams, request, depth)?;
    asked.serve(count, |extent| match rate {
        None => run_closed(&mut requests, extent),
        Some(per_second) => rated::run(&mut requests, extent, per_second),
    })
}

struct Requests {
    waiting: Waiting,
    connections: Vec<Connection>,
    request: Vec<u8>,
    depth: usize,
    buffer: Box<[u8]>,
    /// Connections with requests that have not been passed to the kernel.
    dirty: Vec<usize>,
    under_way: usize,
    broken: u64,
}

struct Connection {
    /// `None` after it has broken.
    stream: Option<Stream>,
    interest: Interest,
    unsent: Vec<u8>,
    responses: Responses,
    /// When the requests under way were begun, the oldest first: responses come in that order.
    begun: VecDeque<Instant>,
}

impl Requests {
    fn new(
        mut waiting: Waiting,
        streams: Vec<Stream>,
        request: Vec<u8>,
        depth: usize,
    ) -> Result<Self, Failure> {
        for (key, stream) in streams.iter().enumerate() {
            waiting.epoll.watch(stream.socket(), key, Interest::READABLE).doing("epoll_ctl")?;
        }
        let connection = |stream| Connection {
            stream: Some(stream),
            interest: Interest::READABLE,
            unsent: Vec::new(),
            responses: Responses::default(),
            begun: VecDeque::with_capacity(depth),
        };
        Ok(Self {
            waiting,
            connections: streams.into_iter().map(connection).collect(),
            request,
            depth,
            buffer: vec![0; BUFFER_BYTES].into(),
            dirty: Vec::new(),
            under_way: 0,
            broken: 0,
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
        let found = connection.responses.take(&self.buffer[..count]).map_err(Failure::Peer)?;
        if found.refused > 0 {
            return Err(Failure::Peer("the server refused a request, with a status of 400 or above".into()));
        }
        if found.ended > connection.begun.len() {
            return Err(Failure::Peer("the server sent more responses than it was asked for".into()));
        }
        self.under_way -= found.ended;
        let at = Instant::now();
        answers.extend(connection.begun.drain(..found.ended).map(|begun| Answered {
            connection: number,
            latency: at.saturating_duration_since(begun),
            at,
        }));
        if found.is_last {
            return Err(Failure::Peer("the server does not keep connections open".into()));
        }
        Ok(())
    }

    /// Drops a connection that has broken: it is not used again, and its requests under way are not answered.
    fn lose(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        connection.stream = None;
        connection.unsent.clear();
        self.under_way -= connection.begun.len();
        self.broken += connection.begun.len() as u64;
        connection.begun.clear();
        if self.connections.iter().all(|connection| connection.stream.is_none()) {
            return Err(Failure::Peer("the server has closed every connection".into()));
        }
        Ok(())
    }
}

impl Carrier for Requests {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    fn is_free(&self, connection: usize) -> bool {
        let connection = &self.connections[connection];
        connection.stream.is_some() && connection.begun.len() < self.depth
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
        connection.begun.push_back(begun);
        if connection.unsent.is_empty() {
            self.dirty.push(number);
        }
        connection.unsent.extend_from_slice(&self.request);
        self.under_way += 1;
        Ok(())
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
