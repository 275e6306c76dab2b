//! Broadcasts: one connection sends a message, and it comes back on all of them; then the next connection sends.
//!
//! To the closed loop they are one connection, with one operation at a time.

use std::time::{Duration, Instant};

use super::super::Waiting;
use super::super::carrier::{Answered, Carrier};
use super::messages::Message;
use super::peer::{BUFFER_BYTES, Peer, check};
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Event;

pub(super) struct Broadcasts {
    waiting: Waiting,
    members: Vec<Member>,
    messages: Vec<Message>,
    buffer: Box<[u8]>,
    /// Broadcasts that were begun.
    count: usize,
    /// Connections that the last one has not reached.
    missing: usize,
    begun: Instant,
}

struct Member {
    peer: Peer,
    /// Broadcasts that have come.
    count: usize,
}

impl Broadcasts {
    pub(super) fn new(
        mut waiting: Waiting,
        peers: Vec<Peer>,
        messages: Vec<Message>,
    ) -> Result<Self, Failure> {
        for (key, peer) in peers.iter().enumerate() {
            peer.watch(&mut waiting.epoll, key)?;
        }
        Ok(Self {
            waiting,
            members: peers.into_iter().map(|peer| Member { peer, count: 0 }).collect(),
            messages,
            buffer: vec![0; BUFFER_BYTES].into(),
            count: 0,
            missing: 0,
            begun: Instant::now(),
        })
    }

    #[inline]
    fn receive(&mut self, number: usize) -> Result<(), Failure> {
        let Self { members, messages, buffer, count, missing, .. } = self;
        let member = &mut members[number];
        let wanted = &messages[*count % messages.len()];
        let came = &mut member.count;
        member.peer.receive(buffer, |received| {
            check(received, wanted)?;
            *came += 1;
            if came != count {
                return Err(Failure::Peer("the server sent a broadcast twice on a connection".into()));
            }
            *missing -= 1;
            Ok(())
        })
    }
}

impl Carrier for Broadcasts {
    fn connections(&self) -> usize {
        1
    }

    fn under_way(&self) -> usize {
        usize::from(self.missing > 0)
    }

    fn is_free(&self, _: usize) -> bool {
        self.missing == 0
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

    fn begin(&mut self, _: usize, begun: Instant) -> Result<(), Failure> {
        self.begun = begun;
        self.count += 1;
        self.missing = self.members.len();
        let sender = self.count % self.members.len();
        let frame = &self.messages[self.count % self.messages.len()].frame;
        self.members[sender].peer.send(frame, &mut self.waiting.epoll, sender)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    #[inline]
    fn wait(&mut self) -> Result<usize, Failure> {
        self.waiting.wait()
    }

    fn poll(&mut self) -> Result<usize, Failure> {
        self.waiting.epoll.wait(Some(Duration::ZERO)).doing("epoll_wait")
    }

    #[inline]
    fn attend(&mut self, event: usize, answers: &mut Vec<Answered>) -> Result<(), Failure> {
        let Event { key, is_readable, is_writable } = self.waiting.epoll.event(event);
        let peer = &mut self.members[key].peer;
        if is_writable && peer.has_unsent() {
            peer.send_rest(&mut self.waiting.epoll, key)?;
        }
        let was_under_way = self.missing > 0;
        if is_readable {
            self.receive(key)?;
        }
        if was_under_way && self.missing == 0 {
            let at = Instant::now();
            let latency = at.saturating_duration_since(self.begun);
            answers.push(Answered { connection: 0, latency, at });
        }
        Ok(())
    }
}
