//! A second wire, in one file: a peer that speaks lines. Each line is a request, each response is a line.
//!
//! The interfaces are those of the other tests, which know no wire.

mod support;

use support::{Application, Driver, settings};
use wire::{
    Action, Actions, Context, Ending, Finished, HalfClose, Input, Interface, LogRecord, Message, OutOfOrder,
    Outcome, Received, RequestId, Response, SendError, Sent, Shutdown, Tick, Wait, Wire,
};

/// A connection on which each line is a request: `GET /path`.
#[derive(Default)]
struct Lines {
    latest: RequestId,
    head: http::Head,
    is_answering: bool,
    is_starting: bool,
    has_begun: bool,
    is_open: bool,
    input: Vec<u8>,
    /// Nothing is logged.
    log: Vec<LogRecord>,
}

impl Lines {
    /// Begins the next request, if its line is there.
    fn next(&mut self, out: &mut Vec<u8>) -> Actions {
        let end = self.input.iter().position(|byte| *byte == b'\n');
        let Some(end) = end.filter(|_| self.is_open && !self.is_answering) else { return Actions::NONE };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        let mut words = line.trim_ascii().split(|byte| *byte == b' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Ok(head) = http::Head::of(method, target, http::NO_FIELDS) else {
            out.extend_from_slice(b"what?\n");
            return Actions::from(Action::Write).and(self.next(out));
        };
        self.latest = RequestId(self.latest.0 + 1);
        (self.is_answering, self.is_starting, self.has_begun) = (true, true, false);
        self.head = head;
        Action::Start.into()
    }

    fn close(&mut self) -> Actions {
        if std::mem::take(&mut self.is_open) { Action::Close.into() } else { Actions::NONE }
    }
}

impl Wire<Vec<u8>> for Lines {
    fn on(
        &mut self,
        input: Input<'_>,
        _context: Context<'_>,
        _interface: &mut impl Interface,
        out: &mut Vec<u8>,
    ) -> Actions {
        match input {
            Input::Connected { .. } => self.is_open = true,
            Input::Bytes(data) => self.input.extend_from_slice(data),
            Input::Started => self.is_starting = false,
            Input::Eof | Input::Shutdown(_) | Input::Lost { .. } => return self.close(),
            Input::WriteShutdown(HalfClose::Lost) | Input::Tick(_) => return self.close(),
            _ => {}
        }
        if self.is_starting { Actions::NONE } else { self.next(out) }
    }

    fn send(
        &mut self,
        request: RequestId,
        message: Message<Vec<u8>>,
        _context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<Vec<u8>>, SendError> {
        if !self.is_answering || request != self.latest {
            return Err(if self.is_open { SendError::Complete } else { SendError::Disconnected });
        }
        match message {
            Message::Start { .. } => self.has_begun = true,
            Message::Content { content, more } if self.has_begun => {
                out.extend_from_slice(&content.unwrap_or_default());
                if !more {
                    out.push(b'\n');
                    self.is_answering = false;
                }
            }
            _ => return Err(SendError::OutOfOrder(OutOfOrder::HeadIsDue)),
        }
        let actions = if out.is_empty() { Actions::NONE } else { Action::Write.into() };
        Ok(Sent { actions, content: None, split: out.len(), is_sent: true, left_out: None })
    }

    fn respond<'a>(
        &mut self,
        request: RequestId,
        response: Response<impl Iterator<Item = (&'a [u8], &'a [u8])>, Vec<u8>>,
        context: Context<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Sent<Vec<u8>>, SendError> {
        self.has_begun = true;
        self.send(request, Message::Content { content: response.content, more: false }, context, out)
    }

    fn wait(&mut self, _settings: &wire::Settings) -> Wait {
        Wait::Nothing
    }

    fn receive(&mut self, request: RequestId, _: Context<'_>, _: &mut Vec<u8>) -> (Received, Actions) {
        let is_current = self.is_answering && request == self.latest;
        let received = if is_current {
            Received::Content { more: false }
        } else {
            Received::Disconnect { is_cut: false }
        };
        (received, Actions::NONE)
    }

    fn watch(&mut self, request: RequestId) -> bool {
        !self.is_answering || request != self.latest
    }

    fn finished(
        &mut self,
        request: RequestId,
        _outcome: Outcome<'_>,
        _context: Context<'_>,
        out: &mut Vec<u8>,
    ) -> Finished {
        if !self.is_answering || request != self.latest {
            let actions = Actions::NONE;
            return Finished { ending: Ending::Complete, was_disconnected: !self.is_open, actions };
        }
        self.is_answering = false;
        out.extend_from_slice(b"sorry\n");
        let actions = Action::Write.into();
        Finished { ending: Ending::Unanswered, was_disconnected: false, actions }
    }

    fn turn_ends(&mut self, _: Context<'_>, _: &mut Vec<u8>) -> Result<Actions, http::LocalProtocolError> {
        Ok(Actions::NONE)
    }

    fn upgrade(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn log(&mut self) -> &mut Vec<LogRecord> {
        &mut self.log
    }

    fn latest(&self) -> RequestId {
        self.latest
    }

    fn head(&self) -> &http::Head {
        &self.head
    }

    fn has_arrived(&self) -> bool {
        true
    }

    fn is_answering(&self) -> bool {
        self.is_answering
    }

    fn holds_head(&self) -> bool {
        false
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    fn is_closed(&self) -> bool {
        !self.is_open
    }

    fn is_disconnected(&self) -> bool {
        !self.is_open
    }

    fn has_lost_client(&self) -> bool {
        self.is_answering && !self.is_open
    }

    fn was_left_by_peer(&self) -> bool {
        false
    }

    fn is_late(&self, _now: Tick) -> bool {
        false
    }

    fn is_drained(&self) -> bool {
        true
    }
}

/// An application that answers with its target. It knows no wire.
struct Target;

impl Interface for Target {
    fn content(&mut self, _request: RequestId, _part: &[u8]) {}
}

impl Application for Target {
    fn start(&mut self, _request: RequestId, head: &http::Head) -> Vec<Message<Vec<u8>>> {
        vec![
            Message::Start { status: 200, fields: Vec::new(), has_trailers: false },
            Message::Content { content: Some(head.target().to_vec()), more: false },
        ]
    }
}

#[test]
fn an_application_is_served_over_lines_as_over_http() {
    let mut over_lines = Driver::connect(Lines::default(), Target, settings());
    over_lines.feed(Input::Bytes(b"GET /one\nGET /t"));
    over_lines.feed(Input::Bytes(b"wo\nnonsense\n"));
    assert_eq!(over_lines.text(), "/one\n/two\nwhat?\n");

    let connection = wire::http1::Connection::new(support::limits());
    let mut over_http = Driver::connect(connection, Target, settings());
    over_http.feed(Input::Bytes(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(over_http.text(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n/one");
}

#[test]
fn a_server_that_ends_closes_either() {
    let mut driver = Driver::connect(Lines::default(), Target, settings());
    driver.shut_down(Shutdown::Graceful);
    assert!(driver.is_closed);
    driver.feed(Input::Bytes(b"GET /late\n"));
    assert_eq!(driver.text(), "");
}
