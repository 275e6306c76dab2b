//! Bulk transfer from the server: a byte asks for a MiB, and enough are asked for in advance that the server never
//! waits. An operation is a MiB.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::{Waiting, connections_to, target};
use crate::agreement::{MIB, UNDER_WAY};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::socket;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};
use reactor::Interest;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let mut client = Client::new(waiting, connections_to(target, count)?)?;
    asked.serve(count, |extent| client.run(extent))
}

struct Client {
    waiting: Waiting,
    connections: Vec<Connection>,
    /// The MiB that were asked for and have not arrived, on all connections.
    under_way: usize,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the MiB that is arriving.
    arrived: usize,
    /// When each MiB was asked for.
    asked: VecDeque<Instant>,
}

impl Client {
    fn new(mut waiting: Waiting, streams: Vec<TcpStream>) -> Result<Self, Failure> {
        for (key, stream) in streams.iter().enumerate() {
            waiting.epoll.watch(stream, key, Interest::READABLE).doing("epoll_ctl")?;
        }
        let connection =
            |stream| Connection { stream, arrived: 0, asked: VecDeque::with_capacity(UNDER_WAY) };
        Ok(Self { waiting, connections: streams.into_iter().map(connection).collect(), under_way: 0 })
    }

    fn run(&mut self, extent: Extent) -> Result<Outcome, Failure> {
        let mut latencies = Histogram::new();
        let mut window = Window::new(extent);
        let begun = window.begun();
        for _ in 0..UNDER_WAY {
            for number in 0..self.connections.len() {
                if window.admits(begun) {
                    self.ask(number, begun)?;
                }
            }
        }
        while self.under_way > 0 {
            for event in 0..self.waiting.wait()? {
                let number = self.waiting.epoll.event(event).key;
                self.take(number, &mut window, &mut latencies)?;
            }
        }
        Ok(window.close(latencies, 0))
    }

    fn ask(&mut self, number: usize, now: Instant) -> Result<(), Failure> {
        let Connection { stream, asked, .. } = &mut self.connections[number];
        stream.write_all(b"?").map_err(lost)?;
        asked.push_back(now);
        self.under_way += 1;
        Ok(())
    }

    fn take(&mut self, number: usize, window: &mut Window, latencies: &mut Histogram) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        match socket::discard(&connection.stream, UNDER_WAY * MIB) {
            Ok(0) => return Err(Failure::Peer("the server closed the connection".into())),
            Ok(count) => connection.arrived += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(lost(error)),
        }
        while self.connections[number].arrived >= MIB {
            let now = Instant::now();
            let connection = &mut self.connections[number];
            connection.arrived -= MIB;
            let Some(asked) = connection.asked.pop_front() else {
                return Err(Failure::Peer("the server sent more than it was asked for".into()));
            };
            self.under_way -= 1;
            latencies.record(nanoseconds(now.duration_since(asked)));
            if window.admits(now) {
                self.ask(number, now)?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is the shape that map_err calls")]
fn lost(error: std::io::Error) -> Failure {
    Failure::Peer(format!("the connection broke: {error}"))
}
