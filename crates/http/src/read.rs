//! The receiving half: takes bytes and returns one step at a time.
//!
//! A head that lies in the input as a whole is parsed there. One that arrives in pieces is collected in the buffer of
//! the head while the scan looks for its end, and then parsed once. Nothing else is kept, and each byte is looked at
//! three times at most: by the parser that found no end, by the scan, and by the parser again.

use crate::body::{Body, Part};
use crate::bytes::{self, TOKEN, VALUE};
use crate::error::RemoteProtocolError;
use crate::fields::Fields;
use crate::framing::Framing;
use crate::head::Head;
use crate::limits::Limits;
use crate::scan::{Bounds, Found, Scan};
use crate::state::{Reading, State};

const BLANK_LINES: RemoteProtocolError =
    RemoteProtocolError::malformed("blank lines where a request should begin (RFC 9112 section 2.2)");
const INCOMPLETE: RemoteProtocolError =
    RemoteProtocolError::malformed("the input ends inside a request (RFC 9112 section 8)");
const FRAMING_TRAILER: RemoteProtocolError =
    RemoteProtocolError::malformed("a trailer that belongs in the head (RFC 9110 section 6.5.1)");

static NO_TRAILERS: Fields = Fields::EMPTY;

const LINE_END: &[u8] = b"\r\n";

/// The most blank lines before a request: RFC 9112 section 2.2 asks servers to ignore at least one.
const BLANK_LINES_AT_MOST: u8 = 2;

/// Fields that say how to read or route a message, which is too late after its content (RFC 9110 section 6.5.1).
pub(crate) const NOT_IN_TRAILERS: [&[u8]; 6] =
    [b"content-length", b"transfer-encoding", b"host", b"trailer", b"connection", b"upgrade"];

/// The next thing in some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    NeedInput,
    Request,
    /// This many bytes of content, at the end of the bytes that were used.
    Content(usize),
    End,
    Paused,
    /// This many bytes of another protocol, at the end of the bytes that were used.
    Tunnel(usize),
    Closed,
}

/// The request that is being read.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) head: Head,
    /// In a box, because few requests have some.
    trailers: Option<Box<Fields>>,
    scan: Scan,
    pub(crate) body: Body,
    blank_lines: u8,
    /// How many more bytes of a request that was answered may be read.
    pub(crate) drainable: u64,
    /// The number of bytes looked at; tests prove that it is small.
    #[cfg(test)]
    pub(crate) work: usize,
}

