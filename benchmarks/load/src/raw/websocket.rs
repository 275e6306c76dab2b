//! The raw server of WebSocket: sends each message back on its connection, or on all of them, without looking into it.
//!
//! It knows the one key that `client/websocket/opening.rs` sends, and takes every message for a single frame. A message
//! that is compressed goes back as it came, which the agreement allows: a client compresses each on its own.

use std::io;
use std::net::TcpStream;
use std::ops::Range;

use super::services::{After, Service, buffer, receive, send};

const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";
const OFFER: &[u8] = b"permessage-deflate";
/// The answer to the sample key of RFC 6455 section 1.3.
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const AGREEMENT: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
const OPCODE: u8 = 0x0f;
const BINARY: u8 = 2;
const MASK_BYTES: usize = 4;

pub(super) struct WebSocket {
    is_broadcast: bool,
    buffer: Box<[u8]>,
    /// Frames that are sent to everyone.
    published: Vec<u8>,
}

/// The state of a connection.
#[derive(Default)]
pub(super) struct Talk {
    is_open: bool,
    /// The beginning of a head or of a frame.
    kept: Vec<u8>,
    unsent: Vec<u8>,
}

impl WebSocket {
    pub(super) fn new(is_broadcast: bool) -> Self {
        Self { is_broadcast, buffer: buffer(), published: Vec::new() }
    }
}

impl Service for WebSocket {
    type State = Talk;

    #[inline]
    fn attend(&mut self, stream: &TcpStream, talk: &mut Talk) -> io::Result<After> {
        if !talk.unsent.is_empty() {
            let sent = send(stream, &talk.unsent)?;
            talk.unsent.drain(..sent);
            return Ok(after(talk));
        }
        let Some(count) = receive(stream, &mut self.buffer)? else { return Ok(After::Close) };
        let received = &mut self.buffer[..count];
        if !talk.is_open {
            return open(stream, talk, received);
        }
        // Nothing is copied for the usual message, which comes whole and alone.
        let mut kept = std::mem::take(&mut talk.kept);
        let data = if kept.is_empty() {
            received
        } else {
            kept.extend_from_slice(received);
            &mut kept[..]
        };
        let Some(answered) = answer_in_place(data) else { return Ok(After::Close) };
        talk.kept = data[answered.used..].to_vec();
        let answer = &data[answered.at];
        if self.is_broadcast && !answer.is_empty() {
            self.published.clear();
            self.published.extend_from_slice(answer);
            return Ok(After::Broadcast);
        }
        if !answer.is_empty() {
            let sent = send(stream, answer)?;
            talk.unsent.extend_from_slice(&answer[sent..]);
        }
        Ok(after(talk))
    }

    fn broadcast(&self) -> &[u8] {
        &self.published
    }
}

fn after(talk: &Talk) -> After {
    if talk.unsent.is_empty() { After::Read } else { After::Write }
}

fn open(stream: &TcpStream, talk: &mut Talk, received: &[u8]) -> io::Result<After> {
    talk.kept.extend_from_slice(received);
    if talk.kept.ends_with(END_OF_HEAD) {
        let is_offered = talk.kept.windows(OFFER.len()).any(|bytes| bytes == OFFER);
        let answer = format!("{ANSWER}{}\r\n", if is_offered { AGREEMENT } else { "" });
        // A new connection has room for this.
        send(stream, answer.as_bytes())?;
        *talk = Talk { is_open: true, ..Talk::default() };
    }
    Ok(After::Read)
}

/// What became of received bytes.
struct Answers {
    /// Where the answers are.
    at: Range<usize>,
    /// How many bytes were whole frames.
    used: usize,
}

/// Turns the whole frames at the front into those that answer them, in their place. `None` for a frame that is no
/// message.
#[inline]
fn answer_in_place(data: &mut [u8]) -> Option<Answers> {
    // The answer to the first frame ends where the frame does, and the others follow it.
    let (mut used, mut written) = (0, MASK_BYTES);
    while let Some((header, length)) = header(&data[used..]) {
        if data[used] & OPCODE == 0 || data[used] & OPCODE > BINARY {
            return None;
        }
        let end = used + header + MASK_BYTES + length;
        if data.len() < end {
            break;
        }
        unmask(&mut data[used + header..end]);
        // The header moves to the payload, over the mask, without the flag of a mask.
        data[used + 1] &= 0x7f;
        data.copy_within(used..used + header, used + MASK_BYTES);
        let answer = used + MASK_BYTES..end;
        let answer_bytes = answer.len();
        if answer.start != written {
            data.copy_within(answer, written);
        }
        written += answer_bytes;
        used = end;
    }
    let at = if used == 0 { 0..0 } else { MASK_BYTES..written };
    Some(Answers { at, used })
}

/// Returns the length of a header without its mask, and that of the payload.
#[inline]
fn header(data: &[u8]) -> Option<(usize, usize)> {
    const LENGTH: u8 = 0x7f;
    match (data.get(1)? & LENGTH, data) {
        (126, &[_, _, a, b, ..]) => Some((4, usize::from(u16::from_be_bytes([a, b])))),
        (127, &[_, _, a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            Some((10, usize::try_from(length).unwrap_or(usize::MAX / 2)))
        }
        (126 | 127, _) => None,
        (length, _) => Some((2, usize::from(length))),
    }
}

/// Unmasks what follows a mask.
#[inline]
fn unmask(data: &mut [u8]) {
    let Some((mask, payload)) = data.split_first_chunk_mut::<MASK_BYTES>() else { return };
    // Eight bytes at a time are what LLVM makes vectors of.
    let [a, b, c, d] = *mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (pieces, rest) = payload.as_chunks_mut::<8>();
    for piece in pieces {
        *piece = (u64::from_ne_bytes(*piece) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(mut data: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
        let found = answer_in_place(&mut data)?;
        Some((data[found.at].to_vec(), data[found.used..].to_vec()))
    }

    #[test]
    fn frames_lose_their_masks() {
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec();
        assert_eq!(answered(hello.clone()).unwrap(), (b"\x81\x05Hello".to_vec(), Vec::new()));
        let long = [&[0xc2, 0xfe, 1, 0, 1, 1, 1, 1][..], &[b'a'; 256]].concat();
        let both = [&hello[..], &long, &hello[..7]].concat();
        let (answers, rest) = answered(both).unwrap();
        assert_eq!(answers, [&b"\x81\x05Hello\xc2\x7e\x01\x00"[..], &[b'`'; 256]].concat());
        assert_eq!(rest, hello[..7]);
        assert_eq!(answered(b"\x88\x80\x00\x00\x00\x00".to_vec()), None);
        assert_eq!(answered(hello[..1].to_vec()).unwrap(), (Vec::new(), hello[..1].to_vec()));
    }
}
