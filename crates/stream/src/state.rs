//! The life of a connection: what each call and each event means, by asyncio's rules.
//!
//! | Life       | `close()`                                  | `abort()`, an error | queue drained | `write()`        |
//! |------------|--------------------------------------------|---------------------|---------------|------------------|
//! | `Open`     | `Draining`, or `Lost` if nothing waits     | `Lost`              | end if asked  | queued           |
//! | `Draining` | nothing                                    | `Lost`              | `Lost`        | queued           |
//! | `Lost`     | nothing                                    | nothing             | (cannot be)   | dropped, counted |
//!
//! `Lost` means that `connection_lost` is due or was called; it is entered once, and whoever brings it about has to see to
//! that call. Reading stops as soon as the life is not `Open`. The two directions end separately: ours by `write_eof()`,
//! once the queue is drained, the peer's by its end of stream.
//!
//! It knows neither what waits in the queue (callers say whether anything does) nor what the kernel watches: see
//! [`State::interest`].

/// Writes to a lost connection before each further one is worth a warning: asyncio's number.
const QUIET_WRITES: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Open,
    Draining,
    Lost,
}

/// Our end of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Output {
    Open,
    /// `write_eof()` was called. The kernel is told when the queue is drained.
    Ending,
    /// The kernel was told, or is being told.
    Ended,
    /// A file is being sent past the queue, which stays empty meanwhile.
    File,
}

/// What becomes of bytes that a protocol writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// They go to the end of the queue.
    Queue,
    /// There are none: nothing happens.
    Nothing,
    /// They are dropped: the connection is lost. After a few of them, each is worth a warning.
    Drop {
        /// Whether to warn.
        warn: bool,
    },
    /// The caller's mistake: `write_eof()` came before.
    AfterEnd,
    /// The caller's mistake: `sendfile` is in progress.
    FileInProgress,
}

/// What `close()`, `abort()` or an error brings about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// Nothing: it is closing or lost already.
    Nothing,
    /// What waits is sent first.
    Drain,
    /// `connection_lost` is due.
    Lose,
}

/// What `write_eof()` brings about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteEnd {
    /// Nothing: closing, or ended already.
    Nothing,
    /// The kernel is told when the queue is drained.
    AfterDrain,
    /// The kernel is told now.
    Shutdown,
}

/// What is due when everything is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Nothing.
    Nothing,
    /// The end of our side: `shutdown(SHUT_WR)`.
    Shutdown,
    /// `connection_lost`: `close()` came before.
    Lose,
}

/// What the kernel should be asked to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    /// That there is something to read.
    pub readable: bool,
    /// That there is room to write.
    pub writable: bool,
}

/// Where a connection stands.
///
/// ```
/// use stream::{Closing, State};
/// let mut state = State::new();
/// state.start();
/// assert!(state.interest().readable);
/// assert_eq!(state.close(false), Closing::Drain);
/// assert!(!state.interest().readable && state.is_closing());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    life: Life,
    output: Output,
    /// `connection_made` has been called: before that nothing is read.
    started: bool,
    /// `pause_reading()` holds.
    paused: bool,
    /// The peer has ended its side, and the protocol wants to go on writing.
    peer_ended: bool,
    /// The kernel had no room: what waits is sent when it reports some.
    blocked: bool,
    dropped_writes: u32,
}

