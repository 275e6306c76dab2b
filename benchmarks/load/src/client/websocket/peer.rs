//! One WebSocket of a client: sending frames, and comparing the messages that come back. When to send is decided by its
//! users.

use std::io::{ErrorKind, Read, Write};

use super::super::stream::Stream;
use super::incoming::{Incoming, Received};
use super::messages::{Message, Opcode};
use super::opening::Agreed;
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Epoll;
use reactor::Interest;

/// As much as the servers read and send at a time.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

pub(super) struct Peer {
    stream: Stream,
    interest: Interest,
    unsent: Vec<u8>,
    incoming: Incoming,
}

impl Peer {
    /// The connection is open, and does not block.
    pub(super) fn new(stream: Stream, agreed: Option<Agreed>) -> Self {
        let incoming = Incoming::new(agreed);
        Self { stream, interest: Interest::READABLE, unsent: Vec::new(), incoming }
    }

    pub(super) fn watch(&self, epoll: &mut Epoll, key: usize) -> Result<(), Failure> {
        epoll.watch(self.stream.socket(), key, self.interest).doing("epoll_ctl")
    }

    /// Sends a frame; what the kernel does not take now is sent when there is room.
    #[inline]
    pub(super) fn send(&mut self, frame: &[u8], epoll: &mut Epoll, key: usize) -> Result<(), Failure> {
        if !self.incoming.pongs.is_empty() {
            self.unsent.append(&mut self.incoming.pongs);
        }
        if self.unsent.is_empty() {
            let sent = sent(self.stream.write(frame))?;
            if sent == frame.len() && !self.stream.has_unsent() {
                return Ok(());
            }
            self.unsent.extend_from_slice(&frame[sent..]);
        } else {
            self.unsent.extend_from_slice(frame);
        }
        self.send_rest(epoll, key)
    }

    /// Handles readiness for writing.
    pub(super) fn send_rest(&mut self, epoll: &mut Epoll, key: usize) -> Result<(), Failure> {
        let sent = sent(self.stream.write(&self.unsent))?;
        self.unsent.drain(..sent);
        let is_sent = self.unsent.is_empty() && !self.stream.has_unsent();
        let interest = if is_sent { Interest::READABLE } else { Interest::BOTH };
        if interest != self.interest {
            self.interest = interest;
            epoll.rewatch(self.stream.socket(), key, interest).doing("epoll_ctl")?;
        }
        Ok(())
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.interest != Interest::READABLE
    }

    /// Receives once, and passes on the messages.
    #[inline]
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        on_message: impl FnMut(Received<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self.stream.read(buffer) {
            Ok(0) => Err(Failure::Peer("the server ended a connection without closing it".into())),
            Ok(count) => self.incoming.take(&buffer[..count], on_message),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Failure::Peer(format!("a connection broke: {error}"))),
        }
    }
}

/// Compares a message with the one that was sent.
#[inline]
pub(super) fn check(received: Received<'_>, wanted: &Message) -> Result<(), Failure> {
    if received.payload != wanted.payload {
        return Err(Failure::Peer("the server sent another message than it was sent".into()));
    }
    if received.is_text != (wanted.opcode == Opcode::Text) {
        return Err(Failure::Peer("the server sent a message of another kind than it was sent".into()));
    }
    Ok(())
}

/// Sends each message on a connection that blocks, and waits for its echo.
pub(super) fn exchange(
    stream: &mut Stream,
    agreed: Option<Agreed>,
    messages: &[Message],
) -> Result<(), Failure> {
    let (mut incoming, mut buffer) = (Incoming::new(agreed), vec![0; BUFFER_BYTES]);
    for message in messages {
        stream.write_all(&message.frame).doing("sending a message")?;
        let mut is_answered = false;
        while !is_answered {
            match stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::Peer("the server ended a connection".into())),
                Ok(count) => incoming.take(&buffer[..count], |received| {
                    is_answered = true;
                    check(received, message)
                })?,
                // A read over TLS may be without a byte.
                Err(error) if error.kind() == ErrorKind::WouldBlock && stream.is_secure() => {}
                Err(error) => return Err(Failure::Peer(format!("an echo did not come: {error}"))),
            }
        }
    }
    Ok(())
}

/// Returns how much the kernel took.
#[inline]
fn sent(result: std::io::Result<usize>) -> Result<usize, Failure> {
    match result {
        Ok(count) => Ok(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(Failure::Peer(format!("a connection broke: {error}"))),
    }
}
