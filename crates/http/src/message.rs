//! A parser of the messages of one direction, requests or responses: bytes in, and each part as soon as it is known.
//!
//! [`Connection`](crate::Connection) is for servers of our own: it hands out whole heads and pairs them with responses.
//! This one is for programs that drive a parser themselves, also those of clients. It knows nothing of the other
//! direction: after a response to HEAD or CONNECT a caller has to know that there was no content.

use crate::body::{Body, ChunkPart, Part};
use crate::framing::Framing;
use crate::head::Version;
use crate::head_lines::{FieldLine, HeadLines, Piece};
use crate::limits::Limits;
use crate::message_error::MessageError;
use crate::message_limits::MessageLimits;
use crate::message_rules::{Content, Outcome, Rules, StartLine};
use crate::read::NOT_IN_TRAILERS;
use crate::whole_head::{self, FieldSlots, WholeFields};

const FRAMING_TRAILER: MessageError =
    MessageError::other("a trailer that belongs in the head (RFC 9110 section 6.5.1)");
const CLOSED: MessageError = MessageError::other(
    "Data after `Connection: close`, or after a message that is the last (RFC 9112 section 9.3)",
);
const INCOMPLETE: MessageError = MessageError::other("the input ends inside a message (RFC 9112 section 8)");
const NO_LINE: MessageError = MessageError::other("no start line (RFC 9112 section 2.1)");

/// Which messages a parser reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Those of a client.
    Request,
    /// Those of a server.
    Response,
}

/// The next part of a message. Which parts a whole input has does not depend on how it is split, but for content,
/// which is divided as the input is, and for [`Head`](MessageEvent::Head), which stands for the same in pieces.
#[derive(Debug)]
pub enum MessageEvent<'a, 's> {
    /// The input is used up; more is needed.
    NeedInput,
    /// A message begins.
    Begin,
    /// The target of a request.
    Target(Vec<u8>),
    /// The reason phrase of a response, which may be empty. It is absent if there is no space in front of it.
    Reason(Vec<u8>),
    /// A field of the head or of the trailers.
    Field(FieldLine),
    /// The beginning, the target or the reason phrase, and the fields, of a head that lies in the input as a whole.
    Head {
        /// The target or the reason phrase.
        text: Option<&'a [u8]>,
        /// The fields.
        fields: WholeFields<'a, 's>,
    },
    /// The head is complete.
    HeadEnd,
    /// A chunk begins; the last one is empty.
    ChunkBegin,
    /// Content, at least one byte.
    Content(&'a [u8]),
    /// A chunk ends; the last one ends after the trailers.
    ChunkEnd,
    /// The message is complete.
    End,
    /// What follows is of another protocol, after [`End`](MessageEvent::End). The next input is read as a message again.
    Upgraded,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Head,
    /// Between the fields and the content of a head that was read as a whole.
    HeadEnd,
    Known,
    Chunks,
    UntilClose,
    Trailers,
    End,
    Upgraded,
    /// After the last message.
    Closed,
}

/// The state of one direction.
#[derive(Debug)]
pub struct MessageParser {
    at: At,
    role: Role,
    limits: MessageLimits,
    content_limits: Limits,
    lines: HeadLines,
    rules: Rules,
    outcome: Outcome,
    body: Body,
    line: Option<StartLine>,
    version: Option<Version>,
    is_upgraded: bool,
    goes_on_after_close: bool,
    discards_after_close: bool,
    failure: Option<MessageError>,
}

impl MessageParser {
    /// Creates the state before the first message.
    #[must_use]
    pub fn new(role: Role, limits: &MessageLimits) -> Self {
        let content_limits = limits.of_content();
        let none = Framing::Length(0);
        Self {
            at: At::Head,
            role,
            limits: limits.clamped(),
            body: Body::new(none, &content_limits),
            content_limits,
            lines: HeadLines::new(role == Role::Response),
            rules: Rules::default(),
            outcome: Outcome { content: Content::Framed(none), keeps_alive: false },
            line: None,
            version: None,
            is_upgraded: false,
            goes_on_after_close: false,
            discards_after_close: false,
            failure: None,
        }
    }

