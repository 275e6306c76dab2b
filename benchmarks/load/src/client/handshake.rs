//! A TLS connection for each operation: connect, make the handshake, exchange a byte, say goodbye, and wait until the
//! server has closed; this many at a time.
//!
//! The byte is sent with the end of the handshake, and its echo comes behind the tickets of the session, so a server has
//! done all of its work when the operation ends. The server closes first, which leaves no port in use.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddrV4;
use std::time::Instant;

use rustls::HandshakeKind;
use rustls::client::Resumption;

use super::stream::SecureStream;
use super::tls::Tls;
use super::{Waiting, target};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::epoll::Event;
use crate::sys::socket;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};
use reactor::Interest;

/// What rustls keeps for one server, and each connection takes one.
const TICKETS: usize = 8;
/// Enough for the answer of one byte; more than a record, as a stream needs it.
const BUFFER_BYTES: usize = 32 * 1024;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let concurrency = arguments.count("--concurrency", 1)?;
    let resumes = arguments.flag("--resume");
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    if resumes && concurrency > TICKETS {
        return Err(Failure::Usage(format!("--concurrency {concurrency}: --resume has {TICKETS} tickets")));
    }
    let resumption = if resumes { Resumption::in_memory_sessions(TICKETS) } else { Resumption::disabled() };
    let slots = (0..concurrency).map(|_| None).collect();
    let mut client = Client {
        target,
        tls: Tls::new(resumption)?,
        waiting,
        slots,
        open: 0,
        wanted: None,
        buffer: [0; BUFFER_BYTES],
    };
    if resumes {
        // All of these begin without a ticket, and are given two each; a handshake that uses a ticket is given one.
        client.run(Extent::Operations(concurrency as u64))?;
        client.wanted = Some(HandshakeKind::Resumed);
    }
    asked.serve(concurrency, |extent| client.run(extent))
}

struct Client {
    target: SocketAddrV4,
    tls: Tls,
    waiting: Waiting,
    slots: Vec<Option<Attempt>>,
    open: usize,
    /// The kind that every handshake must be of.
    wanted: Option<HandshakeKind>,
    buffer: [u8; BUFFER_BYTES],
}

struct Attempt {
    stream: SecureStream,
    interest: Interest,
    begun: Instant,
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
                let Some((slot, begun)) = self.attend(event)? else { continue };
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
        let socket = socket::begin_connect(self.target).doing("connecting")?;
        socket.set_nodelay(true).doing("TCP_NODELAY")?;
        socket::reset_when_closed(&socket).doing("SO_LINGER")?;
        let mut stream = SecureStream::new(socket, &self.tls)?;
        // On loopback the connection is mostly established already. The byte waits for the keys.
        stream.write_all(b"h").map_err(lost)?;
        let interest = Interest::READABLE;
        self.waiting.epoll.watch(&stream.socket, slot, interest).doing("epoll_ctl")?;
        self.slots[slot] = Some(Attempt { stream, interest, begun, is_answered: false });
        self.open += 1;
        self.watch(slot)
    }

    /// Returns the slot and when its connection was begun, if it has ended.
    fn attend(&mut self, event: usize) -> Result<Option<(usize, Instant)>, Failure> {
        let Event { key: slot, is_readable, is_writable } = self.waiting.epoll.event(event);
        let Some(attempt) = &mut self.slots[slot] else { return Ok(None) };
        if is_writable {
            attempt.stream.flush().map_err(lost)?;
        }
        if is_readable && attempt.receive(self.wanted, &mut self.buffer)? {
            self.open -= 1;
            return Ok(self.slots[slot].take().map(|attempt| (slot, attempt.begun)));
        }
        self.watch(slot).map(|()| None)
    }

    /// Waits for room in the kernel if there are bytes for it.
    fn watch(&mut self, slot: usize) -> Result<(), Failure> {
        let Some(attempt) = &mut self.slots[slot] else { return Ok(()) };
        let wants_write = attempt.stream.session.wants_write();
        let interest = if wants_write { Interest::BOTH } else { Interest::READABLE };
        if interest != attempt.interest {
            attempt.interest = interest;
            self.waiting.epoll.rewatch(&attempt.stream.socket, slot, interest).doing("epoll_ctl")?;
        }
        Ok(())
    }
}

impl Attempt {
    /// Returns whether the server has closed after its answer.
    fn receive(&mut self, wanted: Option<HandshakeKind>, buffer: &mut [u8]) -> Result<bool, Failure> {
        match self.stream.read(buffer) {
            Ok(0) if self.is_answered => return Ok(true),
            Ok(0) => return Err(Failure::Peer("the server closed a connection before its answer".into())),
            Ok(1) if !self.is_answered => {}
            Ok(_) => return Err(Failure::Peer("the server sent more than it was asked for".into())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // A server that has answered may end with a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && self.is_answered => return Ok(true),
            Err(error) => return Err(lost(error)),
        }
        if wanted.is_some() && self.stream.session.handshake_kind() != wanted {
            return Err(Failure::Peer("the server did not resume a session".into()));
        }
        self.is_answered = true;
        self.stream.session.send_close_notify();
        self.stream.flush().map_err(lost)?;
        Ok(false)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is the shape that map_err calls")]
fn lost(error: std::io::Error) -> Failure {
    Failure::Peer(format!("the connection broke: {error}"))
}
