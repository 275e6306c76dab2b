//! The raw server of HTTP: the same answer to every request, which ends with the empty line of its head.
//!
//! No header is parsed: the length of a request's body is an option.

use std::io;
use std::net::TcpStream;

use super::services::{After, Service, buffer, receive, send};
use crate::failure::Failure;
use crate::options::Arguments;

const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

/// The form of requests and answers, apart from the bytes of the answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// The number of chunks in which the answer is sent, each with all its bytes; 0 for an answer with a length.
    parts: usize,
    /// The length of every request's body.
    body: usize,
    /// Whether the connection is closed after its first answer.
    closes: bool,
}

impl Shape {
    /// Takes `--parts`, `--body` and `--close`.
    pub(super) fn from(arguments: &mut Arguments) -> Result<Self, Failure> {
        Ok(Self {
            parts: arguments.value("--parts")?.unwrap_or(0),
            body: arguments.value("--body")?.unwrap_or(0),
            closes: arguments.flag("--close"),
        })
    }
}

/// Answers every request with a body of the same bytes.
pub(super) struct Http {
    answer: Vec<u8>,
    shape: Shape,
    buffer: Box<[u8]>,
}

/// The state of a connection.
#[derive(Default)]
pub(super) struct Talk {
    unsent: Vec<u8>,
    /// How much of the end of a head the last read ended with.
    matched: usize,
    /// How much of a body is still to come.
    left: usize,
    is_over: bool,
}

impl Http {
    pub(super) fn new(bytes: usize, shape: Shape) -> Self {
        Self { answer: answer(bytes, shape), shape, buffer: buffer() }
    }
}

impl Service for Http {
    type State = Talk;

    #[inline]
    fn attend(&mut self, stream: &TcpStream, talk: &mut Talk) -> io::Result<After> {
        if talk.unsent.is_empty() {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            match ended_requests(&self.buffer[..count], talk, self.shape.body) {
                0 => return Ok(After::Read),
                // Nothing is copied for the usual answer, to one request.
                1 => {
                    let sent = send(stream, &self.answer)?;
                    talk.unsent.extend_from_slice(&self.answer[sent..]);
                }
                several => {
                    // The answers to requests that arrived together are sent together.
                    (0..several).for_each(|_| talk.unsent.extend_from_slice(&self.answer));
                    send_unsent(stream, talk)?;
                }
            }
            talk.is_over = self.shape.closes;
        } else {
            send_unsent(stream, talk)?;
        }
        Ok(match (talk.unsent.is_empty(), talk.is_over) {
            (false, _) => After::Write,
            (true, true) => After::Close,
            (true, false) => After::Read,
        })
    }
}

fn send_unsent(stream: &TcpStream, talk: &mut Talk) -> io::Result<()> {
    let sent = send(stream, &talk.unsent)?;
    talk.unsent.drain(..sent);
    Ok(())
}

fn answer(bytes: usize, shape: Shape) -> Vec<u8> {
    let framing = match shape.parts {
        0 => format!("Content-Length: {bytes}"),
        _ => "Transfer-Encoding: chunked".to_owned(),
    };
    let close = if shape.closes { "Connection: close\r\n" } else { "" };
    let body = "a".repeat(bytes);
    let body = match shape.parts {
        0 => body,
        parts => format!("{bytes:x}\r\n{body}\r\n").repeat(parts) + "0\r\n\r\n",
    };
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{close}{framing}\r\n\r\n{body}").into_bytes()
}

/// Returns how many requests end in the data; the state remembers where it is cut.
fn ended_requests(data: &[u8], talk: &mut Talk, body: usize) -> usize {
    let (mut ended, mut at) = (0, 0);
    while at < data.len() {
        if talk.left > 0 {
            let taken = talk.left.min(data.len() - at);
            talk.left -= taken;
            at += taken;
            ended += usize::from(talk.left == 0);
            continue;
        }
        if ends_head(data[at], &mut talk.matched) {
            talk.left = body;
            ended += usize::from(body == 0);
        }
        at += 1;
    }
    ended
}

/// Returns whether a head ends with the byte.
#[inline]
fn ends_head(byte: u8, matched: &mut usize) -> bool {
    // After a mismatch, only a carriage return can start another end.
    *matched = match (byte == END_OF_HEAD[*matched], byte == END_OF_HEAD[0]) {
        (true, _) => *matched + 1,
        (false, true) => 1,
        (false, false) => 0,
    };
    let is_end = *matched == END_OF_HEAD.len();
    if is_end {
        *matched = 0;
    }
    is_end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_end_wherever_they_are_cut() {
        let get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: \r\r\n\r\n".as_slice();
        let post = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\nPOST / HTTP/1.1\r\n\r\n1234".as_slice();
        for (data, body) in [(get, 0), (post, 4)] {
            for cut in 0..data.len() {
                let mut talk = Talk::default();
                let found = ended_requests(&data[..cut], &mut talk, body)
                    + ended_requests(&data[cut..], &mut talk, body);
                assert_eq!((found, talk.matched, talk.left), (2, 0, 0), "{cut}");
            }
        }
    }

    #[test]
    fn an_answer_in_parts_is_chunked() {
        let shape = Shape { parts: 2, ..Shape::default() };
        let text = String::from_utf8(answer(16, shape)).unwrap();
        let chunk = format!("10\r\n{}\r\n", "a".repeat(16));
        assert!(text.ends_with(&format!("chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n")), "{text}");
    }
}
