//! The services of the raw servers for a connection that is ready, each as cheap as the kernel allows. epoll is not
//! known here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::agreement::{ACKNOWLEDGEMENT, MIB};

/// The most that a loop reads per readiness, so that no server gets the data in fewer calls than another.
const BUFFER_BYTES: usize = 256 * 1024;

pub(super) trait Service {
    /// The state of each connection.
    type State: Default;

    /// Handles a connection. An error means that it is gone.
    fn attend(&mut self, stream: &TcpStream, state: &mut Self::State) -> io::Result<After>;

    /// Returns what is sent on every connection after `After::Broadcast`.
    fn broadcast(&self) -> &[u8] {
        &[]
    }
}

/// What a connection waits for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Read,
    Write,
    Close,
    /// Something else is sent first, on every connection; then it is read.
    Broadcast,
}

/// Sends back what it receives.
pub(super) struct Echo {
    buffer: Box<[u8]>,
}

impl Echo {
    pub(super) fn new() -> Self {
        Self { buffer: buffer() }
    }
}

impl Service for Echo {
    /// Bytes that the kernel had no room for. It reads no more while there are any.
    type State = Vec<u8>;

    #[inline]
    fn attend(&mut self, stream: &TcpStream, unsent: &mut Vec<u8>) -> io::Result<After> {
        if unsent.is_empty() {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            let sent = send(stream, &self.buffer[..count])?;
            unsent.extend_from_slice(&self.buffer[sent..count]);
        } else {
            let sent = send(stream, unsent)?;
            unsent.drain(..sent);
        }
        Ok(if unsent.is_empty() { After::Read } else { After::Write })
    }
}

/// Answers every byte with the same bytes.
pub(super) struct Answer {
    answer: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Answer {
    pub(super) fn new(bytes: usize) -> Self {
        Self { answer: vec![b'a'; bytes], buffer: buffer() }
    }
}

impl Service for Answer {
    type State = Vec<u8>;

    fn attend(&mut self, stream: &TcpStream, unsent: &mut Vec<u8>) -> io::Result<After> {
        if unsent.is_empty() {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            for _ in 0..count {
                let sent = if unsent.is_empty() { send(stream, &self.answer)? } else { 0 };
                unsent.extend_from_slice(&self.answer[sent..]);
            }
        } else {
            let sent = send(stream, unsent)?;
            unsent.drain(..sent);
        }
        Ok(if unsent.is_empty() { After::Read } else { After::Write })
    }
}

/// Sends a MiB for every byte received.
pub(super) struct Source {
    data: Box<[u8]>,
    buffer: Box<[u8]>,
}

impl Source {
    pub(super) fn new() -> Self {
        Self { data: buffer(), buffer: buffer() }
    }
}

impl Service for Source {
    /// Bytes that are still owed. It accepts no requests while there are any.
    type State = usize;

    fn attend(&mut self, stream: &TcpStream, owed: &mut usize) -> io::Result<After> {
        if *owed == 0 {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            *owed = count * MIB;
        }
        while *owed > 0 {
            let sent = send(stream, &self.data[..BUFFER_BYTES.min(*owed)])?;
            *owed -= sent;
            if sent == 0 {
                return Ok(After::Write);
            }
        }
        Ok(After::Read)
    }
}

/// Accepts everything and acknowledges every MiB with a byte, so that the client knows when all was received.
pub(super) struct Sink {
    buffer: Box<[u8]>,
}

impl Sink {
    pub(super) fn new() -> Self {
        Self { buffer: buffer() }
    }
}

impl Service for Sink {
    /// Bytes since the last acknowledgement.
    type State = usize;

    fn attend(&mut self, stream: &TcpStream, taken: &mut usize) -> io::Result<After> {
        let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
        *taken += count;
        while *taken >= MIB {
            *taken -= MIB;
            // The client has a few MiB under way at most, so there is always room for their acknowledgements.
            send(stream, &ACKNOWLEDGEMENT)?;
        }
        Ok(After::Read)
    }
}

pub(super) fn buffer() -> Box<[u8]> {
    vec![b'a'; BUFFER_BYTES].into()
}

/// Returns how many bytes were received, possibly none yet; `None` at the end of the stream.
#[inline]
pub(super) fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

/// Returns how many bytes the kernel took.
#[inline]
pub(super) fn send(mut stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    match stream.write(data) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}
