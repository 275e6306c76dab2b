//! Receiving: bytes of a client in, events out.
//!
//! A message that lies whole in the input, in one frame, is reported where it lies, by the few lines of
//! [`Receiver::receive`]. Everything else goes through [`Receiver::step`], frame by frame: heads that arrive in parts
//! (`head.rs`), messages of several parts or frames (`message.rs`), and control frames between them.

use crate::close;
use crate::error::ProtocolError;
use crate::event::{Event, Kind, Payload};
use crate::head::{self, CONTROL_BYTES_AT_MOST, Expected, Head, Opcode, PartialHead};
use crate::limits::Limits;
use crate::mask;
use crate::message::PartialMessage;
use crate::negotiation::Agreed;
use crate::workspace::Workspace;

/// Where the next byte of the input belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// To the first frame of a message or to a control frame, and nothing is kept.
    Fresh,
    /// To a head. Some bytes of it, the beginning of a message or what was reported last may be kept.
    Head,
    /// To the payload of a frame.
    Payload,
    /// To nothing: the peer's close frame has been reported.
    Closed,
    /// To nothing: an error has been reported.
    Failed(ProtocolError),
}

/// The payload of a control frame, unmasked.
#[derive(Debug)]
struct Control {
    bytes: [u8; CONTROL_BYTES_AT_MOST],
    length: u8,
}

/// The frame whose payload is being received.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    /// The key for the next byte.
    mask: [u8; 4],
    /// Bytes of the payload that have not arrived.
    left: u64,
}

/// What a step has found, with where its bytes are.
enum Step<'data> {
    NeedInput,
    /// In the input.
    InPlace(Kind, &'data [u8], [u8; 4]),
    /// In `message`.
    Message(Kind),
    /// In `control`.
    Control(Opcode),
}

/// The receiving half of a connection of the server role: what is kept between two reads.
///
/// It holds no memory beside itself while no part of a frame or message is kept.
///
/// ```
/// use websocket::{Event, Kind, Limits, Receiver, Workspace};
///
/// let (mut receiver, workspace) = (Receiver::new(None), Workspace::default());
/// let mut input = &b"\x81\x82\x01\x02\x03\x04ik"[..];
/// match receiver.receive(&mut input, &Limits::UNLIMITED, &workspace).unwrap() {
///     Event::Message { kind: Kind::Text, payload } => assert_eq!(payload.to_vec(), b"hi"),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(receiver.receive(&mut input, &Limits::UNLIMITED, &workspace), Ok(Event::NeedInput));
/// ```
#[derive(Debug)]
pub struct Receiver {
    message: PartialMessage,
    control: Option<Box<Control>>,
    frame: Frame,
    head: PartialHead,
    phase: Phase,
    agreed: Option<Agreed>,
}

impl Receiver {
    /// Creates the state of a connection for which this compression was agreed.
    #[must_use]
    pub fn new(agreed: Option<Agreed>) -> Self {
        Self {
            message: PartialMessage::new(agreed),
            control: None,
            frame: Frame { opcode: Opcode::Binary, is_final: true, mask: [0; 4], left: 0 },
            head: PartialHead::default(),
            phase: Phase::Fresh,
            agreed,
        }
    }

