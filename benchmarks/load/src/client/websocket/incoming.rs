//! What a server sends on a connection: frames in any split (RFC 6455 section 5), inflated if they are compressed.
//!
//! A frame that was received whole is not copied. A ping is answered with the next message that is sent.

use flate2::{Decompress, FlushDecompress, Status};

use super::messages::{Opcode, masked};
use super::opening::Agreed;
use crate::failure::Failure;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The end of a deflated message, which is not sent (RFC 7692 section 7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Inflated bytes are appended in steps of at least this.
const ROOM_BYTES: usize = 32 * 1024;

/// A message as it is compared with the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received<'a> {
    pub(super) is_text: bool,
    pub(super) payload: &'a [u8],
}

pub(super) struct Incoming {
    /// Received bytes of a frame that is not complete.
    kept: Vec<u8>,
    /// The fragments of a message so far, and the first two flags of it; `None` between messages.
    fragments: Option<(Begun, Vec<u8>)>,
    inflater: Option<Inflater>,
    /// Frames that are sent with the next message.
    pub(super) pongs: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Begun {
    is_text: bool,
    is_compressed: bool,
}

struct Frame<'a> {
    flags: u8,
    payload: &'a [u8],
}

impl Incoming {
    pub(super) fn new(agreed: Option<Agreed>) -> Self {
        let inflater = agreed.map(Inflater::new);
        Self { kept: Vec::new(), fragments: None, inflater, pongs: Vec::new() }
    }

