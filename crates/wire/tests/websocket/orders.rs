//! Any order of bytes, calls and time against the promises to a peer and to an application.
//!
//! `WIRE_SEED=7 cargo test -p vitok-wire --test websocket orders` repeats one order.

use websocket::Kind;
use wire::{Input, Outcome, Received, Shutdown, Wire};

use crate::draw::Draw;
use crate::site::{
    BINARY, CLOSE, FIRST, PING, PONG, Site, TEXT, accepted_with, binary, close, closing_frame, frame, text,
    with_pings,
};

/// The number of orders of a run.
const ORDERS: u64 = 20_000;

/// One order: a connection, what its peer has sent, and what its application has got.
struct Order {
    draw: Draw<'static>,
    site: Site,
    /// Bytes of the peer that have not arrived.
    unsent: Vec<u8>,
    sent: Vec<(Kind, Vec<u8>)>,
    got: Vec<(Kind, Vec<u8>)>,
    pings: Vec<Vec<u8>>,
    /// Whether the peer has sent a close frame.
    has_closed: bool,
    has_ended: bool,
    has_finished: bool,
    is_lost: bool,
}

impl Order {
    fn new(seed: u64) -> Self {
        let mut settings = with_pings(5, 5);
        settings.websocket.waiting_messages = 3;
        settings.websocket.waiting_bytes = 2000;
        let mut draw = Draw::Seed(seed);
        if draw.below(4) == 0 {
            settings.websocket.ping_interval = None;
        }
        Self {
            draw,
            site: accepted_with(settings),
            unsent: Vec::new(),
            sent: Vec::new(),
            got: Vec::new(),
            pings: Vec::new(),
            has_closed: false,
            has_ended: false,
            has_finished: false,
            is_lost: false,
        }
    }

    fn is_over(&self) -> bool {
        self.site.is_closed || self.site.is_aborted || self.is_lost
    }

    fn step(&mut self) {
        match self.draw.below(20) {
            0..=4 => self.peer_writes(),
            5..=8 => self.bytes_arrive(),
            9..=12 => self.application_receives(),
            13 | 14 => self.application_sends(),
            15 => self.site.settles(),
            16 => {
                let unsent = self.draw.below(3);
                self.site.pass(1, unsent);
            }
            17 => {
                let input = if self.draw.below(2) == 0 { Input::Full } else { Input::Writable };
                self.site.feed(input);
            }
            18 if self.draw.below(10) == 0 => self.something_ends(),
            _ => {}
        }
        assert!(self.site.application.messages.len() <= 3, "what waits is bounded");
    }

    fn peer_writes(&mut self) {
        if self.has_closed || self.unsent.len() > 5000 {
            return;
        }
        let length = [0, 1, 10, 130, 1500][self.draw.below(5)];
        let data: Vec<u8> = (0..length).map(|_| b'a' + u8::try_from(self.draw.below(26)).unwrap()).collect();
        match self.draw.below(12) {
            0..=3 => self.peer_sends(Kind::Text, data, 1),
            4..=6 => self.peer_sends(Kind::Binary, data, 1),
            7 | 8 => self.peer_sends(Kind::Text, data, 3),
            9 | 10 => {
                let data = data[..data.len().min(125)].to_vec();
                self.unsent.extend(frame(PING, &data));
                self.pings.push(data);
            }
            _ if self.draw.below(4) == 0 => {
                self.unsent.extend(closing_frame(3001, "from the peer"));
                self.has_closed = true;
            }
            _ => self.unsent.extend(frame(PONG, b"")),
        }
    }

