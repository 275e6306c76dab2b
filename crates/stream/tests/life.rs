//! The state of a stream against asyncio's rules. Random sequences of calls and events run on a model that follows
//! asyncio's own transport step by step, and on the state, the queue and the flow control of this crate, driven as the
//! loop drives them.
//!
//! asyncio sends at each write; the loop sends at the end of a turn, and before anything that has to come after the
//! bytes. So the two are compared where everything gathered has been offered to the kernel.

use proptest::prelude::*;
use stream::{Admission, Closing, Drained, Flow, State, WriteEnd, WriteQueue};

/// An action of the program or the kernel.
#[derive(Clone, Debug)]
enum Event {
    Write(usize),
    WriteEof,
    Close,
    Abort,
    Pause,
    Resume,
    Limits(i64, i64),
    /// The peer has read this many bytes, and the kernel reports room to a stream that waits for it.
    Room(usize),
    /// The peer has ended its side; the value says whether the protocol keeps the connection.
    PeerEof(bool),
    Error,
    /// The end of a turn.
    Turn,
}

/// What a protocol and a peer observe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    pauses: usize,
    resumes: usize,
    losses: usize,
    shutdowns: usize,
    sent: usize,
    refused: usize,
    warnings: usize,
}

/// asyncio's transport, with its own fields.
struct Model {
    room: usize,
    closing: bool,
    conn_lost: usize,
    eof: bool,
    paused: bool,
    peer_ended: bool,
    buffer: usize,
    protocol_paused: bool,
    high: usize,
    low: usize,
    seen: Seen,
}

impl Model {
    fn new(room: usize) -> Self {
        Self {
            room,
            closing: false,
            conn_lost: 0,
            eof: false,
            paused: false,
            peer_ended: false,
            buffer: 0,
            protocol_paused: false,
            high: 64 * 1024,
            low: 16 * 1024,
            seen: Seen::default(),
        }
    }

    fn take(&mut self, wanted: usize) -> usize {
        let taken = wanted.min(self.room);
        self.room -= taken;
        self.seen.sent += taken;
        taken
    }

    fn maybe_pause(&mut self) {
        if self.buffer > self.high && !self.protocol_paused {
            self.protocol_paused = true;
            self.seen.pauses += 1;
        }
    }

    fn write(&mut self, length: usize) {
        if self.eof {
            self.seen.refused += 1;
            return;
        }
        if length == 0 {
            return;
        }
        if self.conn_lost > 0 {
            if self.conn_lost >= 5 {
                self.seen.warnings += 1;
            }
            self.conn_lost += 1;
            return;
        }
        let sent = if self.buffer == 0 { self.take(length) } else { 0 };
        if sent < length {
            self.buffer += length - sent;
            self.maybe_pause();
        }
    }

    fn force_close(&mut self) {
        if self.conn_lost > 0 {
            return;
        }
        self.buffer = 0;
        self.closing = true;
        self.conn_lost += 1;
        self.seen.losses += 1;
    }

    fn close(&mut self) {
        if self.closing {
            return;
        }
        self.closing = true;
        if self.buffer == 0 {
            self.conn_lost += 1;
            self.seen.losses += 1;
        }
    }

    fn on_room(&mut self, more: usize) {
        self.room += more;
        if self.buffer == 0 || self.conn_lost > 0 {
            return;
        }
        let sent = self.take(self.buffer);
        self.buffer -= sent;
        if self.protocol_paused && self.buffer <= self.low {
            self.protocol_paused = false;
            self.seen.resumes += 1;
        }
        if self.buffer == 0 {
            if self.closing {
                self.conn_lost += 1;
                self.seen.losses += 1;
            } else if self.eof {
                self.seen.shutdowns += 1;
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Write(length) => self.write(length),
            Event::WriteEof => {
                if !self.closing && !self.eof {
                    self.eof = true;
                    self.seen.shutdowns += usize::from(self.buffer == 0);
                }
            }
            Event::Close => self.close(),
            Event::Abort | Event::Error => self.force_close(),
            Event::Pause => self.paused |= !self.closing,
            Event::Resume => self.paused &= self.closing,
            Event::Limits(high, low) => {
                if let (Ok(high), Ok(low)) = (usize::try_from(high), usize::try_from(low))
                    && high >= low
                {
                    self.high = high;
                    self.low = low;
                    self.maybe_pause();
                }
            }
            Event::Room(more) => self.on_room(more),
            Event::PeerEof(keep_open) => {
                // Nothing is read while the transport is paused or closing, so the end is not seen either.
                if self.reads() {
                    self.peer_ended = keep_open;
                    if !keep_open {
                        self.close();
                    }
                }
            }
            Event::Turn => {}
        }
    }

    fn reads(&self) -> bool {
        !self.closing && !self.paused && !self.peer_ended
    }
}

/// The parts of this crate, driven as the loop drives them.
struct Hub {
    room: usize,
    state: State,
    flow: Flow,
    queue: WriteQueue<Vec<u8>>,
    seen: Seen,
}

impl Hub {
    fn new(room: usize) -> Self {
        let mut state = State::new();
        state.start();
        Self { room, state, flow: Flow::new(), queue: WriteQueue::new(), seen: Seen::default() }
    }

