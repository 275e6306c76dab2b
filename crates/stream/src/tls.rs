//! The state of a TLS transport, as far as it can be decided without a connection: its phase, what its protocol was
//! told, and flow control of both directions.
//!
//! asyncio's rules, except that a transport which its program has closed passes on no more data.
//!
//! | Phase       | From                                     | Received ciphertext is      |
//! |-------------|------------------------------------------|-----------------------------|
//! | Unconnected | the creation                             | kept                        |
//! | Handshake   | `connection_made` of the transport below | for the handshake           |
//! | Open        | the end of the handshake                 | decrypted and delivered     |
//! | Flushing    | `close()`, or the end of the peer's side | decrypted and delivered     |
//! | Shutdown    | our close_notify                         | for the peer's close_notify |
//! | Closed      | the end of all that, an error, `abort()` | dropped                     |

use crate::flow::{BadLimits, marks};

/// The default marks of both directions, in bytes: asyncio's.
const WRITE_HIGH: i64 = 512 * 1024;
const READ_HIGH: i64 = 256 * 1024;

/// Writes after the end that are dropped silently: asyncio's number.
const QUIET_WRITES: u8 = 5;

/// Where the connection is in its life; it never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// There is no transport below yet.
    Unconnected,
    /// The two sides agree on keys.
    Handshake,
    /// Data passes in both directions.
    Open,
    /// What was received and written before the end is dealt with.
    Flushing,
    /// We have said goodbye, and wait for the peer's.
    Shutdown,
    /// Nothing is received or sent any more.
    Closed,
}

/// What the protocol knows of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nothing yet.
    Nothing,
    /// `connection_made`.
    Made,
    /// `eof_received`.
    End,
    /// `connection_lost`.
    Lost,
}

/// What happens to bytes that a program writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// They are queued.
    Queue,
    /// They are dropped; `warn` says whether the program has written often enough to be told.
    Drop {
        /// Whether to warn.
        warn: bool,
    },
}

/// What to do when a size has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// Pause whoever makes it grow.
    Pause,
    /// Let it grow again.
    Resume,
}

/// The two marks of a size, and whether whoever makes it grow is paused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    high: usize,
    low: usize,
    default: i64,
    paused: bool,
}

impl Level {
    const fn new(default: i64, high: usize) -> Self {
        Self { high, low: high / 4, default, paused: false }
    }

    /// Returns the low and the high mark in bytes.
    #[must_use]
    pub const fn limits(&self) -> (usize, usize) {
        (self.low, self.high)
    }

    /// Returns the high mark in bytes.
    #[inline]
    #[must_use]
    pub const fn high(&self) -> usize {
        self.high
    }

    /// Returns whether whoever makes it grow is paused.
    #[inline]
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Sets the marks by asyncio's rule for those that are not given.
    ///
    /// # Errors
    ///
    /// [`BadLimits`] unless high >= low >= 0. The marks stay as they were.
    pub fn set_limits(&mut self, high: Option<i64>, low: Option<i64>) -> Result<(), BadLimits> {
        (self.high, self.low) = marks(high, low, self.default)?;
        Ok(())
    }

    /// Takes note of a size, and returns what follows. At the high mark it is a pause already, as asyncio has it for
    /// TLS, but never with nothing: marks of zero would pause for ever.
    #[inline]
    pub fn note(&mut self, size: usize) -> Change {
        let change = match self.paused {
            false if size >= self.high && size > 0 => Change::Pause,
            true if size <= self.low => Change::Resume,
            _ => return Change::Nothing,
        };
        self.paused = !self.paused;
        change
    }
}

/// The state of a TLS transport.
#[derive(Clone, Copy, Debug)]
pub struct Tls {
    phase: Phase,
    told: Told,
    /// The size of the write queue, and whether the protocol is paused.
    pub writing: Level,
    /// The size of the ciphertext that is kept, and whether the transport below is paused.
    pub reading: Level,
    is_closing: bool,
    is_paused: bool,
    is_blocked: bool,
    has_peer_ended: bool,
    dropped_writes: u8,
}

