//! Connections on which a message is sent and an answer of known length is received, one at a time on each.
//!
//! It reports which connection has its answer; the caller decides when the next message is sent, in a closed loop
//! (`echo.rs`) or at a rate (`rated.rs`).

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::Waiting;
use super::carrier::{Answered, Carrier};
use super::stream::Stream;
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Event;
use reactor::Interest;

/// As much as the servers read and send at a time.
const BUFFER_BYTES: usize = 256 * 1024;

pub(super) struct Exchange {
    waiting: Waiting,
    connections: Vec<Connection>,
    message: Vec<u8>,
    answer_bytes: usize,
    buffer: Box<[u8]>,
    under_way: usize,
    broken: u64,
}

struct Connection {
    /// `None` after it has broken.
    stream: Option<Stream>,
    interest: Interest,
    unsent: usize,
    unanswered: usize,
    begun: Instant,
}

impl Exchange {
    /// An answer that is as long as the message is checked to be the message.
    pub(super) fn new(
        mut waiting: Waiting,
        streams: Vec<Stream>,
        message_bytes: usize,
        answer_bytes: usize,
    ) -> Result<Self, Failure> {
        for (key, stream) in streams.iter().enumerate() {
            waiting.epoll.watch(stream.socket(), key, Interest::READABLE).doing("epoll_ctl")?;
        }
        let connection = |stream| Connection {
            stream: Some(stream),
            interest: Interest::READABLE,
            unsent: 0,
            unanswered: 0,
            begun: Instant::now(),
        };
        Ok(Self {
            waiting,
            connections: streams.into_iter().map(connection).collect(),
            message: pattern(message_bytes),
            answer_bytes,
            buffer: vec![0; BUFFER_BYTES].into(),
            under_way: 0,
            broken: 0,
        })
    }

    #[inline]
    fn send(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let Some(stream) = connection.stream.as_mut() else { return Ok(()) };
        let from = self.message.len() - connection.unsent;
        match stream.write(&self.message[from..]) {
            Ok(sent) => connection.unsent -= sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return self.lose(number),
        }
        let interest =
            if connection.unsent > 0 || stream.has_unsent() { Interest::BOTH } else { Interest::READABLE };
        if interest != connection.interest {
            connection.interest = interest;
            self.waiting.epoll.rewatch(stream.socket(), number, interest).doing("epoll_ctl")?;
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self, number: usize) -> Result<Option<Answered>, Failure> {
        let connection = &mut self.connections[number];
        let Some(stream) = connection.stream.as_mut() else { return Ok(None) };
        match stream.read(&mut self.buffer) {
            Ok(count) if count > 0 => self.take(number, count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            _ => self.lose(number).map(|()| None),
        }
    }

    /// Handles bytes in the buffer.
    #[inline]
    fn take(&mut self, number: usize, count: usize) -> Result<Option<Answered>, Failure> {
        let connection = &mut self.connections[number];
        if count > connection.unanswered {
            return Err(Failure::Peer("the server sent more than it was asked for".into()));
        }
        if self.message.len() == self.answer_bytes {
            let from = self.answer_bytes - connection.unanswered;
            check(&self.buffer[..count], &self.message[from..from + count])?;
        }
        connection.unanswered -= count;
        if connection.unanswered > 0 {
            return Ok(None);
        }
        self.under_way -= 1;
        let at = Instant::now();
        Ok(Some(Answered { connection: number, latency: at.saturating_duration_since(connection.begun), at }))
    }

    /// Drops a connection that has broken: it counts once and is not used again.
    fn lose(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        connection.stream = None;
        connection.unsent = 0;
        if connection.unanswered > 0 {
            connection.unanswered = 0;
            self.under_way -= 1;
            self.broken += 1;
        }
        if self.connections.iter().all(|connection| connection.stream.is_none()) {
            return Err(Failure::Peer("the server has closed every connection".into()));
        }
        Ok(())
    }
}

impl Carrier for Exchange {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    #[inline]
    fn is_free(&self, connection: usize) -> bool {
        self.connections[connection].stream.is_some() && self.connections[connection].unanswered == 0
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
        connection.begun = begun;
        connection.unsent = self.message.len();
        connection.unanswered = self.answer_bytes;
        self.under_way += 1;
        self.send(number)
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
        if is_writable && self.connections[key].interest != Interest::READABLE {
            self.send(key)?;
        }
        if is_readable {
            answers.extend(self.receive(key)?);
        }
        Ok(())
    }
}

/// Returns bytes of which every place differs from its neighbours: the high bits of Knuth's generator (MMIX).
fn pattern(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..bytes).map(next).collect()
}

/// Checks the first and last bytes of each piece. Bytes that are lost, doubled or out of order move those that follow,
/// so this finds nearly all errors; comparing everything would make the client slower than the fastest server.
#[inline]
fn check(got: &[u8], wanted: &[u8]) -> Result<(), Failure> {
    if got.first() == wanted.first() && got.last() == wanted.last() {
        return Ok(());
    }
    Err(Failure::Peer("the server sent back other bytes than it was sent".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_by_any_small_number_is_seen() {
        let message = pattern(4096);
        for shift in 1..64 {
            let pieces = (0..32).map(|piece| piece * 100);
            let is_seen =
                |from: usize| check(&message[from + shift..][..50], &message[from..][..50]).is_err();
            assert!(pieces.filter(|from| is_seen(*from)).count() > 24, "{shift}");
        }
    }
}
