//! A connection with an application that a test writes, and a client that makes frames and reads them.

use websocket::{Kind, Payload};
use wire::{
    Action, Connection, Input, Interface, Message, Received, RequestId, SendError, Settings, Ticks, Upgrades,
    Wire,
};

use crate::support::{Application, Driver, limits, settings};

/// A connection with its driver.
pub(crate) type Site = Driver<Connection<Vec<u8>>, App>;

pub(crate) const HANDSHAKE: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// The response to it (the example of RFC 6455 section 1.3).
pub(crate) const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nconnection: Upgrade\r\n\r\n";

/// The first byte of whole frames.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// The only request of a connection.
pub(crate) const FIRST: RequestId = RequestId(1);

/// An application that leaves everything to the test, and keeps what the connection gives it.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) started: usize,
    pub(crate) messages: Vec<(Kind, Vec<u8>)>,
    /// What it sends with its first step.
    pub(crate) at_once: Vec<Message<Vec<u8>>>,
}

impl Interface for App {
    fn content(&mut self, _request: RequestId, _part: &[u8]) {}

    fn message(&mut self, request: RequestId, kind: Kind, payload: Payload<'_>) {
        assert_eq!(usize::try_from(request.0), Ok(self.started));
        self.messages.push((kind, payload.to_vec()));
    }
}

impl Application for App {
    fn start(&mut self, _request: RequestId, _head: &http::Head) -> Vec<Message<Vec<u8>>> {
        self.started += 1;
        std::mem::take(&mut self.at_once)
    }
}

/// The settings of the tests, for a server that speaks WebSocket.
pub(crate) fn speaking() -> Settings {
    let mut settings = settings();
    settings.upgrades = Upgrades::WebSocket;
    settings
}

/// Returns a connection over which nothing was sent.
pub(crate) fn site_with(settings: Settings) -> Site {
    Driver::connect(Connection::new(limits()), App::default(), settings)
}

/// Returns a connection whose handshake was accepted. What was written for that is taken.
pub(crate) fn accepted_with(settings: Settings) -> Site {
    let mut site = site_with(settings);
    site.feed(Input::Bytes(HANDSHAKE));
    assert_eq!(site.receive(FIRST), Received::Content { more: false }, "the handshake is complete");
    site.accepts();
    assert_eq!(site.take_text(), SWITCHED);
    site
}

pub(crate) fn accepted() -> Site {
    accepted_with(speaking())
}

pub(crate) fn accept() -> Message<Vec<u8>> {
    Message::Accept { subprotocol: None, fields: Vec::new() }
}

pub(crate) fn text(data: &str) -> Message<Vec<u8>> {
    Message::Data { kind: Kind::Text, data: data.as_bytes().to_vec() }
}

pub(crate) fn binary(data: &[u8]) -> Message<Vec<u8>> {
    Message::Data { kind: Kind::Binary, data: data.to_vec() }
}

pub(crate) fn close(code: u16, reason: &str) -> Message<Vec<u8>> {
    Message::Close { code, reason: reason.to_owned() }
}

/// Returns a frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
    frame
}

/// Returns the close frame of a client.
pub(crate) fn closing_frame(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &closing(code, reason))
}

/// Returns the payload of a close frame.
pub(crate) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// Returns the frames of a server: the first byte and the payload of each. They are whole and not masked.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (length, rest) = match *length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(), &rest[8..]),
            length => (usize::from(length), rest),
        };
        frames.push((*first, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    assert_eq!(bytes, b"", "a frame is whole");
    frames
}

impl Site {
    pub(crate) fn receives(&mut self, bytes: impl AsRef<[u8]>) {
        self.feed(Input::Bytes(bytes.as_ref()));
    }

    pub(crate) fn accepts(&mut self) {
        assert!(self.sends(accept()).is_ok());
    }

    pub(crate) fn sends(&mut self, message: Message<Vec<u8>>) -> Result<bool, SendError> {
        self.send(FIRST, message)
    }

    /// Takes the messages that the application was given and has asked for: each with its turn, as long as there is one.
    pub(crate) fn takes_all(&mut self) -> Vec<(Kind, Vec<u8>)> {
        let mut count = 0;
        while self.receive(FIRST) == Received::Message {
            count += 1;
        }
        self.application.messages.drain(..count).collect()
    }

    /// Takes the next message.
    pub(crate) fn takes(&mut self) -> (Kind, Vec<u8>) {
        assert_eq!(self.receive(FIRST), Received::Message);
        self.application.messages.remove(0)
    }

    pub(crate) fn take_text(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.written)).unwrap()
    }

    /// Takes the frames that the peer got.
    pub(crate) fn take_frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        frames(&std::mem::take(&mut self.written))
    }

    /// Lets the loop turn until nothing is asked for.
    pub(crate) fn settles(&mut self) {
        for _ in 0..1000 {
            if self.turns == 0 && !self.turn_ends {
                return;
            }
            self.end_turn();
        }
        panic!("the loop never comes to rest");
    }

    /// Returns the code and the reason of the end, as the application gets them.
    pub(crate) fn end(&mut self) -> (u16, String) {
        match self.receive(FIRST) {
            Received::Closed { code } => (code, Wire::<Vec<u8>>::close_reason(&self.wire).to_owned()),
            other => panic!("not the end: {other:?}"),
        }
    }

    pub(crate) fn has(&self, action: Action) -> bool {
        self.performed.contains(&action)
    }

    /// Lets time pass with a peer that has read everything.
    pub(crate) fn waits(&mut self, ticks: u32) {
        self.pass(ticks, 0);
    }
}

/// Times that a test can tell apart.
pub(crate) fn with_pings(interval: u32, timeout: u32) -> Settings {
    let mut settings = speaking();
    settings.websocket.ping_interval = Some(Ticks(interval));
    settings.websocket.ping_timeout = Some(Ticks(timeout));
    settings
}
