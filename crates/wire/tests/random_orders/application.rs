//! An application: the calls that it makes, and what the machine may say to them.
//!
//! Most applications read or leave the content, answer and end. Some send messages out of order, end too early, or go on
//! after their end. Each knows by the rules of ASGI alone which of its messages is due.

use wire::{Interface, Message, OutOfOrder, Outcome, Received, RequestId, SendError, Wait};

use crate::draw::Draw;
use crate::peer::{Exchange, Kind};

/// The application that answers one request.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: RequestId,
    /// Which request of the peer it answers.
    pub(crate) number: usize,
    pub(crate) waits: Waits,
    pub(crate) answer: Answer,
    /// The content that it was given.
    pub(crate) got: Vec<u8>,
    pub(crate) has_got_all: bool,
    /// The content that was accepted from it.
    pub(crate) sent: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) has_trailers: bool,
    /// Whether it has asked for content.
    pub(crate) has_asked: bool,
    pub(crate) hints: usize,
    /// Whether it was told that the request is over.
    pub(crate) is_cut_off: bool,
    /// Whether it has returned.
    pub(crate) is_over: bool,
    /// Whether its head can't be sent, or not with its content.
    pub(crate) has_bad_head: bool,
    /// Whether such a head was refused. What may be sent then depends on what was sent before.
    pub(crate) is_unclear: bool,
    reads: bool,
    parts_left: usize,
    is_wild: bool,
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waits {
    Nothing,
    Event,
    Drain,
    Turn,
}

/// How far its response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Owed,
    Started,
    Sending,
    File,
    Trailers,
    Complete,
}

/// The next call of an application.
#[derive(Debug)]
pub(crate) enum Call {
    Receive,
    Send(Message<Vec<u8>>),
    Finish(Outcome<'static>),
}

impl App {
    pub(crate) fn new(id: RequestId, number: usize, is_wild: bool, draw: &mut Draw<'_>) -> Self {
        Self {
            id,
            number,
            waits: Waits::Nothing,
            answer: Answer::Owed,
            got: Vec::new(),
            has_got_all: false,
            sent: Vec::new(),
            status: 0,
            has_trailers: false,
            has_asked: false,
            hints: 0,
            is_cut_off: false,
            is_over: false,
            has_bad_head: false,
            is_unclear: false,
            reads: !draw.chance(25),
            parts_left: draw.below(4),
            is_wild,
        }
    }

    /// Returns whether the response is complete as far as the application is concerned.
    pub(crate) fn is_complete(&self) -> bool {
        self.answer == Answer::Complete
    }

    /// Returns whether it waits until its client leaves.
    pub(crate) fn awaits_disconnect(&self) -> bool {
        self.waits == Waits::Event && self.has_got_all && !self.is_complete()
    }

    /// Decides on the next call.
    pub(crate) fn next_call(&mut self, draw: &mut Draw<'_>) -> Call {
        if self.answer == Answer::File && !self.is_cut_off {
            return Call::Send(Message::FileEnd { more: self.parts_left > 0 });
        }
        if self.is_wild && draw.chance(12) {
            return Self::any_call(draw);
        }
        if self.is_cut_off || self.is_complete() {
            // An application that has answered may ask whether its client has left.
            return if draw.chance(10) && !self.is_cut_off {
                Call::Receive
            } else {
                Call::Finish(Outcome::Ended)
            };
        }
        if self.reads && !self.has_got_all {
            return Call::Receive;
        }
        match self.answer {
            Answer::Owed if draw.chance(10) && self.hints == 0 => {
                Call::Send(Message::EarlyHint { links: vec![b"</a>".to_vec()] })
            }
            Answer::Owed => self.start(draw),
            Answer::Started | Answer::Sending if self.parts_left == 0 => {
                let content = draw.pick(&[None, Some(3), Some(5000)]).map(|size| vec![b'e'; size]);
                Call::Send(Message::Content { content, more: false })
            }
            Answer::Started | Answer::Sending => {
                self.parts_left -= 1;
                let size = draw.pick(&[0, 10, 1100, 5000]);
                if size > 0 && draw.chance(10) {
                    return Call::Send(Message::File { count: size, more: true });
                }
                Call::Send(Message::Content { content: Some(vec![b'z'; size]), more: true })
            }
            _ => Call::Send(Message::Trailers { fields: vec![(b"a".to_vec(), b"b".to_vec())], more: false }),
        }
    }

