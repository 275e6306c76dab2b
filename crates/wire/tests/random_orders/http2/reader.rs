//! What a client reads: frames by RFC 9113, from bytes alone. A frame that must not come is a broken promise.

#[path = "../../support/frames.rs"]
pub(crate) mod frames;

use std::collections::{BTreeMap, VecDeque};

use frames::Frame;

use crate::transport::Broken;

/// The window that every stream and the connection begin with (RFC 9113 section 6.9.2).
const FIRST_WINDOW: i64 = 65_535;
const LARGEST_WINDOW: i64 = (1 << 31) - 1;

/// A response, as far as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Response {
    pub(crate) interim: usize,
    /// Whether its head was read, and its status if that is one of the usual ones.
    pub(crate) has_head: bool,
    pub(crate) status: Option<u16>,
    pub(crate) content: Vec<u8>,
    pub(crate) has_trailers: bool,
    pub(crate) is_complete: bool,
    /// The error code of a reset.
    pub(crate) reset: Option<u32>,
    /// What the server may still send.
    window: i64,
}

/// What a client knows of its connection from the frames that it has read, and what it has promised by those it sent.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    pub(crate) responses: BTreeMap<u32, Response>,
    /// What the server may still send on all streams.
    pub(crate) window: i64,
    /// The window of a new stream, as the server has acknowledged it, and those that it has not.
    initial_window: i64,
    announced: VecDeque<Option<i64>>,
    pings: usize,
    /// The window of a new stream for content of the client, and changes of windows that the client has not seen.
    pub(crate) server_window: i64,
    pub(crate) opened: Vec<(u32, i64)>,
    pub(crate) changed: i64,
    pub(crate) settings_to_acknowledge: usize,
    has_settings: bool,
    /// The last stream and the code of each `GOAWAY`.
    pub(crate) ends: Vec<(u32, u32)>,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            responses: BTreeMap::new(),
            window: FIRST_WINDOW,
            initial_window: FIRST_WINDOW,
            announced: VecDeque::new(),
            pings: 0,
            server_window: FIRST_WINDOW,
            opened: Vec::new(),
            changed: 0,
            settings_to_acknowledge: 0,
            has_settings: false,
            ends: Vec::new(),
        }
    }

    /// Notes that the client has begun a stream.
    pub(crate) fn begin(&mut self, stream: u32) {
        let response = Response { window: self.initial_window, ..Response::default() };
        self.responses.insert(stream, response);
    }

    /// Notes that the client has sent settings, with the window of new streams or without.
    pub(crate) fn announce(&mut self, window: Option<u32>) {
        self.announced.push_back(window.map(i64::from));
    }

    pub(crate) const fn note_ping(&mut self) {
        self.pings += 1;
    }

    /// Notes that the client has opened a window; 0 for that of the connection. Returns whether it may be so large.
    pub(crate) fn open(&mut self, stream: u32, bytes: i64) -> bool {
        let initial =
            self.announced.iter().flatten().copied().chain([self.initial_window]).max().unwrap_or(0);
        let spare = initial - self.initial_window;
        let Some(window) = (match stream {
            0 => Some(&mut self.window),
            _ => self.responses.get_mut(&stream).map(|response| &mut response.window),
        }) else {
            return false;
        };
        if *window + bytes + spare > LARGEST_WINDOW {
            return false;
        }
        *window += bytes;
        true
    }

    pub(crate) fn stream_window(&self, stream: u32) -> i64 {
        self.responses.get(&stream).map_or(0, |response| response.window)
    }

    /// Takes bytes that were read.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.bytes.extend_from_slice(bytes);
        let taken = std::mem::take(&mut self.bytes);
        let (frames, rest) = frames::read(&taken);
        self.bytes = rest.to_vec();
        frames.into_iter().try_for_each(|frame| self.take(&frame))
    }

    /// Returns whether a part of a frame was read.
    pub(crate) const fn is_cut(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Broken> {
        if frame.payload.len() > 16_384 {
            return Err(format!("a frame of {} bytes", frame.payload.len()));
        }
        if !self.has_settings && (frame.kind != frames::SETTINGS || frame.flags & frames::ACK != 0) {
            return Err(format!("{frame:?} comes before the settings"));
        }
        match frame.kind {
            frames::SETTINGS => self.take_settings(frame),
            frames::PING if frame.flags & frames::ACK != 0 => {
                let pings = self.pings.checked_sub(1).ok_or("a ping is answered that was not sent")?;
                self.pings = pings;
                Ok(())
            }
            // A graceful end measures the way.
            frames::PING => Ok(()),
            frames::GOAWAY => self.take_end(frame),
            frames::WINDOW_UPDATE => {
                let bytes = i64::from(frame.number());
                if bytes == 0 {
                    return Err("a window is opened by nothing".into());
                }
                self.opened.push((frame.stream, bytes));
                Ok(())
            }
            frames::HEADERS | frames::DATA | frames::RST_STREAM => self.take_of_stream(frame),
            _ => Err(format!("no server sends {frame:?}")),
        }
    }

    fn take_settings(&mut self, frame: &Frame) -> Result<(), Broken> {
        if frame.flags & frames::ACK == 0 {
            self.has_settings = true;
            self.settings_to_acknowledge += 1;
            for setting in frame.payload.chunks_exact(6) {
                if let [0, 4, a, b, c, d] = *setting {
                    let window = i64::from(u32::from_be_bytes([a, b, c, d]));
                    self.changed += window - self.server_window;
                    self.server_window = window;
                }
            }
            return Ok(());
        }
        let announced = self.announced.pop_front().ok_or("settings are acknowledged that were not sent")?;
        if let Some(window) = announced {
            let change = window - self.initial_window;
            self.initial_window = window;
            self.responses.values_mut().for_each(|response| response.window += change);
        }
        Ok(())
    }

    fn take_end(&mut self, frame: &Frame) -> Result<(), Broken> {
        let last = frame.payload.first_chunk().map_or(0, |last| u32::from_be_bytes(*last));
        if self.ends.last().is_some_and(|(before, _)| last > *before) {
            return Err(format!("the last stream is {last} after {:?}", self.ends));
        }
        self.ends.push((last, frame.code()));
        Ok(())
    }

    fn take_of_stream(&mut self, frame: &Frame) -> Result<(), Broken> {
        let response = self
            .responses
            .get_mut(&frame.stream)
            .ok_or(format!("{frame:?} of a stream that was not begun"))?;
        // A stream that the server has forgotten may be reset again.
        let is_over = response.reset.is_some() || response.is_complete;
        if is_over && frame.kind != frames::RST_STREAM {
            return Err(format!("{frame:?} after {response:?}"));
        }
        match frame.kind {
            frames::RST_STREAM => response.reset = response.reset.or(Some(frame.number())),
            frames::HEADERS => response.take_head(frame)?,
            _ => {
                // A status that is not in HPACK's table looks as an interim response does.
                if !response.has_head && response.interim > 0 {
                    (response.has_head, response.interim) = (true, response.interim - 1);
                }
                let length = i64::try_from(frame.payload.len()).unwrap_or(i64::MAX);
                if !response.has_head || response.has_trailers {
                    return Err(format!("content outside of {response:?}"));
                }
                if length > 0 && (length > response.window || length > self.window) {
                    return Err(format!(
                        "{length} bytes for windows of {} and {}",
                        response.window, self.window
                    ));
                }
                response.window -= length;
                self.window -= length;
                response.content.extend_from_slice(&frame.payload);
                response.is_complete = frame.ends_stream();
            }
        }
        Ok(())
    }
}

impl Response {
    fn take_head(&mut self, frame: &Frame) -> Result<(), Broken> {
        if frame.flags & frames::END_HEADERS == 0 {
            return Err("a head is cut into frames".into());
        }
        let (status, ends) = (frame.status(), frame.ends_stream());
        match self.has_head {
            true if !ends || self.has_trailers || status.is_some() => {
                Err(format!("a second head: {frame:?}"))
            }
            true => {
                (self.has_trailers, self.is_complete) = (true, true);
                Ok(())
            }
            // 100 and 103 are not in HPACK's table.
            false if status.is_none() && !ends && self.content.is_empty() => {
                self.interim += 1;
                Ok(())
            }
            false => {
                (self.has_head, self.status, self.is_complete) = (true, status, ends);
                Ok(())
            }
        }
    }
}