impl Tls {
    /// Creates the state of a transport that has no connection yet. `is_upgrade`: the protocol has its
    /// `connection_made` from the connection that becomes TLS.
    #[must_use]
    pub const fn new(is_upgrade: bool) -> Self {
        Self {
            phase: Phase::Unconnected,
            told: if is_upgrade { Told::Made } else { Told::Nothing },
            writing: Level::new(WRITE_HIGH, 512 * 1024),
            reading: Level::new(READ_HIGH, 256 * 1024),
            is_closing: false,
            is_paused: false,
            is_blocked: false,
            has_peer_ended: false,
            dropped_writes: 0,
        }
    }

    /// Returns the phase.
    #[inline]
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Goes on to a later phase. Returns false, and changes nothing, if that one or a later one has begun.
    pub fn advance(&mut self, phase: Phase) -> bool {
        let is_later = phase > self.phase;
        if is_later {
            self.phase = phase;
        }
        is_later
    }

    /// Returns whether received data goes to the protocol.
    #[inline]
    #[must_use]
    pub const fn delivers(&self) -> bool {
        !self.is_closing && matches!(self.told, Told::Made)
    }

    /// Records that the program has closed the transport. Returns whether it had not before.
    pub fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.is_closing, true)
    }

    /// Returns whether the program has closed the transport, or the connection is lost.
    #[inline]
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Returns whether `connection_made` is due, and records it.
    pub fn tell_made(&mut self) -> bool {
        let is_due = self.told == Told::Nothing;
        if is_due {
            self.told = Told::Made;
        }
        is_due
    }

    /// Returns whether `eof_received` is due, and records it.
    pub fn tell_end(&mut self) -> bool {
        let is_due = self.told == Told::Made;
        if is_due {
            self.told = Told::End;
        }
        is_due
    }

    /// Returns whether the protocol knows that it has a connection, or had one.
    #[must_use]
    pub fn was_made(&self) -> bool {
        self.told != Told::Nothing
    }

    /// Ends everything. Returns whether `connection_lost` is due.
    pub fn lose(&mut self) -> bool {
        let is_due = self.phase != Phase::Handshake && matches!(self.told, Told::Made | Told::End);
        if is_due {
            self.told = Told::Lost;
        }
        self.phase = Phase::Closed;
        self.is_closing = true;
        self.dropped_writes = self.dropped_writes.saturating_add(1);
        is_due
    }

    /// Records that the transport below has no more bytes for us.
    pub fn peer_ended(&mut self) {
        self.has_peer_ended = true;
    }

    /// Returns whether the transport below has no more bytes for us.
    #[must_use]
    pub const fn has_peer_ended(&self) -> bool {
        self.has_peer_ended
    }

    /// `pause_reading()` and `resume_reading()`: returns whether anything changed.
    pub fn set_paused(&mut self, paused: bool) -> bool {
        std::mem::replace(&mut self.is_paused, paused) != paused
    }

    /// Returns whether the protocol wants no data now.
    #[inline]
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Records whether the transport below asks for a pause of writing.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.is_blocked = blocked;
    }

    /// Returns whether data may be encrypted and sent now.
    #[inline]
    #[must_use]
    pub const fn may_send(&self) -> bool {
        // The peer may have ended while reading is paused: what was written before is sent all the same.
        !self.is_blocked && matches!(self.phase, Phase::Open | Phase::Flushing)
    }

    /// Returns what happens to bytes that the program writes.
    #[inline]
    pub fn admit(&mut self) -> Written {
        match self.phase {
            Phase::Handshake | Phase::Open => Written::Queue,
            // asyncio counts these as written after the end, too.
            Phase::Unconnected | Phase::Flushing | Phase::Shutdown | Phase::Closed => {
                let warn = self.dropped_writes >= QUIET_WRITES;
                self.dropped_writes = self.dropped_writes.saturating_add(1);
                Written::Drop { warn }
            }
        }
    }
}