    /// Takes received bytes, and passes on each message that they complete.
    pub(super) fn take(
        &mut self,
        received: &[u8],
        mut on_message: impl FnMut(Received<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.kept.is_empty() {
            let used = self.take_frames(received, &mut on_message)?;
            self.kept.extend_from_slice(&received[used..]);
            return Ok(());
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(received);
        let used = self.take_frames(&kept, &mut on_message)?;
        kept.drain(..used);
        self.kept = kept;
        Ok(())
    }

    /// Returns how many bytes were whole frames.
    fn take_frames(
        &mut self,
        data: &[u8],
        on_message: &mut impl FnMut(Received<'_>) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut left = data;
        while let Some(frame) = next_frame(&mut left)? {
            self.take_frame(&frame, on_message)?;
        }
        Ok(data.len() - left.len())
    }

    fn take_frame(
        &mut self,
        frame: &Frame<'_>,
        on_message: &mut impl FnMut(Received<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let is_last = frame.flags & FIN != 0;
        match (frame.flags & OPCODE, self.fragments.take()) {
            (PONG, fragments) => self.fragments = fragments,
            (PING, fragments) => {
                self.fragments = fragments;
                self.pongs.extend(masked(Opcode::Pong, false, frame.payload));
            }
            (CLOSE, _) => return Err(closed(frame.payload)),
            (CONTINUATION, Some((begun, mut fragments))) => {
                fragments.extend_from_slice(frame.payload);
                if is_last {
                    return self.pass(begun, &fragments, on_message);
                }
                self.fragments = Some((begun, fragments));
            }
            (opcode, None) if opcode == Opcode::Text as u8 || opcode == Opcode::Binary as u8 => {
                let is_compressed = frame.flags & RSV1 != 0;
                let begun = Begun { is_text: opcode == Opcode::Text as u8, is_compressed };
                if is_last {
                    return self.pass(begun, frame.payload, on_message);
                }
                self.fragments = Some((begun, frame.payload.to_vec()));
            }
            _ => return Err(Failure::Peer("the server sent a frame out of order".into())),
        }
        Ok(())
    }

    fn pass(
        &mut self,
        begun: Begun,
        payload: &[u8],
        on_message: &mut impl FnMut(Received<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let payload = match (begun.is_compressed, &mut self.inflater) {
            (false, _) => payload,
            (true, Some(inflater)) => inflater.inflate(payload)?,
            (true, None) => {
                return Err(Failure::Peer("the server compressed a message without an agreement".into()));
            }
        };
        on_message(Received { is_text: begun.is_text, payload })
    }
}

/// Takes a whole frame from the front, if there is one.
#[inline]
fn next_frame<'a>(data: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Failure> {
    const MASKED: u8 = 0x80;
    let &[flags, short, ref rest @ ..] = *data else { return Ok(None) };
    let (length, rest) = match (short, rest) {
        (MASKED.., _) => return Err(Failure::Peer("the server masked a frame".into())),
        (126, &[a, b, ref rest @ ..]) => (usize::from(u16::from_be_bytes([a, b])), rest),
        (127, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (usize::try_from(length).unwrap_or(usize::MAX), rest)
        }
        (126 | 127, _) => return Ok(None),
        (length, rest) => (usize::from(length), rest),
    };
    let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    *data = rest;
    Ok(Some(Frame { flags, payload }))
}

fn closed(payload: &[u8]) -> Failure {
    let why = match payload {
        [high, low, reason @ ..] => {
            format!("{} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason))
        }
        _ => "no code".into(),
    };
    Failure::Peer(format!("the server closed a connection: {}", why.trim_end()))
}

/// Inflates messages of one connection, one after the other.
struct Inflater {
    stream: Decompress,
    takes_over: bool,
    out: Vec<u8>,
}

impl Inflater {
    fn new(agreed: Agreed) -> Self {
        Self { stream: Decompress::new(false), takes_over: agreed.takes_over, out: Vec::new() }
    }

    fn inflate(&mut self, payload: &[u8]) -> Result<&[u8], Failure> {
        self.out.clear();
        self.feed(payload)?;
        self.feed(&TAIL)?;
        if !self.takes_over {
            self.stream.reset(false);
        }
        Ok(&self.out)
    }

    fn feed(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        let wrong = || Failure::Peer("the server sent a message that can't be inflated".into());
        // A full output may leave some inside.
        while !data.is_empty() || self.out.len() == self.out.capacity() {
            self.out.reserve(ROOM_BYTES);
            let before = self.stream.total_in();
            let status = self.stream.decompress_vec(data, &mut self.out, FlushDecompress::Sync);
            let used = usize::try_from(self.stream.total_in() - before).unwrap_or(usize::MAX);
            data = data.get(used..).ok_or_else(wrong)?;
            match status {
                Ok(Status::Ok) => {}
                // Nothing was left inside.
                Ok(Status::BufError) if data.is_empty() => return Ok(()),
                _ => return Err(wrong()),
            }
        }
        Ok(())
    }
}

/// Inflates one message.
#[cfg(test)]
pub(super) fn inflated(payload: &[u8]) -> Vec<u8> {
    let mut inflater = Inflater::new(Agreed { takes_over: false, window_bits: 15 });
    inflater.inflate(payload).unwrap().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: [u8; 9] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00];

    fn received(incoming: &mut Incoming, data: &[u8], step: usize) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for piece in data.chunks(step) {
            incoming.take(piece, |message| {
                found.push(String::from_utf8_lossy(message.payload).into_owned());
                Ok(())
            })?;
        }
        Ok(found)
    }

    #[test]
    fn messages_are_found_in_any_split() {
        let long = [&[0x82, 126, 1, 0][..], &[b'x'; 256]].concat();
        let longest = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[b'y'; 65_536]].concat();
        let data = [&b"\x81\x02hi"[..], b"\x01\x02ab", b"\x89\x01p", b"\x80\x01c", &long, &longest].concat();
        for step in [1, 2, 3, 7, 100, data.len()] {
            let mut incoming = Incoming::new(None);
            let found = received(&mut incoming, &data, step).unwrap();
            assert_eq!(found[..2], ["hi", "abc"]);
            assert_eq!([found[2].len(), found[3].len()], [256, 65_536]);
            assert_eq!(incoming.pongs[..2], [0x8a, 0x81]);
        }
    }

    #[test]
    fn a_compressed_message_is_inflated_with_those_before_it() {
        // The samples of RFC 7692 section 7.2.3.2: the second refers to the first.
        let data = [&[0xc1, 7][..], &HELLO[..7], &[0xc1, 5, 0xf2, 0x00, 0x11, 0x00, 0x00]].concat();
        let agreed = Agreed { takes_over: true, window_bits: 15 };
        assert_eq!(received(&mut Incoming::new(Some(agreed)), &data, 4).unwrap(), ["Hello", "Hello"]);
        let apart = Agreed { takes_over: false, ..agreed };
        received(&mut Incoming::new(Some(apart)), &data, 4).unwrap_err();
        received(&mut Incoming::new(None), &data, 4).unwrap_err();
    }

    #[test]
    fn an_end_and_a_fault_are_told() {
        let said = |data: &[u8]| received(&mut Incoming::new(None), data, 100).unwrap_err().to_string();
        assert_eq!(said(b"\x88\x06\x03\xf3gone"), "the server closed a connection: 1011 gone");
        assert_eq!(said(b"\x88\x00"), "the server closed a connection: no code");
        assert_eq!(said(b"\x80\x00"), "the server sent a frame out of order");
        assert_eq!(said(b"\x81\x80mask"), "the server masked a frame");
    }
}