    /// Returns the next event and advances the input past the bytes that were used.
    ///
    /// Call it until it returns [`NeedInput`](Event::NeedInput) or [`Close`](Event::Close): before `NeedInput` the whole
    /// input is used, and parts of frames are kept. What an event borrows is released by the next call, or by
    /// [`release`](Receiver::release). After `Close`
    /// further input is discarded.
    ///
    /// # Errors
    ///
    /// A [`ProtocolError`] is returned by every later call, too: send a close frame with its code.
    #[inline]
    pub fn receive<'e, 'data: 'e>(
        &'e mut self,
        input: &mut &'data [u8],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<Event<'e>, ProtocolError> {
        if self.phase == Phase::Fresh {
            if input.is_empty() {
                return Ok(Event::NeedInput);
            }
            if let Some((kind, bytes, mask)) = take_in_place(input, limits) {
                return Ok(Event::Message { kind, payload: Payload::Masked { bytes, mask } });
            }
        }
        match self.step(input, limits, workspace) {
            Ok(step) => self.event_of(step),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Releases what the last event borrowed, for a caller that does not go on at once: a message that was inflated or has
    /// arrived in parts is as long as the limits allow. Going on does the same.
    pub fn release(&mut self, workspace: &Workspace) {
        if self.phase == Phase::Head {
            self.release_kept(workspace);
        }
    }

    /// Returns whether no part of a frame or of a message is kept: the next byte begins one.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        match self.phase {
            Phase::Fresh => true,
            Phase::Head => self.head.is_empty() && !self.message.has_begun(),
            Phase::Payload | Phase::Closed | Phase::Failed(_) => false,
        }
    }

    /// Goes on until there is something to report or the input is used up.
    fn step<'data>(
        &mut self,
        input: &mut &'data [u8],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<Step<'data>, ProtocolError> {
        match self.phase {
            Phase::Failed(error) => return Err(error),
            Phase::Closed => *input = &[],
            Phase::Head => {
                self.release_kept(workspace);
                if self.phase == Phase::Fresh
                    && let Some((kind, bytes, mask)) = take_in_place(input, limits)
                {
                    return Ok(Step::InPlace(kind, bytes, mask));
                }
            }
            Phase::Fresh | Phase::Payload => {}
        }
        loop {
            match self.phase {
                Phase::Closed | Phase::Failed(_) => return Ok(Step::NeedInput),
                Phase::Fresh if input.is_empty() => return Ok(Step::NeedInput),
                Phase::Fresh => self.phase = Phase::Head,
                Phase::Head => {
                    let expected = Expected {
                        is_inside_message: self.message.has_begun(),
                        allows_compression: self.agreed.is_some(),
                    };
                    let Some(head) = self.head.take(input, expected)? else { return Ok(Step::NeedInput) };
                    self.begin_frame(&head, limits)?;
                }
                Phase::Payload if self.frame.left > 0 && input.is_empty() => return Ok(Step::NeedInput),
                Phase::Payload => {
                    let found = if self.frame.opcode.is_control() {
                        self.take_control(input)
                    } else {
                        self.take_data(input, limits, workspace)?
                    };
                    if let Some(step) = found {
                        return Ok(step);
                    }
                }
            }
        }
    }

    fn begin_frame(&mut self, head: &Head, limits: &Limits) -> Result<(), ProtocolError> {
        match head.opcode {
            Opcode::Text => self.message.begin(Kind::Text, head.is_compressed),
            Opcode::Binary => self.message.begin(Kind::Binary, head.is_compressed),
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {}
        }
        if !head.opcode.is_control() {
            self.message.announce(head.length, limits)?;
        }
        let Head { opcode, is_final, mask, length: left, .. } = *head;
        self.frame = Frame { opcode, is_final, mask, left };
        self.phase = Phase::Payload;
        Ok(())
    }

