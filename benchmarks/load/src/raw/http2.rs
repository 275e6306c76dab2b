//! The raw server of HTTP/2: the same answer to every request, whose frames are cut and not read.
//!
//! A request ends with the flag of its last frame. The client's windows are larger than any answer here, and no window
//! is looked at; that of the client is renewed.

use std::io;
use std::net::TcpStream;

use super::services::{After, Service, buffer, receive, send};
use crate::failure::Failure;
use crate::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, FIRST_WINDOW, Frames, HEADERS, INITIAL_WINDOW_SIZE, LARGEST_WINDOW,
    PAYLOAD_BYTES, PING, PREFACE, SETTINGS, WINDOW_UPDATE, push_ack, push_head, push_number, push_settings,
};

/// The connection's window is renewed when this much is used.
const RENEWED_AT: u32 = LARGEST_WINDOW / 2;
/// `:status: 200` of the static table (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;
/// The places of the names of fields there, for a value that is not kept.
const CONTENT_LENGTH: [u8; 2] = [0x0f, 0x0d];
const CONTENT_TYPE: [u8; 2] = [0x0f, 0x10];
const MEDIA_TYPE: &str = "text/plain";
/// Where the number of the stream is in the head of a frame.
const STREAM_AT: usize = 5;

/// Answers every request with the same bytes.
pub(super) struct Http2 {
    answer: Vec<u8>,
    /// Where the frames of the answer begin.
    frames: Vec<usize>,
    buffer: Box<[u8]>,
}

/// The state of a connection.
#[derive(Default)]
pub(super) struct Talk {
    unsent: Vec<u8>,
    /// How much of the preface has arrived.
    preface: usize,
    frames: Frames,
    /// Bytes of content since the window was renewed.
    used: u32,
}

impl Http2 {
    /// `parts` is the number of frames of the answer, each with all its bytes; 0 for an answer with a length.
    pub(super) fn new(bytes: usize, parts: usize) -> Self {
        let (answer, frames) = answer(bytes, parts);
        Self { answer, frames, buffer: buffer() }
    }
}

impl Service for Http2 {
    type State = Talk;

    #[inline]
    fn attend(&mut self, stream: &TcpStream, talk: &mut Talk) -> io::Result<After> {
        if talk.unsent.is_empty() {
            let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
            let data = talk.after_preface(&self.buffer[..count])?;
            let Talk { unsent, frames, used, .. } = talk;
            frames
                .take(data, |head, payload| {
                    match head.kind {
                        SETTINGS | PING if !head.has(ACK) => {
                            let echoed = if head.kind == PING { payload } else { &[] };
                            push_ack(unsent, head.kind, echoed);
                        }
                        DATA => count_content(head.length, used, unsent),
                        _ => {}
                    }
                    if matches!(head.kind, DATA | HEADERS) && head.has(END_STREAM) {
                        let from = unsent.len();
                        unsent.extend_from_slice(&self.answer);
                        for frame in &self.frames {
                            let at = from + frame + STREAM_AT;
                            unsent[at..at + 4].copy_from_slice(&head.stream.to_be_bytes());
                        }
                    }
                    Ok(())
                })
                .map_err(|failure: Failure| io::Error::other(failure.to_string()))?;
        }
        let sent = send(stream, &talk.unsent)?;
        talk.unsent.drain(..sent);
        Ok(if talk.unsent.is_empty() { After::Read } else { After::Write })
    }
}

impl Talk {
    /// Returns what follows the client's preface; the server's own is sent when that is complete.
    fn after_preface<'a>(&mut self, data: &'a [u8]) -> io::Result<&'a [u8]> {
        if self.preface == PREFACE.len() {
            return Ok(data);
        }
        let (part, rest) = data.split_at(data.len().min(PREFACE.len() - self.preface));
        if !PREFACE[self.preface..].starts_with(part) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.preface += part.len();
        if self.preface == PREFACE.len() {
            push_settings(&mut self.unsent, &[(INITIAL_WINDOW_SIZE, LARGEST_WINDOW)]);
            push_number(&mut self.unsent, WINDOW_UPDATE, 0, LARGEST_WINDOW - FIRST_WINDOW);
        }
        Ok(rest)
    }
}

fn count_content(length: usize, used: &mut u32, unsent: &mut Vec<u8>) {
    *used += u32::try_from(length).unwrap_or_default();
    if *used >= RENEWED_AT {
        push_number(unsent, WINDOW_UPDATE, 0, *used);
        *used = 0;
    }
}

/// Returns the frames of the answer, and where each begins.
fn answer(bytes: usize, parts: usize) -> (Vec<u8>, Vec<usize>) {
    let mut block = vec![STATUS_200];
    push_field(&mut block, CONTENT_TYPE, MEDIA_TYPE);
    if parts == 0 {
        push_field(&mut block, CONTENT_LENGTH, &bytes.to_string());
    }
    let body = vec![b'a'; bytes];
    let mut pieces: Vec<&[u8]> = match parts {
        0 => body.chunks(PAYLOAD_BYTES).collect(),
        parts => (0..parts).flat_map(|_| body.chunks(PAYLOAD_BYTES)).collect(),
    };
    // A server that does not know the length sends the end alone.
    if parts > 0 {
        pieces.push(&[]);
    }
    let (mut out, mut frames) = (Vec::new(), vec![0]);
    let end = if pieces.is_empty() { END_STREAM } else { 0 };
    push_head(&mut out, block.len(), HEADERS, END_HEADERS | end, 0);
    out.extend_from_slice(&block);
    for (number, piece) in pieces.iter().enumerate() {
        frames.push(out.len());
        let end = if number + 1 == pieces.len() { END_STREAM } else { 0 };
        push_head(&mut out, piece.len(), DATA, end, 0);
        out.extend_from_slice(piece);
    }
    (out, frames)
}

fn push_field(block: &mut Vec<u8>, name: [u8; 2], value: &str) {
    block.extend_from_slice(&name);
    block.push(u8::try_from(value.len()).unwrap_or_default());
    block.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_last_frame() {
        let (answer, frames) = answer(PAYLOAD_BYTES + 1, 0);
        let flags: Vec<u8> = frames.iter().map(|at| answer[at + 4]).collect();
        assert_eq!(flags, [END_HEADERS, 0, END_STREAM]);
        assert_eq!(super::answer(0, 0).1, [0]);
        assert_eq!(super::answer(8, 3).1.len(), 5);
    }

    #[test]
    fn another_beginning_is_refused() {
        let mut talk = Talk::default();
        assert_eq!(talk.after_preface(&PREFACE[..5]).unwrap(), b"");
        talk.after_preface(b"GET /").unwrap_err();
    }
}
