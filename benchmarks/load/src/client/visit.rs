//! A connection for each request: connect, ask for the last answer, read it and the end of the stream, close; this many
//! at a time.
//!
//! The server closes first, as requested. A response that is cut off or followed by anything is an error of the server.
//! `http.rs` has connections that stay open.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Instant;

use super::request::{Body, Request, path};
use super::response::Responses;
use super::{Waiting, target};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::socket;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};
use reactor::Interest;

/// A response of ordinary size in one read.
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let concurrency = arguments.count("--concurrency", 1)?;
    let path = path(&mut arguments)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let request = Request { path: &path, target, body: &Body::default(), is_last: true }.to_bytes();
    let slots = (0..concurrency).map(|_| None).collect();
    let mut client =
        Client { target, waiting, request, slots, open: 0, buffer: vec![0; BUFFER_BYTES].into() };
    asked.serve(concurrency, |extent| client.run(extent))
}

struct Client {
    target: SocketAddrV4,
    waiting: Waiting,
    request: Vec<u8>,
    slots: Vec<Option<Visit>>,
    open: usize,
    buffer: Box<[u8]>,
}

struct Visit {
    stream: TcpStream,
    begun: Instant,
    sent: usize,
    responses: Responses,
    is_answered: bool,
}

impl Client {
    fn run(&mut self, extent: Extent) -> Result<Outcome, Failure> {
        let mut latencies = Histogram::new();
        let mut window = Window::new(extent);
        for slot in 0..self.slots.len() {
            if window.admits(Instant::now()) {
                self.connect(slot)?;
            }
        }
        while self.open > 0 {
            for event in 0..self.waiting.wait()? {
                let slot = self.waiting.epoll.event(event).key;
                let Some(begun) = self.attend(slot)? else { continue };
                let now = Instant::now();
                latencies.record(nanoseconds(now.duration_since(begun)));
                if window.admits(now) {
                    self.connect(slot)?;
                }
            }
        }
        let outcome = window.close(latencies, 0);
        Ok(Outcome { spun: self.waiting.take_spun(), ..outcome })
    }

    fn connect(&mut self, slot: usize) -> Result<(), Failure> {
        let begun = Instant::now();
        let stream = socket::begin_connect(self.target).doing("connecting")?;
        // As in `connect.rs`: closing last, and with a reset, leaves no port in use for a minute.
        socket::reset_when_closed(&stream).doing("SO_LINGER")?;
        let mut visit = Visit { stream, begun, sent: 0, responses: Responses::default(), is_answered: false };
        // On loopback the connection is mostly established already, and the request is sent at once.
        visit.send(&self.request)?;
        let interest = if visit.sent < self.request.len() { Interest::BOTH } else { Interest::READABLE };
        self.waiting.epoll.watch(&visit.stream, slot, interest).doing("epoll_ctl")?;
        self.slots[slot] = Some(visit);
        self.open += 1;
        Ok(())
    }

    /// Returns when the visit was begun, if it has ended.
    fn attend(&mut self, slot: usize) -> Result<Option<Instant>, Failure> {
        let Some(visit) = &mut self.slots[slot] else { return Ok(None) };
        if visit.sent < self.request.len() {
            visit.send(&self.request)?;
            if visit.sent == self.request.len() {
                self.waiting.epoll.rewatch(&visit.stream, slot, Interest::READABLE).doing("epoll_ctl")?;
            }
            return Ok(None);
        }
        if !visit.receive(&mut self.buffer)? {
            return Ok(None);
        }
        self.open -= 1;
        Ok(self.slots[slot].take().map(|visit| visit.begun))
    }
}

impl Visit {
    fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        match self.stream.write(&request[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(Failure::Peer(format!("the server was not reached: {error}"))),
        }
        Ok(())
    }

    /// Returns whether the answer has arrived and the server has closed after it.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<bool, Failure> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                // A server that has answered may end with a reset.
                Err(error) if error.kind() == ErrorKind::ConnectionReset && self.is_answered => break,
                Err(error) => return Err(Failure::Peer(format!("reading the response: {error}"))),
            };
            let found = self.responses.take(&buffer[..count]).map_err(Failure::Peer)?;
            if found.refused > 0 {
                return Err(Failure::Peer(
                    "the server refused a request, with a status of 400 or above".into(),
                ));
            }
            if found.ended > usize::from(!self.is_answered) {
                return Err(Failure::Peer("the server sent more responses than it was asked for".into()));
            }
            self.is_answered |= found.ended > 0;
        }
        if self.is_answered {
            return Ok(true);
        }
        Err(Failure::Peer("the server closed a connection before its response had ended".into()))
    }
}
