//! Round trips: a message on each connection, and the next when its echo has come.

use std::time::{Duration, Instant};

use super::super::Waiting;
use super::super::carrier::{Answered, Carrier};
use super::messages::Message;
use super::peer::{BUFFER_BYTES, Peer, check};
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Event;

pub(super) struct Echoes {
    waiting: Waiting,
    connections: Vec<Connection>,
    messages: Vec<Message>,
    buffer: Box<[u8]>,
    under_way: usize,
}

struct Connection {
    peer: Peer,
    /// Which message is under way, or comes next.
    message: usize,
    begun: Option<Instant>,
}

impl Echoes {
    pub(super) fn new(
        mut waiting: Waiting,
        peers: Vec<Peer>,
        messages: Vec<Message>,
    ) -> Result<Self, Failure> {
        for (key, peer) in peers.iter().enumerate() {
            peer.watch(&mut waiting.epoll, key)?;
        }
        // They begin at different messages, so that a server that serves one after the other gets different ones.
        let connection = |(number, peer)| Connection { peer, message: number % messages.len(), begun: None };
        Ok(Self {
            waiting,
            connections: peers.into_iter().enumerate().map(connection).collect(),
            messages,
            buffer: vec![0; BUFFER_BYTES].into(),
            under_way: 0,
        })
    }

    #[inline]
    fn receive(&mut self, number: usize, answers: &mut Vec<Answered>) -> Result<(), Failure> {
        let Self { connections, messages, buffer, under_way, .. } = self;
        let Connection { peer, message, begun } = &mut connections[number];
        peer.receive(buffer, |received| {
            let Some(since) = begun.take() else {
                return Err(Failure::Peer("the server sent more messages than it was sent".into()));
            };
            check(received, &messages[*message])?;
            *message = (*message + 1) % messages.len();
            *under_way -= 1;
            let at = Instant::now();
            answers.push(Answered { connection: number, latency: at.saturating_duration_since(since), at });
            Ok(())
        })
    }
}

impl Carrier for Echoes {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    fn is_free(&self, connection: usize) -> bool {
        self.connections[connection].begun.is_none()
    }

    /// A connection that breaks ends the client.
    fn has_lost(&self) -> bool {
        false
    }

    fn take_broken(&mut self) -> u64 {
        0
    }

    fn take_spun(&mut self) -> Duration {
        self.waiting.take_spun()
    }

    #[inline]
    fn begin(&mut self, number: usize, begun: Instant) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        connection.begun = Some(begun);
        self.under_way += 1;
        connection.peer.send(&self.messages[connection.message].frame, &mut self.waiting.epoll, number)
    }

    /// A message is sent when it begins: there is one at a time on each connection.
    #[inline]
    fn flush(&mut self) -> Result<(), Failure> {
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
        let peer = &mut self.connections[key].peer;
        if is_writable && peer.has_unsent() {
            peer.send_rest(&mut self.waiting.epoll, key)?;
        }
        if is_readable { self.receive(key, answers) } else { Ok(()) }
    }
}
