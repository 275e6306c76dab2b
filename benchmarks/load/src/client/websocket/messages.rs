//! The messages of a client and their frames (RFC 6455 section 5.2), made once.
//!
//! A text is like the JSON of a chat. Messages differ, so that a server that takes its context over from one to the next
//! finds what it would find in a program, and not the same message again.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::opening::Agreed;
use crate::failure::Failure;
use crate::options::Arguments;

/// Any mask but zero costs a server the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Together they are longer than the widest window of a compressor, 32 KiB.
const BYTES_IN_ALL: usize = 1 << 17;
const FEWEST: usize = 8;
const MOST: usize = 64;
/// The narrowest window of zlib; a server that asks for less can't be measured with `--deflate`.
const NARROWEST_WINDOW: u8 = 9;
/// The end of each deflated message, which is not sent (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes that random ones, compressed, are longer by: 5 for each block of zlib, at least.
const EXPANSION_BYTES: usize = 64;

const WORDS: [&str; 16] = [
    "hello", "meeting", "tomorrow", "the", "server", "is", "fine", "again", "lunch", "at", "noon", "release",
    "was", "tested", "please", "answer",
];

/// The form of all messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) bytes: usize,
    pub(super) is_binary: bool,
    pub(super) is_deflated: bool,
}

impl Shape {
    /// Takes `--size`, `--binary` and `--deflate`.
    pub(super) fn from(arguments: &mut Arguments) -> Result<Self, Failure> {
        Ok(Self {
            bytes: arguments.count("--size", 1024)?,
            is_binary: arguments.flag("--binary"),
            is_deflated: arguments.flag("--deflate"),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Text = 1,
    Binary = 2,
    Pong = 10,
}

pub(super) struct Message {
    pub(super) opcode: Opcode,
    pub(super) payload: Vec<u8>,
    /// What is sent.
    pub(super) frame: Vec<u8>,
}

/// Returns different messages of one form, compressed as it was agreed.
pub(super) fn messages(shape: Shape, agreed: Option<Agreed>) -> Result<Vec<Message>, Failure> {
    let count = (BYTES_IN_ALL / shape.bytes).clamp(FEWEST, MOST);
    let mut random = Random(1);
    (0..count).map(|_| message(shape, agreed, &mut random)).collect()
}

fn message(shape: Shape, agreed: Option<Agreed>, random: &mut Random) -> Result<Message, Failure> {
    let (opcode, payload) = match shape.is_binary {
        true => (Opcode::Binary, (0..shape.bytes).map(|_| random.byte()).collect()),
        false => (Opcode::Text, text(shape.bytes, random)),
    };
    let frame = match agreed {
        None => masked(opcode, false, &payload),
        Some(agreed) => masked(opcode, true, &deflated(&payload, agreed.window_bits)?),
    };
    Ok(Message { opcode, payload, frame })
}

/// Returns a whole frame of a client.
pub(super) fn masked(opcode: Opcode, is_compressed: bool, payload: &[u8]) -> Vec<u8> {
    const FIN: u8 = 0x80;
    const RSV1: u8 = 0x40;
    const MASKED: u8 = 0x80;
    let mut frame = vec![FIN | if is_compressed { RSV1 } else { 0 } | opcode as u8];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => frame.push(MASKED | length),
        (_, Ok(length)) => {
            frame.push(MASKED | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Compresses without reference to other messages, which an agreement never forbids.
fn deflated(payload: &[u8], window_bits: u8) -> Result<Vec<u8>, Failure> {
    if window_bits < NARROWEST_WINDOW {
        return Err(Failure::Lacking(format!("the server wants a window of {window_bits} bits")));
    }
    let mut compressor = Compress::new_with_window_bits(Compression::default(), false, window_bits);
    let mut compressed = Vec::with_capacity(payload.len() + payload.len() / 1000 + EXPANSION_BYTES);
    let status = compressor.compress_vec(payload, &mut compressed, FlushCompress::Sync);
    if !matches!(status, Ok(Status::Ok)) || !compressed.ends_with(&TAIL) {
        return Err(Failure::Lacking("a message can't be compressed".into()));
    }
    compressed.truncate(compressed.len() - TAIL.len());
    Ok(compressed)
}

/// Returns the beginning of a list of objects, in ASCII.
fn text(bytes: usize, random: &mut Random) -> Vec<u8> {
    let mut text = String::from("[");
    while text.len() < bytes {
        let (id, user, day) = (random.below(1_000_000), random.below(1000), random.below(28) + 1);
        let words: Vec<&str> = (0..4 + random.below(8)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        text += &format!(
            "{{\"id\": {id}, \"user\": \"user-{user}\", \"at\": \"2026-11-{day:02}T12:00:{:02}Z\", \"text\": \"{}\"}}, ",
            random.below(60),
            words.join(" ")
        );
    }
    text.truncate(bytes);
    text.into_bytes()
}

/// The high bits of Knuth's generator (MMIX): the same messages in every run.
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()[0]
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = u32::from_be_bytes([(); 4].map(|()| self.byte()));
        number as usize % limit
    }
}

#[cfg(test)]
mod tests {
    use super::super::incoming::inflated;
    use super::*;

    const SHAPE: Shape = Shape { bytes: 1000, is_binary: false, is_deflated: false };

    #[test]
    fn messages_differ_and_have_their_length() {
        let made = messages(SHAPE, None).unwrap();
        assert_eq!(made.len(), MOST);
        assert!(made.iter().all(|message| message.payload.len() == 1000 && message.payload.is_ascii()));
        assert!(made.windows(2).all(|two| two[0].payload != two[1].payload));
        assert_eq!(messages(Shape { bytes: 1 << 20, ..SHAPE }, None).unwrap().len(), FEWEST);
    }

    #[test]
    fn a_frame_has_the_shortest_form_of_its_length() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = masked(Opcode::Binary, false, &vec![7; length]);
            assert_eq!(frame.len(), header + MASK.len() + length);
            assert_eq!(frame[0], 0x82);
        }
        assert_eq!(masked(Opcode::Text, true, b"x")[..2], [0xc1, 0x81]);
    }

    #[test]
    fn a_text_is_a_third_of_its_length_when_it_is_compressed() {
        let agreed = Agreed { takes_over: true, window_bits: 9 };
        for message in messages(SHAPE, Some(agreed)).unwrap() {
            let short = deflated(&message.payload, 9).unwrap();
            assert!((200..500).contains(&short.len()), "{}", short.len());
            assert_eq!(inflated(&short), message.payload);
        }
        let none = Agreed { window_bits: 8, ..agreed };
        assert!(matches!(messages(SHAPE, Some(none)), Err(Failure::Lacking(_))));
    }
}
