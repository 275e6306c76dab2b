//! The head of a frame: its first bytes up to the payload (RFC 6455 section 5.2), and the rules for them.
//!
//! A head is at most 14 bytes, which are collected here if they arrive in several reads. What a message may consist of is
//! not known here.

use crate::error::ProtocolError;

/// The first byte: the last frame of a message.
pub(crate) const FIN: u8 = 0x80;
/// The first byte: the message is compressed, if that was agreed (RFC 7692 section 6).
pub(crate) const RSV1: u8 = 0x40;
const RSV2_AND_3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
/// The second byte.
const MASK: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// The longest head: two bytes, a length of 64 bits and a key.
pub(crate) const BYTES_AT_MOST: usize = 14;
/// The longest payload of a control frame (RFC 6455 section 5.5).
pub(crate) const CONTROL_BYTES_AT_MOST: usize = 125;

/// What a frame is (RFC 6455 section 5.2), by its opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    #[inline]
    const fn of(first: u8) -> Option<Self> {
        Some(match first & OPCODE {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    #[inline]
    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// A valid head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) is_final: bool,
    pub(crate) is_compressed: bool,
    pub(crate) opcode: Opcode,
    pub(crate) length: u64,
    pub(crate) mask: [u8; 4],
}

/// What may come next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Whether a message has begun and not ended.
    pub(crate) is_inside_message: bool,
    /// Whether compression was agreed.
    pub(crate) allows_compression: bool,
}

/// The bytes of a head that have arrived.
#[derive(Debug, Default)]
pub(crate) struct PartialHead {
    bytes: [u8; BYTES_AT_MOST],
    length: u8,
}

impl PartialHead {
    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes bytes of the head from the front of the input. Returns it when it is complete.
    pub(crate) fn take(
        &mut self,
        input: &mut &[u8],
        expected: Expected,
    ) -> Result<Option<Head>, ProtocolError> {
        loop {
            let kept = usize::from(self.length);
            let whole = if kept < 2 { 2 } else { length_of(self.bytes[1]) };
            if kept == whole && kept > 2 {
                self.length = 0;
                return parse(self.bytes).map(Some);
            }
            let Some((byte, rest)) = input.split_first() else { return Ok(None) };
            self.bytes[kept] = *byte;
            self.length += 1;
            *input = rest;
            if self.length == 2 {
                check(self.bytes[0], self.bytes[1], expected)?;
            }
        }
    }
}

/// Returns the length of a head with this second byte, with the key.
const fn length_of(second: u8) -> usize {
    match second & LENGTH {
        LENGTH_16 => 8,
        LENGTH_64 => BYTES_AT_MOST,
        _ => 6,
    }
}

/// Applies the rules for the first two bytes, in their order.
fn check(first: u8, second: u8, expected: Expected) -> Result<(), ProtocolError> {
    let Some(opcode) = Opcode::of(first) else { return Err(ProtocolError::ReservedOpcode) };
    let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
    if first & RSV2_AND_3 != 0 || (first & RSV1 != 0 && !(expected.allows_compression && begins)) {
        return Err(ProtocolError::ReservedBit);
    }
    if opcode.is_control() {
        if first & FIN == 0 {
            return Err(ProtocolError::FragmentedControl);
        }
        if second & LENGTH >= LENGTH_16 {
            return Err(ProtocolError::LongControl);
        }
    } else if begins == expected.is_inside_message {
        return Err(if begins {
            ProtocolError::UnfinishedMessage
        } else {
            ProtocolError::UnexpectedContinuation
        });
    }
    if second & MASK == 0 { Err(ProtocolError::Unmasked) } else { Ok(()) }
}

/// Parses the bytes of a whole head that [`check`] has accepted.
fn parse(bytes: [u8; BYTES_AT_MOST]) -> Result<Head, ProtocolError> {
    let [first, second, a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let (length, mask) = match second & LENGTH {
        LENGTH_16 => (u64::from(u16::from_be_bytes([a, b])), [c, d, e, f]),
        LENGTH_64 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), [i, j, k, l]),
        short => (u64::from(short), [a, b, c, d]),
    };
    let least = match second & LENGTH {
        LENGTH_16 => u64::from(LENGTH_16),
        LENGTH_64 => 1 << 16,
        _ => 0,
    };
    if length < least {
        return Err(ProtocolError::LengthNotMinimal);
    }
    if length >> 63 != 0 {
        return Err(ProtocolError::LengthOutOfRange);
    }
    let opcode = Opcode::of(first).ok_or(ProtocolError::ReservedOpcode)?;
    Ok(Head { is_final: first & FIN != 0, is_compressed: first & RSV1 != 0, opcode, length, mask })
}

/// Returns the payload of an uncompressed message whose only frame lies whole at the front of the input with at most
/// 65535 bytes, as nearly every frame does, with its opcode and key; and advances the input. Every other frame, valid or
/// not, is left to [`PartialHead`].
#[inline]
pub(crate) fn take_plain<'data>(
    input: &mut &'data [u8],
    bytes_at_most: u64,
) -> Option<(Opcode, &'data [u8], [u8; 4])> {
    let (&[first, second], rest) = input.split_first_chunk::<2>()?;
    let opcode = match first {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        _ => return None,
    };
    let (length, rest) = match second {
        0x80..=0xfd => (usize::from(second & LENGTH), rest),
        0xfe => {
            let (&length, rest) = rest.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(length);
            if length < u16::from(LENGTH_16) {
                return None;
            }
            (usize::from(length), rest)
        }
        _ => return None,
    };
    let (&mask, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    if length as u64 > bytes_at_most {
        return None;
    }
    *input = rest;
    Some((opcode, payload, mask))
}

/// Appends the head of a frame of a server, which is not masked.
#[inline]
pub(crate) fn encode(first: u8, length: usize, out: &mut Vec<u8>) {
    if let Ok(short @ 0..LENGTH_16) = u8::try_from(length) {
        out.extend_from_slice(&[first, short]);
    } else if let Ok(length) = u16::try_from(length) {
        let [a, b] = length.to_be_bytes();
        out.extend_from_slice(&[first, LENGTH_16, a, b]);
    } else {
        let [a, b, c, d, e, f, g, h] = (length as u64).to_be_bytes();
        out.extend_from_slice(&[first, LENGTH_64, a, b, c, d, e, f, g, h]);
    }
}

/// Writes the head of the frame whose payload is the end of `out`, behind a gap for the longest head that begins at
/// `start`, and closes the gap.
pub(crate) fn place(first: u8, start: usize, payload: usize, out: &mut Vec<u8>) {
    let length = out.len() - payload;
    let mut head = Vec::with_capacity(BYTES_AT_MOST);
    encode(first, length, &mut head);
    out[start..start + head.len()].copy_from_slice(&head);
    out.copy_within(payload.., start + head.len());
    out.truncate(start + head.len() + length);
}
