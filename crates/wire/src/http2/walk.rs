//! A walk over the frames of HTTP/2 in bytes that arrive in any pieces (RFC 9113 section 4.1). It knows where each frame
//! begins and ends, and nothing of what a frame means.

/// The bytes of a frame before its payload.
const HEADER: usize = 9;

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// The bytes of the payload.
    pub(super) length: u32,
    /// The type, which may be unknown.
    pub(super) kind: u8,
    /// The flags.
    pub(super) flags: u8,
    /// The stream; 0 for the connection.
    pub(super) stream: u32,
}

impl Header {
    fn parse(bytes: [u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        // The first bit is reserved, and ignored.
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        Self { length: u32::from_be_bytes([0, a, b, c]), kind, flags, stream }
    }
}

/// A part of a frame: as much of it as one piece of bytes has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part<'a> {
    /// The header of the frame.
    pub(super) header: Header,
    /// Whether this is its first part.
    pub(super) begins: bool,
    /// What follows of its payload.
    pub(super) payload: &'a [u8],
    /// Whether this is its last part.
    pub(super) ends: bool,
}

/// A place in a sequence of frames.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The bytes of the next header, as far as they have arrived.
    next: [u8; HEADER],
    have: u8,
    /// The current frame, and the bytes of its payload that have not arrived.
    header: Header,
    left: u32,
}

impl Walk {
    /// Creates a walk over frames that follow so many other bytes. These are a part of no frame, and of an unknown type.
    pub(super) const fn after(bytes: u32) -> Self {
        let header = Header { length: bytes, kind: u8::MAX, flags: 0, stream: 0 };
        Self { next: [0; HEADER], have: 0, header, left: bytes }
    }

    /// Takes the next part from the front of `bytes`; `None` if the rest is less than a header, which is kept.
    #[inline]
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        let begins = self.left == 0;
        if begins {
            self.header = self.read_header(bytes)?;
            self.left = self.header.length;
        } else if bytes.is_empty() {
            return None;
        }
        let length = bytes.len().min(self.left as usize);
        let (payload, rest) = bytes.split_at(length);
        *bytes = rest;
        self.left = self.left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
        Some(Part { header: self.header, begins, payload, ends: self.left == 0 })
    }

    #[inline]
    fn read_header(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        if self.have == 0
            && let Some((header, rest)) = bytes.split_first_chunk()
        {
            *bytes = rest;
            return Some(Header::parse(*header));
        }
        while usize::from(self.have) < HEADER {
            let (byte, rest) = bytes.split_first()?;
            self.next[usize::from(self.have)] = *byte;
            self.have += 1;
            *bytes = rest;
        }
        self.have = 0;
        Some(Header::parse(self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Part, Walk};

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// The frames of `pieces`, each with its payload.
    fn walked(mut walk: Walk, pieces: &[&[u8]]) -> Vec<(Header, Vec<u8>)> {
        let mut frames = Vec::new();
        let mut payload = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(Part { header, begins, payload: part, ends }) = walk.next(&mut piece) {
                assert!(!begins || payload.is_empty());
                payload.extend_from_slice(part);
                if ends {
                    frames.push((header, std::mem::take(&mut payload)));
                }
            }
            assert_eq!(piece, b"");
        }
        frames
    }

    #[test]
    fn frames_are_the_same_in_any_two_pieces() {
        let mut bytes = b"preface".to_vec();
        bytes.extend(frame(0, 1, 3, b"content"));
        bytes.extend(frame(4, 0, 0, b""));
        bytes.extend(frame(200, 0xff, 0x8000_0005, &[7; 300]));
        let whole = walked(Walk::after(7), &[&bytes]);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1], (Header { length: 7, kind: 0, flags: 1, stream: 3 }, b"content".to_vec()));
        assert_eq!(whole[2], (Header { length: 0, kind: 4, flags: 0, stream: 0 }, Vec::new()));
        assert_eq!(whole[3], (Header { length: 300, kind: 200, flags: 255, stream: 5 }, vec![7; 300]));
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(walked(Walk::after(7), &[first, second]), whole, "{at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(walked(Walk::after(7), &single), whole);
    }

    #[test]
    fn a_frame_that_has_not_ended_has_begun() {
        let mut walk = Walk::after(0);
        let mut bytes: &[u8] = &frame(1, 4, 1, b"abc")[..10];
        let part = walk.next(&mut bytes).unwrap();
        assert_eq!((part.begins, part.payload, part.ends), (true, &b"a"[..], false));
        assert!(walk.next(&mut bytes).is_none());
    }
}
