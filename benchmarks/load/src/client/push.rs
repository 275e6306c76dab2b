//! Bulk transfer to the server: as fast as the kernel takes it, with a few MiB that the server has not acknowledged. An
//! operation is a MiB.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::{Waiting, connections_to, target};
use crate::agreement::{ACKNOWLEDGEMENT, MIB, UNDER_WAY};
use crate::failure::{Doing, Failure};
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::sys::epoll::Event;
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
    data: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    interest: Interest,
    /// Bytes left of the MiB that is being sent.
    unsent: usize,
    /// When each MiB that is not acknowledged began, including the one that is being sent.
    begun: VecDeque<Instant>,
}

impl Client {
    fn new(mut waiting: Waiting, streams: Vec<TcpStream>) -> Result<Self, Failure> {
        for (key, stream) in streams.iter().enumerate() {
            waiting.epoll.watch(stream, key, Interest::READABLE).doing("epoll_ctl")?;
        }
        let connection = |stream| Connection {
            stream,
            interest: Interest::READABLE,
            unsent: 0,
            begun: VecDeque::with_capacity(UNDER_WAY),
        };
        Ok(Self {
            waiting,
            connections: streams.into_iter().map(connection).collect(),
            data: vec![b'p'; MIB],
        })
    }

    fn run(&mut self, extent: Extent) -> Result<Outcome, Failure> {
        let mut latencies = Histogram::new();
        let mut window = Window::new(extent);
        for number in 0..self.connections.len() {
            self.send(number, &mut window)?;
        }
        while self.connections.iter().any(|connection| !connection.begun.is_empty()) {
            for event in 0..self.waiting.wait()? {
                let Event { key, is_readable, .. } = self.waiting.epoll.event(event);
                if is_readable {
                    self.acknowledge(key, &mut latencies)?;
                }
                self.send(key, &mut window)?;
            }
        }
        Ok(window.close(latencies, 0))
    }

    /// Sends until the kernel, the window or the server accepts no more.
    fn send(&mut self, number: usize, window: &mut Window) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let interest = loop {
            if connection.unsent == 0 {
                let now = Instant::now();
                if connection.begun.len() == UNDER_WAY || !window.admits(now) {
                    break Interest::READABLE;
                }
                connection.begun.push_back(now);
                connection.unsent = MIB;
            }
            match connection.stream.write(&self.data[..connection.unsent]) {
                Ok(sent) => connection.unsent -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Interest::BOTH,
                Err(error) => return Err(lost(&error)),
            }
        };
        if interest != connection.interest {
            connection.interest = interest;
            self.waiting.epoll.rewatch(&connection.stream, number, interest).doing("epoll_ctl")?;
        }
        Ok(())
    }

    fn acknowledge(&mut self, number: usize, latencies: &mut Histogram) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let mut acknowledged = [0; UNDER_WAY * ACKNOWLEDGEMENT.len()];
        let count = match connection.stream.read(&mut acknowledged) {
            Ok(0) => return Err(Failure::Peer("the server closed the connection".into())),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(lost(&error)),
        };
        let now = Instant::now();
        for _ in 0..count / ACKNOWLEDGEMENT.len() {
            let Some(begun) = connection.begun.pop_front() else {
                return Err(Failure::Peer("the server acknowledged what it was not sent".into()));
            };
            latencies.record(nanoseconds(now.duration_since(begun)));
        }
        Ok(())
    }
}

fn lost(error: &io::Error) -> Failure {
    Failure::Peer(format!("the connection broke: {error}"))
}
