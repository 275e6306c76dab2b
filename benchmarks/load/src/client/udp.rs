//! Datagram round trips in a closed loop, one under way on each socket. Lost datagrams are sent again and counted.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use super::{STALL_LIMIT, stalled, target};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::epoll::Epoll;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};
use reactor::Interest;

/// A hundred times what the slowest server takes for a round of all sockets: a datagram that is not back by then was
/// dropped.
const RESEND_AFTER: Duration = Duration::from_millis(200);
/// Each datagram begins with its number, so that an answer that arrives after its question was repeated is not counted.
const NUMBER_BYTES: usize = 8;
/// The longest datagram of IPv4.
const LONGEST_BYTES: usize = 65_507;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--sockets", 1)?;
    let size = arguments.count("--size", 1024)?;
    let asked = Asked::from(&mut arguments)?;
    let spins = arguments.flag("--spin");
    arguments.finish()?;
    if !(NUMBER_BYTES..=LONGEST_BYTES).contains(&size) {
        return Err(Failure::Usage(format!("--size {size}: {NUMBER_BYTES} to {LONGEST_BYTES} are possible")));
    }
    let mut client = Client::new(target, count, size, spins)?;
    asked.serve(count, |extent| client.run(extent))
}

struct Client {
    epoll: Epoll,
    spins: bool,
    sockets: Vec<Socket>,
    message: Vec<u8>,
    buffer: Box<[u8]>,
    next_number: u64,
    under_way: usize,
    lost: u64,
}

struct Socket {
    socket: UdpSocket,
    /// The datagram that is under way, and when it was sent.
    waits_for: Option<(u64, Instant)>,
}

impl Client {
    fn new(target: SocketAddrV4, count: usize, size: usize, spins: bool) -> Result<Self, Failure> {
        let mut epoll = Epoll::new().doing("epoll_create1")?;
        let socket = |key| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).doing("binding")?;
            socket.connect(target).doing("connecting")?;
            socket.set_nonblocking(true).doing("FIONBIO")?;
            epoll.watch(&socket, key, Interest::READABLE).doing("epoll_ctl")?;
            Ok(Socket { socket, waits_for: None })
        };
        Ok(Self {
            sockets: (0..count).map(socket).collect::<Result<_, Failure>>()?,
            epoll,
            spins,
            message: vec![b'd'; size],
            buffer: vec![0; LONGEST_BYTES].into(),
            next_number: 0,
            under_way: 0,
            lost: 0,
        })
    }

    fn run(&mut self, extent: Extent) -> Result<Outcome, Failure> {
        let mut latencies = Histogram::new();
        let mut window = Window::new(extent);
        let begun = window.begun();
        let (mut heard, mut looked) = (begun, begun);
        self.lost = 0;
        for key in 0..self.sockets.len() {
            if window.admits(begun) {
                self.send(key, begun)?;
            }
        }
        while self.under_way > 0 {
            let limit = if self.spins { Duration::ZERO } else { RESEND_AFTER };
            for event in 0..self.epoll.wait(Some(limit)).doing("epoll_wait")? {
                let key = self.epoll.event(event).key;
                let Some(sent) = self.receive(key)? else { continue };
                heard = Instant::now();
                latencies.record(nanoseconds(heard.duration_since(sent)));
                if window.admits(heard) {
                    self.send(key, heard)?;
                }
            }
            let now = Instant::now();
            if now.duration_since(heard) > STALL_LIMIT {
                return Err(stalled());
            }
            if now.duration_since(looked) > RESEND_AFTER {
                looked = now;
                self.resend(now)?;
            }
        }
        Ok(Outcome { lost: self.lost, ..window.close(latencies, 0) })
    }

    #[inline]
    fn send(&mut self, key: usize, now: Instant) -> Result<(), Failure> {
        let (socket, number) = (&mut self.sockets[key], self.next_number);
        self.next_number += 1;
        self.under_way += usize::from(socket.waits_for.is_none());
        socket.waits_for = Some((number, now));
        self.message[..NUMBER_BYTES].copy_from_slice(&number.to_ne_bytes());
        match socket.socket.send(&self.message) {
            // Without room for it in the kernel, it is lost like any other.
            Err(error) if error.kind() != ErrorKind::WouldBlock => refused(&error),
            _ => Ok(()),
        }
    }

    /// Returns when the datagram was sent whose answer has arrived.
    #[inline]
    fn receive(&mut self, key: usize) -> Result<Option<Instant>, Failure> {
        let socket = &mut self.sockets[key];
        let count = match socket.socket.recv(&mut self.buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return refused(&error).map(|()| None),
        };
        if count != self.message.len() {
            return Err(Failure::Peer(format!(
                "the server answered {} bytes by {count}",
                self.message.len()
            )));
        }
        let is_due = |(number, _): &(u64, Instant)| self.buffer.starts_with(&number.to_ne_bytes());
        let sent = socket.waits_for.take_if(|waits_for| is_due(waits_for)).map(|(_, sent)| sent);
        self.under_way -= usize::from(sent.is_some());
        Ok(sent)
    }

    fn resend(&mut self, now: Instant) -> Result<(), Failure> {
        for key in 0..self.sockets.len() {
            let is_lost = |(_, sent): (u64, Instant)| now.duration_since(sent) > RESEND_AFTER;
            if self.sockets[key].waits_for.is_some_and(is_lost) {
                self.lost += 1;
                self.send(key, now)?;
            }
        }
        Ok(())
    }
}

fn refused(error: &std::io::Error) -> Result<(), Failure> {
    Err(Failure::Peer(format!("the server's socket is gone: {error}")))
}
