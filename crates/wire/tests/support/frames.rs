//! Frames of HTTP/2 as a client writes and reads them (RFC 9113), as bytes. It is written without the crate `h2`, so that
//! a fault of that is not repeated here, and so that a client can send what no client should.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Returns the last number of the payload: the error code of `RST_STREAM`, the increment of `WINDOW_UPDATE`.
    pub(crate) fn number(&self) -> u32 {
        self.payload.last_chunk().map_or(0, |number| u32::from_be_bytes(*number))
    }

    /// Returns the error code of `GOAWAY`.
    pub(crate) fn code(&self) -> u32 {
        let code = self.payload.get(4..8).and_then(|code| code.try_into().ok());
        code.map_or(0, u32::from_be_bytes)
    }

    pub(crate) const fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// Returns the status of a head, if it is one of those that HPACK has in its table (RFC 7541 appendix A). A table
    /// that changes its size says so first.
    pub(crate) fn status(&self) -> Option<u16> {
        let first = self.payload.iter().find(|byte| **byte & 0xe0 != 0x20)?;
        let statuses = [200, 204, 206, 304, 400, 404, 500];
        let index = usize::from(first.checked_sub(0x88)?);
        statuses.get(index).copied()
    }
}

/// Returns whole frames, and the bytes behind them.
pub(crate) fn read(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((&[a, b, c, kind, flags, d, e, f, g], rest)) = bytes.split_first_chunk() {
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let Some((payload, behind)) = rest.split_at_checked(length) else { break };
        frames.push(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([d, e, f, g]),
            payload: payload.to_vec(),
        });
        bytes = behind;
    }
    (frames, bytes)
}

/// Writes a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload = values.iter().flat_map(|(name, value)| {
        let (name, value) = (name.to_be_bytes(), value.to_be_bytes());
        name.into_iter().chain(value)
    });
    frame(SETTINGS, 0, 0, &payload.collect::<Vec<u8>>())
}

pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, b"12345678")
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub(crate) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

pub(crate) fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

pub(crate) fn data(stream: u32, content: &[u8], ends: bool) -> Vec<u8> {
    frame(DATA, u8::from(ends), stream, content)
}

/// Writes fields as HPACK does that knows no table: with their names and values.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Writes the length of a text (RFC 7541 section 5.1).
fn length(length: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(127) else {
        return out.push(u8::try_from(length).unwrap_or(0));
    };
    out.push(127);
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

/// Writes a head with these fields.
pub(crate) fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | u8::from(ends), stream, &block(fields))
}

/// The fields that every request has.
pub(crate) fn fields<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
}

/// Writes a request without content.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, &fields("GET", path), true)
}

/// Writes the head of a request whose content follows.
pub(crate) fn post(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, &fields("POST", path), false)
}
