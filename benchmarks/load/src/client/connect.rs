//! Connections that the server ends at once: connect, read the end, close; this many at a time.

use std::io::ErrorKind;
use std::net::{SocketAddrV4, TcpStream};
use std::time::Instant;

use super::{Waiting, target};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::socket;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};
use reactor::Interest;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let concurrency = arguments.count("--concurrency", 1)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let mut client = Client { target, waiting, slots: (0..concurrency).map(|_| None).collect(), open: 0 };
    asked.serve(concurrency, |extent| client.run(extent))
}

struct Client {
    target: SocketAddrV4,
    waiting: Waiting,
    slots: Vec<Option<Attempt>>,
    open: usize,
}

struct Attempt {
    stream: TcpStream,
    begun: Instant,
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
                let Some(begun) = self.end(slot)? else { continue };
                let now = Instant::now();
                latencies.record(nanoseconds(now.duration_since(begun)));
                if window.admits(now) {
                    self.connect(slot)?;
                }
            }
        }
        Ok(window.close(latencies, 0))
    }

    fn connect(&mut self, slot: usize) -> Result<(), Failure> {
        let begun = Instant::now();
        let stream = socket::begin_connect(self.target).doing("connecting")?;
        // A client that closes last, and with a reset, leaves no port in use for a minute.
        socket::reset_when_closed(&stream).doing("SO_LINGER")?;
        self.waiting.epoll.watch(&stream, slot, Interest::READABLE).doing("epoll_ctl")?;
        self.slots[slot] = Some(Attempt { stream, begun });
        self.open += 1;
        Ok(())
    }

    /// Returns when the connection was begun, if it has ended.
    fn end(&mut self, slot: usize) -> Result<Option<Instant>, Failure> {
        let Some(attempt) = &self.slots[slot] else { return Ok(None) };
        match socket::discard(&attempt.stream, 1) {
            Ok(0) => {}
            Ok(_) => return Err(Failure::Peer("the server sent something instead of closing".into())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            // A server that aborts may do so with a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => return Err(Failure::Peer(format!("the server was not reached: {error}"))),
        }
        self.open -= 1;
        Ok(self.slots[slot].take().map(|attempt| attempt.begun))
    }
}
