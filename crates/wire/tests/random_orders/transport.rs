//! A transport: a number of unsent bytes, and what may be done with it. What a machine must not ask of one is an error.

use wire::HalfClose;

use crate::draw::Draw;

/// A pause is asked for above this many unsent bytes, and more below the other.
const HIGH_WATER: usize = 4000;
const LOW_WATER: usize = 1000;
/// What one step of an application, or the machine itself, may write beyond that: a message with its framing, and a
/// response for each request of a turn.
const BEYOND: usize = 5200 + 16 * 200;

/// The most bytes that arrive at once.
pub(crate) const READ_BYTES: usize = 4000;

/// A promise that was broken.
pub(crate) type Broken = String;

/// The state of the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    /// Our side has ended.
    HalfClosed,
    /// Nothing is read any more; what was written is still sent.
    Closing,
    /// It will say so when the turn ends.
    Aborted,
    Gone,
    TakenOver,
}

pub(crate) struct Transport {
    pub(crate) state: State,
    pub(crate) half_close: HalfClose,
    /// Whether the end of the peer's side is that of the connection.
    pub(crate) ends_with_peer: bool,
    /// Whether bytes arrive although reading is paused.
    pub(crate) is_pushy: bool,
    /// Everything that was written.
    pub(crate) written: Vec<u8>,
    pub(crate) unsent: usize,
    pub(crate) is_full: bool,
    pub(crate) reads_paused: bool,
    /// Whether the peer sees that something is missing.
    pub(crate) was_aborted: bool,
}

impl Transport {
    pub(crate) fn draw(draw: &mut Draw<'_>) -> Self {
        let half_close =
            draw.pick(&[HalfClose::Done, HalfClose::Done, HalfClose::Unsupported, HalfClose::Lost]);
        let (is_pushy, ends_with_peer) = (draw.chance(10), draw.chance(15));
        Self {
            state: State::Open,
            half_close,
            ends_with_peer,
            is_pushy,
            written: Vec::new(),
            unsent: 0,
            is_full: false,
            reads_paused: false,
            was_aborted: false,
        }
    }

    /// Returns whether bytes of the peer arrive.
    pub(crate) const fn reads(&self) -> bool {
        (self.is_pushy || !self.reads_paused) && matches!(self.state, State::Open | State::HalfClosed)
    }

    /// Checks that a request may start.
    pub(crate) fn check_start(&self, was_full: bool) -> Result<(), Broken> {
        if self.state == State::Open && !was_full {
            return Ok(());
        }
        Err(format!("a request starts while the transport is {:?}, full: {was_full}", self.state))
    }

    /// Returns whether the machine has nothing to do with it any more.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Gone | State::TakenOver)
    }

    /// Writes, and returns whether that makes it full.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<bool, Broken> {
        if self.state != State::Open {
            return Err(format!("{:?} is written to: {}", self.state, data.escape_ascii()));
        }
        self.written.extend_from_slice(data);
        self.unsent += data.len();
        if self.unsent > HIGH_WATER + BEYOND {
            return Err(format!("{} bytes wait for a peer that does not read", self.unsent));
        }
        let was_full = self.is_full;
        self.is_full |= self.unsent > HIGH_WATER;
        Ok(self.is_full && !was_full)
    }

    /// Lets the peer read, and returns whether that makes room.
    pub(crate) fn read(&mut self, count: usize) -> bool {
        self.unsent -= count;
        let makes_room = self.is_full && self.unsent <= LOW_WATER && self.state != State::Gone;
        self.is_full &= !makes_room;
        makes_room
    }

    pub(crate) fn pause(&mut self, pauses: bool) -> Result<(), Broken> {
        if self.reads_paused == pauses {
            return Err(format!("reading is paused: {pauses}, for the second time"));
        }
        self.reads_paused = pauses;
        Ok(())
    }

    pub(crate) fn shut_down_write(&mut self) -> Result<HalfClose, Broken> {
        if self.state != State::Open {
            return Err(format!("our side of {:?} ends", self.state));
        }
        if self.half_close == HalfClose::Done {
            self.state = State::HalfClosed;
        }
        Ok(self.half_close)
    }

    pub(crate) fn close(&mut self) -> Result<(), Broken> {
        if !matches!(self.state, State::Open | State::HalfClosed) {
            return Err(format!("{:?} is closed", self.state));
        }
        self.state = State::Closing;
        Ok(())
    }

    pub(crate) fn abort(&mut self) -> Result<(), Broken> {
        if self.is_over() {
            return Err(format!("{:?} is aborted", self.state));
        }
        (self.state, self.was_aborted) = (State::Aborted, true);
        Ok(())
    }

    /// Notes that the connection is gone.
    pub(crate) const fn lose(&mut self) {
        (self.state, self.unsent) = (State::Gone, 0);
    }

    /// Returns whether the connection is gone when the turn ends.
    pub(crate) const fn is_due_to_go(&self) -> bool {
        match self.state {
            State::Closing => self.unsent == 0,
            State::Aborted => true,
            _ => false,
        }
    }
}
