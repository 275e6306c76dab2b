//! The frames of HTTP/2 (RFC 9113, section 4.1), as the client and the raw server cut and write them.
//!
//! Streams, fields and sockets are not known here.

/// The bytes that a client sends first (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const HEAD_BYTES: usize = 9;
/// The longest payload without a setting that allows more; neither end here sends one.
pub(crate) const PAYLOAD_BYTES: usize = 16 * 1024;
/// The window of a connection, and of a stream, before anything is announced.
pub(crate) const FIRST_WINDOW: u32 = 65_535;
/// The largest window.
pub(crate) const LARGEST_WINDOW: u32 = (1 << 31) - 1;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const END_STREAM: u8 = 0x1;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
/// HEADERS begin with the fields of a priority.
pub(crate) const PRIORITY: u8 = 0x20;

pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
pub(crate) const ENABLE_PUSH: u16 = 2;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// What the head of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// Parses the first nine bytes.
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        // The length has three bytes, and the stream's highest bit is reserved.
        let length = (number(0) >> 8) as usize;
        Self { length, kind: bytes[3], flags: bytes[4], stream: number(5) & LARGEST_WINDOW }
    }

    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Cuts received data into frames; the beginning of an incomplete one is kept.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    kept: Vec<u8>,
}

impl Frames {
    /// Calls `handle` for each complete frame, with its payload. A frame that is too long is an error, which data of
    /// another protocol mostly is.
    #[inline]
    pub(crate) fn take<Error: From<String>>(
        &mut self,
        mut data: &[u8],
        mut handle: impl FnMut(Head, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while !self.kept.is_empty() {
            let wanted = if self.kept.len() < HEAD_BYTES { HEAD_BYTES } else { complete(&self.kept)? };
            let (part, rest) = data.split_at(data.len().min(wanted - self.kept.len()));
            self.kept.extend_from_slice(part);
            data = rest;
            if self.kept.len() < wanted {
                return Ok(());
            }
            if self.kept.len() == complete(&self.kept)? {
                let kept = std::mem::take(&mut self.kept);
                handle(Head::of(&kept), &kept[HEAD_BYTES..])?;
            }
        }
        while data.len() >= HEAD_BYTES {
            let length = complete(data)?;
            if data.len() < length {
                break;
            }
            let (frame, rest) = data.split_at(length);
            handle(Head::of(frame), &frame[HEAD_BYTES..])?;
            data = rest;
        }
        self.kept.extend_from_slice(data);
        Ok(())
    }
}

/// Returns the length of a frame with its head.
#[inline]
fn complete(bytes: &[u8]) -> Result<usize, String> {
    let head = Head::of(bytes);
    if head.length > PAYLOAD_BYTES {
        return Err(format!("not HTTP/2, or a frame of {} bytes", head.length));
    }
    Ok(HEAD_BYTES + head.length)
}

/// Adds the head of a frame.
#[inline]
pub(crate) fn push_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, high, middle, low] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&[high, middle, low, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Adds SETTINGS with these values.
pub(crate) fn push_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    push_head(out, settings.len() * 6, SETTINGS, 0, 0);
    for (name, value) in settings {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Adds a frame whose payload is one number: WINDOW_UPDATE or RST_STREAM.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, kind: u8, stream: u32, number: u32) {
    push_head(out, 4, kind, 0, stream);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Adds the acknowledgement of SETTINGS or of a PING.
pub(crate) fn push_ack(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    push_head(out, payload.len(), kind, ACK, 0);
    out.extend_from_slice(payload);
}

/// Returns the last four bytes as a number, without the reserved bit: that of WINDOW_UPDATE, RST_STREAM and GOAWAY
/// without debug data.
pub(crate) fn number_in(payload: &[u8]) -> u32 {
    payload.last_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & LARGEST_WINDOW)
}

/// Returns names and values of SETTINGS.
pub(crate) fn settings_in(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).map(|entry| {
        (
            u16::from_be_bytes([entry[0], entry[1]]),
            u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Result<Vec<(Head, Vec<u8>)>, String> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.take(piece, |head, payload| {
                found.push((head, payload.to_vec()));
                Ok::<(), String>(())
            })?;
        }
        Ok(found)
    }

    #[test]
    fn frames_end_wherever_they_are_cut() {
        let mut data = Vec::new();
        push_settings(&mut data, &[(INITIAL_WINDOW_SIZE, 7), (ENABLE_PUSH, 0)]);
        push_ack(&mut data, SETTINGS, b"");
        push_number(&mut data, WINDOW_UPDATE, 5, 9);
        push_head(&mut data, 3, DATA, END_STREAM, 5);
        data.extend_from_slice(b"abc");
        let whole = cut(&[&data]).unwrap();
        assert_eq!(whole.len(), 4);
        assert_eq!(
            settings_in(&whole[0].1).collect::<Vec<_>>(),
            [(INITIAL_WINDOW_SIZE, 7), (ENABLE_PUSH, 0)]
        );
        assert_eq!(number_in(&whole[2].1), 9);
        assert_eq!(whole[3], (Head { length: 3, kind: DATA, flags: END_STREAM, stream: 5 }, b"abc".to_vec()));
        for at in 0..data.len() {
            assert_eq!(cut(&[&data[..at], &data[at..]]).unwrap(), whole, "{at}");
        }
        assert_eq!(cut(&data.chunks(1).collect::<Vec<_>>()).unwrap(), whole);
    }

    #[test]
    fn other_protocols_are_not_cut() {
        assert!(cut(&[b"HTTP/1.1 400 Bad Request\r\n"]).unwrap_err().starts_with("not HTTP/2"));
    }
}