    /// Takes payload of a data frame. The message is reported with the last byte of its last frame.
    fn take_data<'data>(
        &mut self,
        input: &mut &'data [u8],
        limits: &Limits,
        workspace: &Workspace,
    ) -> Result<Option<Step<'data>>, ProtocolError> {
        let mask = self.frame.mask;
        let is_first = self.message.is_untouched();
        let part = self.frame.take(input);
        if self.frame.left == 0 {
            self.phase = Phase::Head;
        }
        if is_first && self.frame.left == 0 && self.frame.is_final {
            if let Some(kind) = self.message.take_whole(part, mask, limits, workspace)? {
                return Ok(Some(Step::InPlace(kind, part, mask)));
            }
        } else {
            self.message.append(part, mask, self.frame.left)?;
        }
        if self.frame.left > 0 || !self.frame.is_final {
            return Ok(None);
        }
        Ok(Some(Step::Message(self.message.finish(limits, workspace)?)))
    }

    /// Takes payload of a control frame, which is reported with its last byte.
    fn take_control<'data>(&mut self, input: &mut &[u8]) -> Option<Step<'data>> {
        let mask = self.frame.mask;
        let part = self.frame.take(input);
        if !part.is_empty() {
            self.control.get_or_insert_with(Box::default).append(part, mask);
        }
        if self.frame.left > 0 {
            return None;
        }
        self.phase = Phase::Head;
        Some(Step::Control(self.frame.opcode))
    }

    /// Returns the event for a step.
    #[inline]
    fn event_of<'e, 'data: 'e>(&'e mut self, step: Step<'data>) -> Result<Event<'e>, ProtocolError> {
        match step {
            Step::NeedInput => Ok(Event::NeedInput),
            Step::InPlace(kind, bytes, mask) => {
                Ok(Event::Message { kind, payload: Payload::Masked { bytes, mask } })
            }
            Step::Message(kind) => Ok(Event::Message { kind, payload: Payload::Plain(self.message.bytes()) }),
            Step::Control(Opcode::Ping) => Ok(Event::Ping(bytes_of(self.control.as_deref()))),
            Step::Control(Opcode::Pong) => Ok(Event::Pong(bytes_of(self.control.as_deref()))),
            Step::Control(_) => self.close_event(),
        }
    }

    #[cold]
    fn close_event(&mut self) -> Result<Event<'_>, ProtocolError> {
        self.phase = Phase::Closed;
        self.message = PartialMessage::new(None);
        if let Err(error) = close::parse(bytes_of(self.control.as_deref())) {
            return Err(self.fail(error));
        }
        let (code, reason) = close::parse(bytes_of(self.control.as_deref()))?;
        Ok(Event::Close { code, reason })
    }

    /// Releases what the last event borrowed. `Fresh` is the phase if nothing else is kept.
    fn release_kept(&mut self, workspace: &Workspace) {
        self.control = None;
        if !self.message.has_begun() {
            self.message.release(workspace);
            if self.head.is_empty() {
                self.phase = Phase::Fresh;
            }
        }
    }

    /// Records the error, and releases everything that was kept.
    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.phase = Phase::Failed(error);
        (self.message, self.control) = (PartialMessage::new(None), None);
        error
    }
}

impl Frame {
    /// Takes as much of the payload as the input has.
    fn take<'data>(&mut self, input: &mut &'data [u8]) -> &'data [u8] {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        let (part, rest) = input.split_at(length);
        self.left -= length as u64;
        self.mask = mask::rotated(self.mask, length);
        *input = rest;
        part
    }
}

impl Control {
    /// Appends a part of the payload. The head of the frame has limited the length.
    fn append(&mut self, part: &[u8], mask: [u8; 4]) {
        let start = usize::from(self.length);
        mask::copy(part, &mut self.bytes[start..start + part.len()], mask);
        self.length = u8::try_from(start + part.len()).unwrap_or(u8::MAX);
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { bytes: [0; CONTROL_BYTES_AT_MOST], length: 0 }
    }
}

/// Returns the payload of a control frame. One without a payload has allocated nothing.
fn bytes_of(control: Option<&Control>) -> &[u8] {
    control.map_or(&[], |control| &control.bytes[..usize::from(control.length)])
}

/// Takes a message that can be reported where it lies: a binary one or ASCII, whole, uncompressed, in one frame.
#[inline]
fn take_in_place<'data>(input: &mut &'data [u8], limits: &Limits) -> Option<(Kind, &'data [u8], [u8; 4])> {
    let mut rest = *input;
    let (opcode, bytes, mask) = head::take_plain(&mut rest, limits.frame_bytes.min(limits.message_bytes))?;
    let kind = if opcode == Opcode::Binary {
        Kind::Binary
    } else if mask::is_ascii(bytes, mask) {
        Kind::Text
    } else {
        return None;
    };
    *input = rest;
    Some((kind, bytes, mask))
}