impl Reader {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            head: Head::default(),
            trailers: None,
            scan: Scan::default(),
            body: Body::new(Framing::Length(0), limits),
            blank_lines: 0,
            drainable: 0,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Returns the next step in `bytes`, and how many of them it used.
    #[inline]
    pub(crate) fn step(
        &mut self,
        state: &mut State,
        limits: &Limits,
        bytes: &[u8],
    ) -> Result<(usize, Step), RemoteProtocolError> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let (taken, step) = match state.reading {
                Reading::Head => self.step_head(state, limits, rest)?,
                Reading::Body => self.step_body(state, limits, rest)?,
                Reading::Done => (0, Some(Step::Paused)),
                Reading::Tunnel if rest.is_empty() => (0, Some(Step::NeedInput)),
                Reading::Tunnel => (rest.len(), Some(Step::Tunnel(rest.len()))),
                Reading::Closed => (rest.len(), Some(Step::Closed)),
            };
            used += taken;
            match step {
                Some(Step::NeedInput) if state.input_ended => return Ok((used, self.end_input(state)?)),
                Some(step) => return Ok((used, step)),
                None => {}
            }
        }
    }

    /// Ends the input, which is an error inside a request and fine elsewhere.
    fn end_input(&self, state: &mut State) -> Result<Step, RemoteProtocolError> {
        let is_inside = match state.reading {
            Reading::Head => !self.scan.is_fresh(),
            Reading::Body => !state.is_draining(),
            _ => false,
        };
        state.close();
        if is_inside { Err(INCOMPLETE) } else { Ok(Step::Closed) }
    }

    #[inline]
    fn step_head(
        &mut self,
        state: &mut State,
        limits: &Limits,
        input: &[u8],
    ) -> Result<(usize, Option<Step>), RemoteProtocolError> {
        if input.is_empty() {
            return Ok((0, Some(Step::NeedInput)));
        }
        if self.scan.is_fresh() {
            self.count_work(input.len());
            if let Some(length) = self.head.accept(input, limits) {
                self.begin_body(state, limits);
                return Ok((length, Some(Step::Request)));
            }
            self.head.fields.clear();
        }
        self.gather_head(state, limits, input)
    }

    /// Reads a head that arrives in pieces or is invalid.
    #[cold]
    fn gather_head(
        &mut self,
        state: &mut State,
        limits: &Limits,
        input: &[u8],
    ) -> Result<(usize, Option<Step>), RemoteProtocolError> {
        let bounds = Bounds {
            first_line: limits.request_line_bytes,
            whole: limits.head_bytes,
            method: limits.method_bytes,
        };
        self.count_work(input.len());
        self.head.fields.prepare();
        let end = match self.scan.scan(input, bounds) {
            Ok(Found::Blank(end)) => end,
            Ok(Found::Nothing) => {
                self.head.fields.bytes.extend_from_slice(input);
                return Ok((input.len(), Some(Step::NeedInput)));
            }
            Err(refusal) => {
                // Kept for the log line, no longer than a valid request line.
                let rest = bounds.first_line + LINE_END.len();
                self.head.fields.bytes.extend_from_slice(&input[..input.len().min(rest)]);
                return Err(refusal);
            }
        };
        let is_leading = self.scan.is_in_first_line();
        self.scan = Scan::default();
        if is_leading {
            self.blank_lines += 1;
            self.head.fields.bytes.clear();
            return if self.blank_lines > BLANK_LINES_AT_MOST { Err(BLANK_LINES) } else { Ok((end, None)) };
        }
        self.head.fields.bytes.extend_from_slice(&input[..end]);
        self.count_work(self.head.fields.bytes.len());
        self.head.parse(limits)?;
        self.begin_body(state, limits);
        Ok((end, Some(Step::Request)))
    }

    #[inline]
    fn begin_body(&mut self, state: &mut State, limits: &Limits) {
        self.blank_lines = 0;
        // Those of a request whose rest was dropped.
        self.trailers = None;
        self.body = Body::new(self.head.framing(), limits);
        state.begin_request(&self.head);
    }

    #[inline]
    fn step_body(
        &mut self,
        state: &mut State,
        limits: &Limits,
        input: &[u8],
    ) -> Result<(usize, Option<Step>), RemoteProtocolError> {
        let (taken, part) = self.body.take(input, limits)?;
        self.count_work(taken);
        match part {
            Part::Nothing => Ok((taken, Some(Step::NeedInput))),
            Part::Content(length) => Ok((taken, self.content(state, length))),
            Part::End => Ok((taken, self.end_body(state))),
            Part::Trailers => {
                let (more, step) = self.step_trailers(state, limits, &input[taken..])?;
                Ok((taken + more, step))
            }
        }
    }

    fn content(&mut self, state: &mut State, length: usize) -> Option<Step> {
        state.awaits_continue = false;
        if !state.is_draining() {
            return Some(Step::Content(length));
        }
        match self.drainable.checked_sub(length as u64) {
            Some(left) => self.drainable = left,
            None => {
                state.close();
            }
        }
        None
    }

    /// Ends the request. There is no event if it was answered before.
    #[inline]
    fn end_body(&mut self, state: &mut State) -> Option<Step> {
        let is_told = !state.is_draining();
        state.end_request();
        if is_told { Some(Step::End) } else { None }
    }

    fn step_trailers(
        &mut self,
        state: &mut State,
        limits: &Limits,
        input: &[u8],
    ) -> Result<(usize, Option<Step>), RemoteProtocolError> {
        let bounds = Bounds {
            first_line: limits.trailer_bytes,
            whole: limits.trailer_bytes,
            method: limits.trailer_bytes,
        };
        self.count_work(input.len());
        let Found::Blank(end) = self.scan.scan(input, bounds)? else {
            self.trailers.get_or_insert_default().bytes.extend_from_slice(input);
            return Ok((input.len(), Some(Step::NeedInput)));
        };
        let has_none = self.scan.is_in_first_line();
        self.scan = Scan::default();
        if !has_none {
            let trailers = self.trailers.get_or_insert_default();
            trailers.bytes.extend_from_slice(&input[..end]);
            trailers.parse_trailers(limits.fields)?;
            if trailers.iter().any(|(name, _)| NOT_IN_TRAILERS.contains(&name)) {
                return Err(FRAMING_TRAILER);
            }
        }
        Ok((end, self.end_body(state)))
    }

    /// Returns the request line that was read or refused, if it arrived whole and has the three parts of one.
    pub(crate) fn request_line(&self) -> Option<&[u8]> {
        let bytes = &self.head.fields.bytes;
        let end = bytes.windows(LINE_END.len()).position(|pair| pair == LINE_END)?;
        let line = &bytes[..end];
        let mut parts = line.split(|byte| *byte == b' ');
        let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
        let has_parts = !method.is_empty() && !target.is_empty() && version.starts_with(b"HTTP/");
        let is_plain = bytes::all(method, TOKEN) && !target.contains(&b'\t') && !version.contains(&b'\t');
        (parts.next().is_none() && has_parts && is_plain && bytes::all(line, VALUE)).then_some(line)
    }

    /// Returns whether a part of a head was read.
    pub(crate) fn is_inside_head(&self) -> bool {
        !self.scan.is_fresh()
    }

    /// Returns the trailers of the request.
    #[inline]
    pub(crate) fn trailers(&self) -> &Fields {
        self.trailers.as_deref().unwrap_or(&NO_TRAILERS)
    }

    /// Clears the request that was answered.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.head.fields.release();
        self.trailers = None;
    }

    #[cfg(test)]
    fn count_work(&mut self, bytes: usize) {
        self.work += bytes;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counted in tests only")]
    #[inline]
    fn count_work(&self, _bytes: usize) {}
}