    fn start(&self, draw: &mut Draw<'_>) -> Call {
        let status = draw.pick(&[200, 200, 200, 200, 404, 204, 304]);
        let fields: &[(&[u8], &[u8])] = match draw.below(30) {
            27 => &[(b"connection", b"close")],
            28 if self.is_wild => &[(b"a b", b"c")],
            29 if self.is_wild => &[(b"content-length", b"7")],
            _ => &[],
        };
        let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        Call::Send(Message::Start { status, fields, has_trailers: draw.chance(15) })
    }

    /// Returns a call that may be out of order.
    fn any_call(draw: &mut Draw<'_>) -> Call {
        match draw.below(7) {
            0 => Call::Finish(Outcome::Ended),
            1 => Call::Finish(Outcome::Answer { status: 503, text: "busy\n", closes: draw.chance(50) }),
            2 => Call::Receive,
            3 => Call::Send(Message::Start { status: 200, fields: Vec::new(), has_trailers: false }),
            4 => Call::Send(Message::Content { content: Some(b"x".to_vec()), more: draw.chance(50) }),
            5 => Call::Send(Message::Trailers { fields: Vec::new(), more: draw.chance(30) }),
            _ => Call::Send(Message::EarlyHint { links: Vec::new() }),
        }
    }

    /// Returns how the machine is to take a message, by the order of messages alone. `None` if that depends on more.
    pub(crate) fn expected(&self, message: &Message<Vec<u8>>) -> Option<Result<(), SendError>> {
        use OutOfOrder::{ContentIsDue, HasBegun, HeadIsDue, TrailersAreDue};
        let out_of_order = |due| Some(Err(SendError::OutOfOrder(due)));
        match (message, self.answer) {
            _ if self.is_unclear => None,
            (_, Answer::Complete) => Some(Err(SendError::Complete)),
            (Message::Start { .. }, Answer::Owed) | (Message::EarlyHint { .. }, _) => Some(Ok(())),
            (Message::Start { .. }, _) => out_of_order(HasBegun),
            (_, Answer::Owed) => out_of_order(HeadIsDue),
            (Message::Trailers { .. }, Answer::Started | Answer::Sending) => out_of_order(ContentIsDue),
            (Message::Trailers { .. }, Answer::Trailers) if !self.has_bad_head => Some(Ok(())),
            (Message::Trailers { .. }, Answer::Trailers) => None,
            (_, Answer::Trailers) => out_of_order(TrailersAreDue),
            _ if self.has_bad_head => None,
            _ => Some(Ok(())),
        }
    }

    /// Notes that a message was accepted.
    pub(crate) fn note_sent(&mut self, message: &Message<Vec<u8>>, is_file_sent: bool) {
        self.answer = match message {
            Message::Start { status, fields, has_trailers } => {
                (self.status, self.has_trailers) = (*status, *has_trailers);
                self.has_bad_head = fields.iter().any(|(name, _)| name != b"connection");
                Answer::Started
            }
            Message::Content { content, more } => {
                self.sent.extend_from_slice(content.as_deref().unwrap_or_default());
                self.after_content(*more)
            }
            Message::File { count, .. } => {
                self.sent.resize(self.sent.len() + count, b'f');
                if is_file_sent { Answer::File } else { Answer::Sending }
            }
            Message::FileEnd { more } => self.after_content(*more),
            Message::Trailers { more: true, .. } => Answer::Trailers,
            Message::Trailers { more: false, .. } => Answer::Complete,
            Message::EarlyHint { .. } => {
                // Once the head has been sent it is too late for one.
                self.hints += usize::from(matches!(self.answer, Answer::Owed | Answer::Started));
                self.answer
            }
            // They are not sent in these orders.
            Message::FilePart { .. }
            | Message::Accept { .. }
            | Message::Data { .. }
            | Message::Close { .. } => self.answer,
        };
    }