    fn peer_sends(&mut self, kind: Kind, data: Vec<u8>, fragments: usize) {
        let first = if kind == Kind::Text { TEXT } else { BINARY };
        let size = data.len() / fragments + 1;
        let parts: Vec<&[u8]> = if data.is_empty() { vec![&[]] } else { data.chunks(size).collect() };
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 { first & 0x0f } else { 0 };
            let is_last = if index + 1 == parts.len() { 0x80 } else { 0 };
            self.unsent.extend(frame(opcode | is_last, part));
        }
        self.sent.push((kind, data));
    }

    fn bytes_arrive(&mut self) {
        if self.is_over() || self.has_ended || self.site.reads_paused {
            return;
        }
        let most = [1, 7, 200, 10_000][self.draw.below(4)];
        let bytes: Vec<u8> = self.unsent.drain(..self.unsent.len().min(most)).collect();
        self.site.receives(bytes);
    }

    fn application_receives(&mut self) {
        match self.site.receive(FIRST) {
            Received::Message => self.got.push(self.site.application.messages.remove(0)),
            Received::Nothing => {
                assert!(self.site.wire.is_open() && self.site.application.messages.is_empty())
            }
            Received::Closed { .. } => {
                assert!(!self.site.wire.is_open() && self.site.application.messages.is_empty());
            }
            other => panic!("{other:?} of a WebSocket"),
        }
    }

    fn application_sends(&mut self) {
        let was_open = self.site.wire.is_open() && !self.has_finished;
        let message = match self.draw.below(12) {
            0 => close(4000, "from the application"),
            1..=6 => text("some text"),
            _ => binary(&[1; 1500]),
        };
        if self.has_finished {
            return;
        }
        assert_eq!(self.site.sends(message).is_ok(), was_open);
    }

    fn something_ends(&mut self) {
        match self.draw.below(5) {
            0 if !self.has_finished => {
                let outcome = if self.draw.below(2) == 0 { Outcome::Ended } else { Outcome::Failed };
                self.site.finish(FIRST, outcome);
                self.has_finished = true;
            }
            1 if !self.has_ended && !self.is_over() => {
                self.has_ended = true;
                self.site.feed(Input::Eof);
            }
            2 => self.site.shut_down(Shutdown::Graceful),
            3 => {
                self.is_lost = true;
                self.site.feed(Input::Lost { by_error: true });
            }
            4 => self.site.feed(Input::Broken),
            _ => {}
        }
    }

    fn check(&mut self) {
        let frames = self.site.take_frames();
        let closes = frames.iter().filter(|(first, _)| *first == CLOSE).count();
        assert!(closes <= 1, "one close frame at most");
        if closes == 1 {
            assert_eq!(frames.last().unwrap().0, CLOSE, "nothing follows a close frame");
        }
        let mut asked = self.pings.iter();
        for (_, data) in frames.iter().filter(|(first, _)| *first == PONG) {
            assert!(asked.any(|ping| ping == data), "pongs answer pings, in order");
        }
        let got = &self.got[..];
        assert_eq!(got, &self.sent[..got.len()], "messages arrive in order, and whole");
    }

    /// Lets the peer send the rest and go, the application receive everything, and time pass.
    fn ends(&mut self) {
        let reads = self.site.wire.is_open() && !self.has_finished && !self.has_ended;
        for _ in 0..2000 {
            if self.unsent.is_empty() || self.is_over() {
                break;
            }
            self.bytes_arrive();
            self.application_receives();
            self.site.settles();
        }
        if !self.is_over() && !self.has_ended {
            self.site.feed(Input::Eof);
        }
        for _ in 0..200 {
            self.application_receives();
            self.site.settles();
        }
        if reads && self.has_closed && !self.is_lost && self.site.end().0 == 3001 {
            assert_eq!(self.got.len(), self.sent.len(), "nothing before a close frame is lost");
        }
        self.site.pass(200, 1);
        assert!(self.is_over(), "every connection ends");
        self.site.feed(Input::Lost { by_error: false });
        assert!(self.site.wire.is_closed());
        self.check();
    }
}

#[test]
fn every_promise_holds_in_any_order() {
    let only = std::env::var("WIRE_SEED").ok().map(|seed| seed.parse().expect("WIRE_SEED is a number"));
    let seeds = only.map_or(1..=ORDERS, |seed: u64| seed..=seed);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut order = Order::new(seed);
            for _ in 0..60 {
                order.step();
            }
            order.ends();
        });
        assert!(outcome.is_ok(), "WIRE_SEED={seed} repeats this order");
    }
}