    /// Allows folded lines: each continues the value before it, with its white space (RFC 9112 section 5.2).
    pub fn allow_folds(&mut self, allow: bool) {
        self.lines.allows_folds = allow;
    }

    /// Reads messages also after one that is the last on its connection.
    pub fn go_on_after_close(&mut self, go_on: bool) {
        self.goes_on_after_close = go_on;
    }

    /// Discards data after a message that is the last on its connection, which is an error otherwise: a peer may have
    /// sent it before it knew.
    pub fn discard_after_close(&mut self, discard: bool) {
        self.discards_after_close = discard;
    }

    /// The version of the latest message.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// The method of the latest request.
    #[must_use]
    pub fn method(&self) -> Option<&'static [u8]> {
        match self.line {
            Some(StartLine::Request { method, .. }) => Some(method),
            _ => None,
        }
    }

    /// The status of the latest response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.line {
            Some(StartLine::Response { status }) => Some(status),
            _ => None,
        }
    }

    /// Whether another message may follow the latest one, whose head is complete.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.outcome.keeps_alive
    }

    /// Whether another protocol follows the latest message, whose head is complete.
    #[must_use]
    pub fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// Takes back a field that was told, so that its memory is used for the next one.
    #[inline]
    pub fn reuse(&mut self, line: FieldLine) {
        self.lines.reuse(line);
    }

    /// Records that the peer has ended its side: the end of content that ends with the connection.
    ///
    /// # Errors
    ///
    /// The input ends inside a message.
    pub fn end_input(&mut self) -> Result<(), MessageError> {
        match self.at {
            _ if self.failure.is_some() => Ok(()),
            At::Head if self.lines.is_fresh() => Ok(()),
            At::Closed | At::UntilClose => Ok(()),
            _ => Err(INCOMPLETE),
        }
    }

    /// Returns the next part, and advances the input past the bytes that were used. Call it until it returns
    /// [`NeedInput`](MessageEvent::NeedInput).
    ///
    /// # Errors
    ///
    /// The message breaks a rule. Every later call returns the same error.
    #[inline]
    pub fn next<'a, 's>(
        &mut self,
        input: &mut &'a [u8],
        slots: &'s mut FieldSlots<'a>,
    ) -> Result<MessageEvent<'a, 's>, MessageError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let next = self.step(input, slots);
        if let Err(error) = next {
            self.failure = Some(error);
        }
        next
    }

    #[inline]
    fn step<'a, 's>(
        &mut self,
        input: &mut &'a [u8],
        slots: &'s mut FieldSlots<'a>,
    ) -> Result<MessageEvent<'a, 's>, MessageError> {
        match self.at {
            At::Head if input.is_empty() => Ok(MessageEvent::NeedInput),
            At::Head => self.step_head(input, slots),
            At::HeadEnd => Ok(self.end_head()),
            At::Known => self.step_known(input),
            At::Chunks => self.step_chunks(input),
            At::UntilClose if input.is_empty() => Ok(MessageEvent::NeedInput),
            At::UntilClose => Ok(MessageEvent::Content(std::mem::take(input))),
            At::Trailers => self.step_lines(input),
            At::End => Ok(self.end_message()),
            At::Upgraded => {
                self.at = At::Head;
                Ok(MessageEvent::Upgraded)
            }
            At::Closed => self.step_closed(input),
        }
    }

    #[inline]
    fn step_head<'a, 's>(
        &mut self,
        input: &mut &'a [u8],
        slots: &'s mut FieldSlots<'a>,
    ) -> Result<MessageEvent<'a, 's>, MessageError> {
        if self.lines.is_fresh() {
            let whole = match self.role {
                Role::Request => whole_head::request(input, slots, &self.limits),
                Role::Response => whole_head::response(input, slots, &self.limits),
            };
            if let Some(head) = whole {
                *input = &input[head.length..];
                self.line = Some(head.line);
                self.version = Some(head.version);
                self.outcome = head.outcome;
                self.is_upgraded = false;
                self.at = At::HeadEnd;
                return Ok(MessageEvent::Head { text: head.text, fields: head.fields });
            }
        }
        self.step_lines(input)
    }

    /// Reads a head that arrives in pieces or is invalid, or trailers.
    #[cold]
    fn step_lines<'a, 's>(&mut self, input: &mut &'a [u8]) -> Result<MessageEvent<'a, 's>, MessageError> {
        let (used, piece) = self.lines.step(input, &self.limits)?;
        *input = &input[used..];
        Ok(match piece {
            None => MessageEvent::NeedInput,
            Some(Piece::Begin) => {
                self.rules = Rules::default();
                self.is_upgraded = false;
                MessageEvent::Begin
            }
            Some(Piece::Target(text)) => {
                self.line = self.lines.line;
                MessageEvent::Target(text)
            }
            Some(Piece::Reason(text)) => {
                self.line = self.lines.line;
                MessageEvent::Reason(text)
            }
            Some(Piece::Field(line)) => {
                self.note_field(line.name(), line.value())?;
                MessageEvent::Field(line)
            }
            Some(Piece::End) if self.at == At::Trailers => {
                self.at = At::End;
                MessageEvent::ChunkEnd
            }
            Some(Piece::End) => {
                self.line = self.lines.line;
                let version = self.lines.version;
                self.version = Some(version);
                self.outcome = self.rules.decide(self.line.ok_or(NO_LINE)?, version)?;
                self.end_head()
            }
        })
    }

    fn note_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), MessageError> {
        if self.at != At::Trailers {
            self.version = Some(self.lines.version);
            self.line = self.lines.line;
            self.rules.note(name, value);
        } else if NOT_IN_TRAILERS.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return Err(FRAMING_TRAILER);
        }
        Ok(())
    }

    #[inline]
    fn end_head(&mut self) -> MessageEvent<'static, 'static> {
        self.at = match self.outcome.content {
            Content::Framed(Framing::Length(0)) => At::End,
            Content::Framed(framing) => {
                self.body = Body::new(framing, &self.content_limits);
                if framing == Framing::Chunked { At::Chunks } else { At::Known }
            }
            Content::UntilClose => At::UntilClose,
            Content::Upgraded => At::End,
        };
        self.is_upgraded = self.outcome.content == Content::Upgraded;
        MessageEvent::HeadEnd
    }

    fn step_known<'a, 's>(&mut self, input: &mut &'a [u8]) -> Result<MessageEvent<'a, 's>, MessageError> {
        let (taken, part) = self.body.take(input, &self.content_limits)?;
        let (content, rest) = input.split_at(taken);
        *input = rest;
        Ok(match part {
            Part::Content(_) => {
                if self.body.is_within(0) {
                    self.at = At::End;
                }
                MessageEvent::Content(content)
            }
            _ => MessageEvent::NeedInput,
        })
    }

    fn step_chunks<'a, 's>(&mut self, input: &mut &'a [u8]) -> Result<MessageEvent<'a, 's>, MessageError> {
        let (taken, part) = self.body.take_chunk_part(input, &self.content_limits)?;
        let (used, rest) = input.split_at(taken);
        *input = rest;
        match part {
            ChunkPart::Nothing => Ok(MessageEvent::NeedInput),
            ChunkPart::Begin => Ok(MessageEvent::ChunkBegin),
            ChunkPart::Content(length) => Ok(MessageEvent::Content(&used[taken - length..])),
            ChunkPart::End => Ok(MessageEvent::ChunkEnd),
            ChunkPart::Trailers => {
                self.at = At::Trailers;
                self.lines.begin_trailers();
                self.step_lines(input)
            }
        }
    }

    /// Line ends after the last message are no data.
    #[cold]
    fn step_closed<'s>(&self, input: &mut &[u8]) -> Result<MessageEvent<'static, 's>, MessageError> {
        let is_data = input.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        if is_data && !self.discards_after_close {
            return Err(CLOSED);
        }
        *input = &[];
        Ok(MessageEvent::NeedInput)
    }

    #[inline]
    fn end_message(&mut self) -> MessageEvent<'static, 'static> {
        self.at = match self.outcome.content {
            Content::Upgraded => At::Upgraded,
            _ if self.outcome.keeps_alive || self.goes_on_after_close => At::Head,
            _ => At::Closed,
        };
        MessageEvent::End
    }
}
