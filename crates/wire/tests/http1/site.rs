//! A connection with an application that a test writes: what it answers at once, and what it has received.

use wire::http1::Connection;
use wire::{Action, Input, Interface, Message, RequestId, SendError, Settings};

use crate::support::{Application, Driver, limits, settings};

/// A connection with its driver.
pub(crate) type Site = Driver<Connection<Vec<u8>>, App>;

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// A request whose fields go on.
pub(crate) const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\n";
/// A response that says nothing of its connection.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\n";

/// An application that answers at once, or leaves that to the test.
pub(crate) struct App {
    answer: fn(&http::Head) -> Vec<Message<Vec<u8>>>,
    /// The targets of the requests that it was given.
    pub(crate) targets: Vec<String>,
    /// The content of all requests.
    pub(crate) content: Vec<u8>,
}

impl Interface for App {
    fn content(&mut self, _request: RequestId, part: &[u8]) {
        self.content.extend_from_slice(part);
    }
}

impl Application for App {
    fn start(&mut self, _request: RequestId, head: &http::Head) -> Vec<Message<Vec<u8>>> {
        self.targets.push(String::from_utf8_lossy(head.target()).into_owned());
        (self.answer)(head)
    }
}

/// Returns a connection whose application answers with these messages.
pub(crate) fn answering(answer: fn(&http::Head) -> Vec<Message<Vec<u8>>>) -> Site {
    answering_with(answer, settings())
}

/// Returns a connection with other settings than those of the tests.
pub(crate) fn answering_with(answer: fn(&http::Head) -> Vec<Message<Vec<u8>>>, settings: Settings) -> Site {
    Driver::connect(Connection::new(settings.limits.clone()), app(answer), settings)
}

/// Returns a connection over a transport that ends with the peer's side, such as TLS.
pub(crate) fn over_tls(answer: fn(&http::Head) -> Vec<Message<Vec<u8>>>) -> Site {
    Driver::connect_over(Connection::new(limits()), app(answer), settings(), true)
}

fn app(answer: fn(&http::Head) -> Vec<Message<Vec<u8>>>) -> App {
    App { answer, targets: Vec::new(), content: Vec::new() }
}

/// An application that leaves everything to the test.
pub(crate) fn silent(_head: &http::Head) -> Vec<Message<Vec<u8>>> {
    Vec::new()
}

/// An application that answers with a word, whatever its request still sends.
pub(crate) fn plain(_head: &http::Head) -> Vec<Message<Vec<u8>>> {
    vec![start(200), last("ok")]
}

/// An application that answers with its target.
pub(crate) fn target(head: &http::Head) -> Vec<Message<Vec<u8>>> {
    vec![start(200), last(head.target())]
}

pub(crate) fn start(status: u16) -> Message<Vec<u8>> {
    start_with(status, &[])
}

pub(crate) fn start_with(status: u16, fields: &[(&str, &str)]) -> Message<Vec<u8>> {
    Message::Start { status, fields: owned(fields), has_trailers: false }
}

pub(crate) fn start_with_trailers(status: u16) -> Message<Vec<u8>> {
    Message::Start { status, fields: Vec::new(), has_trailers: true }
}

/// Content after which more follows.
pub(crate) fn more(content: impl AsRef<[u8]>) -> Message<Vec<u8>> {
    Message::Content { content: Some(content.as_ref().to_vec()), more: true }
}

/// The last content.
pub(crate) fn last(content: impl AsRef<[u8]>) -> Message<Vec<u8>> {
    Message::Content { content: Some(content.as_ref().to_vec()), more: false }
}

/// The end of the content, without any.
pub(crate) const END: Message<Vec<u8>> = Message::Content { content: None, more: false };

pub(crate) fn owned(fields: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// Returns a request with these fields, and without content.
pub(crate) fn request(target: &str, fields: &[&str]) -> Vec<u8> {
    request_of("GET", target, fields, "1.1")
}

pub(crate) fn request_of(method: &str, target: &str, fields: &[&str], version: &str) -> Vec<u8> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("{method} {target} HTTP/{version}\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

/// Returns a request with content of a known length.
pub(crate) fn post(target: &str, content: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", content.len());
    [&request_of("POST", target, &[&length], "1.1")[..], content].concat()
}

/// Returns a response of one message, as the peer gets it.
pub(crate) fn response(content: &str) -> String {
    format!("{OK}content-length: {}\r\n\r\n{content}", content.len())
}

impl Site {
    /// Gives the machine bytes of the peer.
    pub(crate) fn receives(&mut self, data: impl AsRef<[u8]>) {
        self.feed(Input::Bytes(data.as_ref()));
    }

    /// Sends a message of the latest request.
    pub(crate) fn sends(&mut self, message: Message<Vec<u8>>) -> Result<bool, SendError> {
        self.send(wire::Wire::latest(&self.wire), message)
    }

    /// Sends messages that must be accepted.
    pub(crate) fn sends_all(&mut self, messages: impl IntoIterator<Item = Message<Vec<u8>>>) {
        for message in messages {
            assert_eq!(self.sends(message.clone()).err(), None, "{message:?}");
        }
    }

    /// Asks for an event of the latest request.
    pub(crate) fn asks(&mut self) -> wire::Received {
        self.receive(wire::Wire::latest(&self.wire))
    }

    /// Ends the application of the latest request, which says no more.
    pub(crate) fn ends(&mut self) -> wire::Ending {
        self.finish(wire::Wire::latest(&self.wire), wire::Outcome::Ended)
    }

    /// Returns what the peer got since the last call.
    pub(crate) fn took(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.written)).into_owned()
    }

    /// Runs turns until none is asked for.
    pub(crate) fn settles(&mut self) {
        while self.turns > 0 || self.turn_ends {
            self.end_turn();
        }
    }

    /// Returns whether an action was performed since the last call, for any action.
    pub(crate) fn did(&mut self, action: Action) -> bool {
        std::mem::take(&mut self.performed).contains(&action)
    }

    /// Returns whether the peer sees the end after what it gets.
    pub(crate) fn is_ending_for_peer(&self) -> bool {
        self.is_closed || self.has_shut_down
    }
}

/// Returns the statuses of the responses in a text, interim ones included.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}