impl State {
    /// A connection whose protocol does not know of it yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            life: Life::Open,
            output: Output::Open,
            started: false,
            paused: false,
            peer_ended: false,
            blocked: false,
            dropped_writes: 0,
        }
    }

    /// `connection_made` was called: reading begins, unless the protocol has paused or closed in there.
    pub fn start(&mut self) {
        self.started = true;
    }

    /// What the kernel should be watched for now.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        Interest { readable: self.may_read(), writable: self.blocked && self.life != Life::Lost }
    }

    /// Whether bytes that arrive are wanted now.
    #[inline]
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.life == Life::Open && self.started && !self.paused && !self.peer_ended
    }

    /// `is_closing()`: whether `close()` or `abort()` was called, or the connection is lost.
    #[inline]
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.life != Life::Open
    }

    /// Whether `connection_lost` is due or was called.
    #[inline]
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.life == Life::Lost
    }

    /// `is_reading()`, by asyncio's definition: neither closing nor paused.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        !self.is_closing() && !self.paused
    }

    /// Whether `pause_reading()` holds.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// `pause_reading()`: whether anything changed.
    pub fn pause_reading(&mut self) -> bool {
        if !self.is_reading() {
            return false;
        }
        self.paused = true;
        true
    }

    /// `resume_reading()`: whether anything changed.
    pub fn resume_reading(&mut self) -> bool {
        if self.is_closing() || !self.paused {
            return false;
        }
        self.paused = false;
        true
    }

    /// The peer has ended its side and the protocol keeps the connection open for writing.
    pub fn peer_ended(&mut self) {
        self.peer_ended = true;
    }

    /// What becomes of bytes to be written. `empty`: whether there are none.
    #[inline]
    pub fn admit(&mut self, empty: bool) -> Admission {
        match (self.output, self.life) {
            (Output::Ending | Output::Ended, _) => Admission::AfterEnd,
            (Output::File, _) => Admission::FileInProgress,
            (Output::Open, _) if empty => Admission::Nothing,
            (Output::Open, Life::Lost) => self.drop_write(),
            (Output::Open, _) => Admission::Queue,
        }
    }

    #[cold]
    fn drop_write(&mut self) -> Admission {
        let warn = self.dropped_writes + 1 >= QUIET_WRITES;
        self.dropped_writes = self.dropped_writes.saturating_add(1);
        Admission::Drop { warn }
    }

    /// `write_eof()`. `waiting`: whether anything is still to be sent.
    pub fn end_writing(&mut self, waiting: bool) -> WriteEnd {
        if self.is_closing() || self.has_ended_writing() {
            return WriteEnd::Nothing;
        }
        if waiting {
            self.output = Output::Ending;
            return WriteEnd::AfterDrain;
        }
        self.output = Output::Ended;
        WriteEnd::Shutdown
    }

    /// `sendfile` begins; it ends with [`end_file`](Self::end_file).
    pub fn begin_file(&mut self) {
        if self.output == Output::Open {
            self.output = Output::File;
        }
    }

    /// `sendfile` is over.
    pub fn end_file(&mut self) {
        if self.output == Output::File {
            self.output = Output::Open;
        }
    }

    /// Whether `sendfile` is in progress.
    #[must_use]
    pub fn is_sending_file(&self) -> bool {
        self.output == Output::File
    }

    /// Whether `write_eof()` was called.
    #[must_use]
    pub fn has_ended_writing(&self) -> bool {
        matches!(self.output, Output::Ending | Output::Ended)
    }

    /// Whether something is due once everything is sent.
    #[inline]
    #[must_use]
    pub fn awaits_drain(&self) -> bool {
        self.life == Life::Draining || self.output == Output::Ending
    }

    /// The kernel took only a part of what waits, or has room again.
    #[inline]
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Whether what waits has to wait for the kernel.
    #[inline]
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Everything is sent.
    #[inline]
    pub fn drained(&mut self) -> Drained {
        self.blocked = false;
        match (self.life, self.output) {
            (Life::Draining, _) => {
                self.life = Life::Lost;
                Drained::Lose
            }
            (Life::Open, Output::Ending) => {
                self.output = Output::Ended;
                Drained::Shutdown
            }
            _ => Drained::Nothing,
        }
    }

    /// `close()`. `empty`: whether nothing waits to be sent.
    pub fn close(&mut self, empty: bool) -> Closing {
        if self.is_closing() {
            return Closing::Nothing;
        }
        if empty {
            return self.lose();
        }
        self.life = Life::Draining;
        Closing::Drain
    }

    /// `abort()`, or an error that ends the connection. What waits is to be forgotten.
    pub fn lose(&mut self) -> Closing {
        if self.is_lost() {
            return Closing::Nothing;
        }
        self.life = Life::Lost;
        self.blocked = false;
        Closing::Lose
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
