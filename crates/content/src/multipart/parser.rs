//! The parser: where parts begin and end, and how much of each is content.
//!
//! A delimiter is CRLF, two hyphens and the boundary. Its CR occurs nowhere else in it, so what has been held back as the
//! beginning of a delimiter is content as a whole as soon as the next byte is another one: nothing is scanned twice.

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::counts::Counts;
use super::{Limits, Part};
use crate::error::ContentError;

/// White space that may follow a boundary on its line (RFC 2046 section 5.1.1): no client sends any, gateways add a few.
const PADDING_BYTES: u64 = 64;

/// What comes next in a form.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A part begins.
    Part(&'a Part),
    /// Content of the part.
    Data(&'a [u8]),
    /// The part ends.
    PartEnd,
    /// The form ends. What follows is of no part.
    End,
    /// The input is used up.
    NeedInput,
}

/// Reads a form. After an error, it gives the same error again.
#[derive(Debug)]
pub struct Parser {
    delimiter: Vec<u8>,
    finder: Finder<'static>,
    limits: Limits,
    state: State,
    /// How many bytes of a delimiter have come, up to the end of what was received.
    held: usize,
    /// How many of them were not sent: the first delimiter, and the one of a part without content, need no CRLF.
    implied: usize,
    /// How many bytes have been received.
    at: u64,
    part: Part,
    counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// Directly behind a delimiter.
    Boundary,
    /// Behind a delimiter and a hyphen.
    Hyphen,
    /// In the white space behind a delimiter.
    Padding,
    /// Behind a delimiter and CR.
    LineEnd,
    /// In the head of a part, which begins at this byte.
    Head(u64),
    /// In a part.
    Content,
    /// Behind the last delimiter.
    Closed,
    /// Behind the line of the last delimiter.
    Epilogue,
    Failed(ContentError),
}

/// An event without what it refers to.
enum Step {
    Part,
    Data(usize),
    /// This much of a delimiter, from this byte on, is content.
    HeldData(usize, usize),
    PartEnd,
    End,
    NeedInput,
}

/// What the scan for a delimiter has found at the beginning of the input.
enum Scan {
    /// What was held is no delimiter: bytes of it that were sent, and the number of those before them that were not.
    Held(usize, usize),
    /// So much content.
    Content(usize),
    /// The rest of a delimiter, of this length.
    Delimiter(usize),
    /// All of it may be the beginning of a delimiter.
    Undecided(usize),
}

impl Parser {
    /// A parser for a form with this boundary, which is a parameter of its media type.
    ///
    /// ```
    /// use content::multipart::{Event, Limits, Parser};
    /// let mut parser = Parser::new(b"xyz", Limits::UNLIMITED)?;
    /// let mut input = &b"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xyz--\r\n"[..];
    /// assert!(matches!(parser.receive(&mut input)?, Event::Part(part) if part.name() == "a"));
    /// assert!(matches!(parser.receive(&mut input)?, Event::Data(b"1")));
    /// assert!(matches!(parser.receive(&mut input)?, Event::PartEnd));
    /// assert!(matches!(parser.receive(&mut input)?, Event::End));
    /// assert!(matches!(parser.receive(&mut input)?, Event::NeedInput));
    /// parser.finish()?;
    /// # Ok::<(), content::ContentError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the boundary is empty, has more than 70 bytes, ends in a space or has a control character (RFC 2046 section
    /// 5.1.1). The other characters that the RFC leaves out do no harm.
    pub fn new(boundary: &[u8], limits: Limits) -> Result<Self, ContentError> {
        let is_allowed = |byte: &u8| *byte == b' ' || byte.is_ascii_graphic();
        if !(1..=70).contains(&boundary.len()) || boundary.ends_with(b" ") || !boundary.iter().all(is_allowed)
        {
            let because = "the boundary has not 1 to 70 visible characters (RFC 2046 section 5.1.1)";
            return Err(ContentError::malformed(because, 0));
        }
        let delimiter = [b"\r\n--", boundary].concat();
        let finder = Finder::new(&delimiter).into_owned();
        let (part, counts) = (Part::default(), Counts::default());
        Ok(Self {
            delimiter,
            finder,
            limits,
            state: State::Preamble,
            held: 2,
            implied: 2,
            at: 0,
            part,
            counts,
        })
    }

    /// Takes the next event out of the input.
    ///
    /// # Errors
    ///
    /// If the form breaks a rule or a limit. The position is that in the form.
    pub fn receive<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Event<'a>, ContentError> {
        let step = match self.step(input) {
            Ok(step) => step,
            Err(error) => {
                self.state = State::Failed(error);
                return Err(error);
            }
        };
        Ok(match step {
            Step::Part => Event::Part(&self.part),
            Step::Data(length) => Event::Data(self.take(input, length)),
            Step::HeldData(from, length) => Event::Data(&self.delimiter[from..from + length]),
            Step::PartEnd => Event::PartEnd,
            Step::End => Event::End,
            Step::NeedInput => Event::NeedInput,
        })
    }

    /// How many bytes of the form have been received.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The input has ended.
    ///
    /// # Errors
    ///
    /// If the form has not.
    pub const fn finish(&self) -> Result<(), ContentError> {
        match self.state {
            State::Closed | State::Epilogue => Ok(()),
            State::Failed(error) => Err(error),
            _ => Err(ContentError::malformed("the form ends before its last boundary", self.at)),
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Step, ContentError> {
        while let Some(&byte) = input.first() {
            match self.state {
                State::Preamble => self.preamble(input)?,
                State::Content => {
                    if let Some(step) = self.content(input)? {
                        return Ok(step);
                    }
                }
                State::Head(begin) => {
                    if self.head(input, begin)? {
                        return Ok(Step::Part);
                    }
                }
                State::Closed | State::Epilogue => self.epilogue(input, byte)?,
                State::Boundary | State::Hyphen | State::Padding | State::LineEnd => {
                    self.state = self.behind_boundary(byte)?;
                    self.take(input, 1);
                    if self.state == State::Closed {
                        return Ok(Step::End);
                    }
                }
                State::Failed(error) => return Err(error),
            }
        }
        if let State::Failed(error) = self.state { Err(error) } else { Ok(Step::NeedInput) }
    }

    /// Skips what stands before the first delimiter.
    fn preamble(&mut self, input: &mut &[u8]) -> Result<(), ContentError> {
        let (skipped, taken) = match self.scan(input) {
            Scan::Held(length, _) => (length, 0),
            Scan::Content(length) => (length, length),
            Scan::Undecided(length) => (0, length),
            Scan::Delimiter(length) => {
                (self.state, self.counts.outside_bytes) = (State::Boundary, 0);
                (0, length)
            }
        };
        self.counts.skip(&self.limits, skipped, "the form does not begin with its boundary", 0)?;
        self.take(input, taken);
        Ok(())
    }

    /// Finds the next step in a part, if there is one in this piece.
    fn content(&mut self, input: &mut &[u8]) -> Result<Option<Step>, ContentError> {
        match self.scan(input) {
            Scan::Held(0, _) => Ok(None),
            Scan::Held(length, from) => {
                let begin = self.at - length as u64;
                Ok(Some(Step::HeldData(from, self.allowed(length, begin)?)))
            }
            Scan::Content(length) => Ok(Some(Step::Data(self.allowed(length, self.at)?))),
            Scan::Undecided(length) => {
                self.take(input, length);
                Ok(None)
            }
            Scan::Delimiter(length) => {
                self.take(input, length);
                (self.state, self.counts.outside_bytes) = (State::Boundary, 0);
                Ok(Some(Step::PartEnd))
            }
        }
    }

    /// Looks for a delimiter. Only what is held changes.
    fn scan(&mut self, input: &[u8]) -> Scan {
        if self.held > 0 {
            let rest = &self.delimiter[self.held..];
            let common = rest.iter().zip(input).take_while(|(one, other)| one == other).count();
            if common < rest.len() && common == input.len() {
                self.held += common;
                return Scan::Undecided(common);
            }
            let is_delimiter = common == rest.len();
            let (held, implied) = (std::mem::take(&mut self.held), std::mem::take(&mut self.implied));
            return if is_delimiter { Scan::Delimiter(common) } else { Scan::Held(held - implied, implied) };
        }
        match self.finder.find(input) {
            Some(0) => Scan::Delimiter(self.delimiter.len()),
            Some(length) => Scan::Content(length),
            None => {
                let from = input.len().saturating_sub(self.delimiter.len() - 1);
                let begin = memrchr(b'\r', &input[from..]).map(|index| from + index);
                match begin.filter(|begin| self.delimiter.starts_with(&input[*begin..])) {
                    Some(0) => {
                        self.held = input.len();
                        Scan::Undecided(input.len())
                    }
                    Some(length) => Scan::Content(length),
                    None => Scan::Content(input.len()),
                }
            }
        }
    }

    /// Returns how much of this content, which begins at this byte, the limits allow. An error follows what is less.
    fn allowed(&mut self, length: usize, begin: u64) -> Result<usize, ContentError> {
        let is_file = self.part.filename().is_some();
        match self.counts.allow(&self.limits, is_file, length, begin) {
            (0, Some(error)) => Err(error),
            (allowed, Some(error)) => {
                self.state = State::Failed(error);
                Ok(allowed)
            }
            (allowed, None) => Ok(allowed),
        }
    }

    /// Decides on a byte behind a delimiter: two hyphens end the form, CRLF begins the head of a part.
    fn behind_boundary(&mut self, byte: u8) -> Result<State, ContentError> {
        match (self.state, byte) {
            (State::Boundary, b'-') => Ok(State::Hyphen),
            (State::Hyphen, b'-') => Ok(State::Closed),
            (State::Boundary | State::Padding, b'\r') => Ok(State::LineEnd),
            (State::Boundary | State::Padding, b' ' | b'\t') => {
                self.counts.outside_bytes += 1;
                if self.counts.outside_bytes > PADDING_BYTES {
                    return Err(self.malformed("a boundary is followed by white space without an end"));
                }
                Ok(State::Padding)
            }
            (State::LineEnd, b'\n') => {
                self.part.begin();
                Ok(State::Head(self.at + 1))
            }
            _ => Err(self.malformed("a line begins with the boundary and does not end behind it")),
        }
    }

    /// Takes one line of a head, or a part of it; returns whether the head is complete.
    fn head(&mut self, input: &mut &[u8], begin: u64) -> Result<bool, ContentError> {
        let length = memchr(b'\n', input).map_or(input.len(), |index| index + 1);
        let left = self.limits.head_bytes - (self.at - begin);
        if length as u64 > left {
            let (because, limit) = ("the head of a part has more bytes than", self.limits.head_bytes);
            return Err(ContentError::too_large(because, limit, self.at + left));
        }
        let line = self.take(input, length);
        self.part.head.extend_from_slice(line);
        if line.ends_with(b"\n") && !self.part.head.ends_with(b"\r\n") {
            return Err(ContentError::malformed(
                "a line of a part's head ends in LF without CR",
                self.at - 1,
            ));
        }
        if !self.part.is_complete() {
            return Ok(false);
        }
        self.part.parse(&self.limits, begin)?;
        self.counts.begin_part(&self.limits, &self.part, begin)?;
        self.state = State::Content;
        // The empty line is also the beginning of a delimiter (RFC 2046 section 5.1.1: a body-part may have no content).
        (self.held, self.implied) = (2, 2);
        Ok(true)
    }

    fn epilogue(&mut self, input: &mut &[u8], byte: u8) -> Result<(), ContentError> {
        if self.state == State::Closed && !matches!(byte, b'\r' | b' ' | b'\t') {
            return Err(self.malformed("the line of the last boundary does not end behind it"));
        }
        self.state = State::Epilogue;
        let length = input.len();
        let begin = self.at - self.counts.outside_bytes;
        self.counts.skip(&self.limits, length, "the form is followed by other content", begin)?;
        self.take(input, length);
        Ok(())
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at(length);
        *input = rest;
        self.at += length as u64;
        taken
    }

    const fn malformed(&self, because: &'static str) -> ContentError {
        ContentError::malformed(because, self.at)
    }
}