#[cfg(test)]
mod tests {
    use super::{Reader, Step};
    use crate::limits::Limits;
    use crate::state::State;

    /// Returns how many bytes are looked at when `input` arrives in pieces of `size` bytes.
    fn work(input: &[u8], size: usize) -> usize {
        let limits = Limits::UNLIMITED.clamped();
        let (mut reader, mut state) = (Reader::new(&limits), State::new());
        for piece in input.chunks(size) {
            let mut used = 0;
            while used < piece.len() {
                let (taken, step) = reader.step(&mut state, &limits, &piece[used..]).unwrap();
                used += taken;
                assert!(!matches!(step, Step::Paused | Step::Closed));
            }
        }
        reader.work
    }

    #[test]
    fn no_split_makes_a_head_cost_more_than_three_looks_at_each_byte() {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: some value\r\n".repeat(90));
        for size in [1, 2, 3, 7, 64, 500, head.len() - 1, head.len()] {
            assert!(work(head.as_bytes(), size) <= 3 * head.len(), "pieces of {size}");
        }
        assert_eq!(work(head.as_bytes(), head.len()), head.len(), "a whole head is looked at once");
    }

    #[test]
    fn nor_chunks_and_trailers() {
        let chunks = "1;x\r\na\r\n".repeat(200);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let input = format!("{head}{chunks}0\r\n{}", "a: some value\r\n".repeat(90));
        for size in [1, 2, 3, 7, 64, 500] {
            assert!(work(input.as_bytes(), size) <= 3 * input.len(), "pieces of {size}");
        }
    }
}