    const fn after_content(&self, more: bool) -> Answer {
        match (more, self.has_trailers) {
            (true, _) => Answer::Sending,
            (false, true) => Answer::Trailers,
            (false, false) => Answer::Complete,
        }
    }

    /// Notes an event.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn note_received(&mut self, received: Received, exchange: &Exchange) -> Result<(), String> {
        match received {
            Received::Nothing => self.waits = Waits::Event,
            Received::Disconnect { .. } => self.is_cut_off = true,
            Received::Message | Received::Closed { .. } => return Err("a WebSocket".into()),
            Received::Content { more } => {
                if self.has_got_all {
                    return Err("content after its end".into());
                }
                self.has_got_all = !more;
                let is_right =
                    if more { exchange.content.starts_with(&self.got) } else { exchange.content == self.got };
                if !is_right {
                    return Err(format!(
                        "{} bytes of content, more: {more}, that were not sent",
                        self.got.len()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the content that the client gets with the response, if that is complete.
    pub(crate) fn visible(&self, exchange: &Exchange) -> &[u8] {
        if exchange.kind == Kind::Head || matches!(self.status, 204 | 304) { b"" } else { &self.sent }
    }

    /// Waits as it is told.
    ///
    /// # Errors
    ///
    /// There is nothing to wait for.
    pub(crate) fn wait(&mut self, wait: Wait, is_full: bool) -> Result<(), String> {
        self.waits = match wait {
            Wait::Nothing => Waits::Nothing,
            Wait::Turn => Waits::Turn,
            Wait::Drain if is_full => Waits::Drain,
            Wait::Drain => return Err("a sender waits for a peer that has read everything".into()),
        };
        Ok(())
    }

    /// Checks what the machine says to a message. `is_current` says whether its request is being answered.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn check_sent(
        &self,
        expected: Option<Result<(), SendError>>,
        message: &Message<Vec<u8>>,
        error: Option<&SendError>,
        is_current: bool,
    ) -> Result<(), String> {
        let wanted = match expected {
            Some(Err(other)) if error.is_none() => Some(other),
            Some(outcome) if is_current => outcome.err(),
            _ => return Ok(()),
        };
        if error == wanted.as_ref() {
            return Ok(());
        }
        Err(format!("{:?} sends {}: {error:?}, not {wanted:?}", self.id, described(message)))
    }

    /// Notes that its head can't be sent, or not with its content.
    ///
    /// # Errors
    ///
    /// The head is valid.
    pub(crate) fn note_bad_head(&mut self) -> Result<(), String> {
        if !self.has_bad_head {
            return Err(format!("the head of {:?} is valid", self.id));
        }
        (self.is_unclear, self.is_cut_off) = (true, true);
        Ok(())
    }
}

/// Describes a message without its content.
pub(crate) fn described(message: &Message<Vec<u8>>) -> String {
    match message {
        Message::Content { content, more } => {
            format!("Content({:?}, more: {more})", content.as_ref().map(Vec::len))
        }
        other => format!("{other:?}"),
    }
}

/// The content that the machine hands over.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) request: RequestId,
    /// What the application has not asked for.
    pub(crate) bytes: Vec<u8>,
    /// All bytes of the latest request so far.
    pub(crate) total: usize,
}

impl Content {
    /// Returns how many bytes of a request wait, and how many have come.
    pub(crate) const fn of(&self, request: RequestId) -> [usize; 2] {
        if self.request.0 == request.0 { [self.bytes.len(), self.total] } else { [0, 0] }
    }
}

impl Interface for Content {
    fn content(&mut self, request: RequestId, part: &[u8]) {
        if self.request != request {
            (self.request, self.total) = (request, 0);
            self.bytes.clear();
        }
        self.total += part.len();
        self.bytes.extend_from_slice(part);
    }
}