    fn send(&mut self) {
        let taken = self.queue.len().min(self.room);
        self.room -= taken;
        self.seen.sent += taken;
        self.queue.advance(taken);
        self.state.set_blocked(!self.queue.is_empty());
    }

    fn after_send(&mut self) {
        if self.flow.shrunk(self.queue.len()) {
            self.seen.resumes += 1;
        }
        if self.queue.is_empty() && !self.state.is_lost() {
            match self.state.drained() {
                Drained::Nothing => {}
                Drained::Shutdown => self.seen.shutdowns += 1,
                Drained::Lose => self.seen.losses += 1,
            }
        }
    }

    fn flush(&mut self) {
        if self.state.is_blocked() || self.state.is_lost() || self.queue.is_empty() {
            return;
        }
        self.send();
        self.after_send();
    }

    fn pause_if_high(&mut self) {
        if self.flow.grown(self.queue.len()) {
            self.seen.pauses += 1;
        }
    }

    fn write(&mut self, length: usize) {
        match self.state.admit(length == 0) {
            Admission::Queue => {}
            Admission::Nothing => return,
            Admission::Drop { warn } => {
                self.seen.warnings += usize::from(warn);
                return;
            }
            Admission::AfterEnd | Admission::FileInProgress => {
                self.seen.refused += 1;
                return;
            }
        }
        if length.is_multiple_of(2) {
            assert!(self.queue.push_shared(vec![0; length]).is_ok());
        } else {
            assert!(self.queue.push_copied(&vec![0; length]).is_ok());
        }
        // Bytes beyond what the protocol may have queued are offered to the kernel at once.
        if self.queue.len() > self.flow.high().min(16 * 1024) {
            self.flush();
            self.pause_if_high();
        }
    }

    fn lose(&mut self) {
        self.flush();
        self.queue.clear();
        self.seen.losses += usize::from(self.state.lose() == Closing::Lose);
    }

    fn close(&mut self) {
        self.flush();
        self.seen.losses += usize::from(self.state.close(self.queue.is_empty()) == Closing::Lose);
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Write(length) => self.write(length),
            Event::WriteEof => {
                self.flush();
                let end = self.state.end_writing(!self.queue.is_empty());
                self.seen.shutdowns += usize::from(end == WriteEnd::Shutdown);
            }
            Event::Close => self.close(),
            Event::Abort | Event::Error => self.lose(),
            Event::Pause => {
                self.state.pause_reading();
            }
            Event::Resume => {
                self.state.resume_reading();
            }
            Event::Limits(high, low) => {
                self.flush();
                if self.flow.set_limits(Some(high), Some(low)).is_ok() {
                    self.pause_if_high();
                }
            }
            Event::Room(more) => {
                // Gathered bytes are sent at the end of the turn, before the kernel is asked for events.
                self.flush();
                self.room += more;
                if self.state.is_blocked() {
                    self.state.set_blocked(false);
                    self.send();
                    self.after_send();
                }
            }
            Event::PeerEof(keep_open) => {
                if self.state.may_read() {
                    if keep_open {
                        self.state.peer_ended();
                    } else {
                        self.close();
                    }
                }
            }
            Event::Turn => self.flush(),
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let size = prop_oneof![Just(0_usize), 1..200_usize, 1_000..70_000_usize, 100_000..300_000_usize];
    prop_oneof![
        6 => size.clone().prop_map(Event::Write),
        1 => Just(Event::WriteEof),
        1 => Just(Event::Close),
        1 => Just(Event::Abort),
        1 => Just(Event::Pause),
        1 => Just(Event::Resume),
        1 => (-1..100_000_i64, -1..100_000_i64).prop_map(|(high, low)| Event::Limits(high, low)),
        4 => size.prop_map(Event::Room),
        1 => any::<bool>().prop_map(Event::PeerEof),
        1 => Just(Event::Error),
        3 => Just(Event::Turn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_follows_asyncio_in_every_order(
        room in 0..200_000_usize,
        events in proptest::collection::vec(event(), 1..40),
    ) {
        let mut model = Model::new(room);
        let mut hub = Hub::new(room);
        for (index, event) in events.iter().enumerate() {
            model.apply(event);
            hub.apply(event);
            hub.flush();
            prop_assert_eq!(&hub.seen, &model.seen, "after {} events", index + 1);
            prop_assert_eq!(hub.queue.len(), model.buffer);
            prop_assert_eq!(hub.state.is_closing(), model.closing);
            prop_assert_eq!(hub.state.is_lost(), model.conn_lost > 0);
            prop_assert_eq!(hub.state.may_read(), model.reads());
            prop_assert_eq!(hub.state.is_reading(), !model.closing && !model.paused);
            prop_assert_eq!(hub.state.interest().writable, model.buffer > 0);
            prop_assert_eq!(hub.flow.is_paused(), model.protocol_paused);
        }
    }

    #[test]
    fn gathering_over_a_turn_sends_the_same_bytes_and_ends_the_same_way(
        room in 0..200_000_usize,
        events in proptest::collection::vec(event(), 1..40),
    ) {
        let mut model = Model::new(room);
        let mut hub = Hub::new(room);
        for event in &events {
            model.apply(event);
            hub.apply(event);
        }
        hub.flush();
        prop_assert_eq!(hub.seen, model.seen);
        prop_assert_eq!(hub.queue.len(), model.buffer);
    }
}
