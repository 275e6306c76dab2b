//! The raw server of HTTP: the same answer to every request, found by the empty line that ends its head.
//!
//! It reads no header, so a request with a body would be answered more than once; clients here send none.

use std::io;
use std::net::TcpStream;

use super::services::{After, Service, buffer, receive, send};

const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

/// Answers every request with a body of the same bytes.
pub(super) struct Http {
    answer: Vec<u8>,
    buffer: Box<[u8]>,
}

/// What is kept for a connection.
#[derive(Default)]
pub(super) struct Talk {
    unsent: Vec<u8>,
    /// How much of the end of a head the last read ended with.
    matched: usize,
}

impl Http {
    pub(super) fn new(bytes: usize) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n");
        let answer = head.into_bytes().into_iter().chain(std::iter::repeat_n(b'a', bytes)).collect();
        Self { answer, buffer: buffer() }
    }
}

impl Service for Http {
    type State = Talk;

    fn attend(&mut self, stream: &TcpStream, talk: &mut Talk) -> io::Result<After> {
        if talk.unsent.is_empty() {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            for _ in 0..ended_heads(&self.buffer[..count], &mut talk.matched) {
                talk.unsent.extend_from_slice(&self.answer);
            }
        }
        // The answers to requests that came together leave together.
        let sent = if talk.unsent.is_empty() { 0 } else { send(stream, &talk.unsent)? };
        talk.unsent.drain(..sent);
        Ok(if talk.unsent.is_empty() { After::Read } else { After::Write })
    }
}

/// How many heads end in the data; `matched` carries over from one read to the next.
fn ended_heads(data: &[u8], matched: &mut usize) -> usize {
    let mut ended = 0;
    for byte in data {
        // After a mismatch, only a carriage return can be the beginning of another end.
        *matched = match (*byte == END_OF_HEAD[*matched], *byte == END_OF_HEAD[0]) {
            (true, _) => *matched + 1,
            (false, true) => 1,
            (false, false) => 0,
        };
        if *matched == END_OF_HEAD.len() {
            *matched = 0;
            ended += 1;
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_end_wherever_they_are_cut() {
        let data = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: \r\r\n\r\n";
        for cut in 0..data.len() {
            let mut matched = 0;
            let found = ended_heads(&data[..cut], &mut matched) + ended_heads(&data[cut..], &mut matched);
            assert_eq!((found, matched), (2, 0), "{cut}");
        }
    }
}
