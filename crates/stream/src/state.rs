//! The state of a connection: what each call and each event means, by asyncio's rules.
//!
//! | Life       | `close()`                                  | `abort()`, an error | queue drained | `write()`        |
//! |------------|--------------------------------------------|---------------------|---------------|------------------|
//! | `Open`     | `Draining`, or `Lost` if the queue is empty| `Lost`              | end if asked  | queued           |
//! | `Draining` | nothing                                    | `Lost`              | `Lost`        | queued           |
//! | `Lost`     | nothing                                    | nothing             | (impossible)  | dropped, counted |
//!
//! `Lost` means that `connection_lost` is due or was called; it is entered once, and the caller that enters it makes
//! that call. Reading stops as soon as the life is not `Open`. The two directions end separately: ours by
//! `write_eof()`, once the queue is drained, the peer's by its end of stream.
//!
//! The contents of the queue are not known here (callers say whether it is empty), nor what the kernel watches: see
//! [`State::interest`].

/// The number of writes to a lost connection from which on each is worth a warning: asyncio's.
const QUIET_WRITES: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Open,
    Draining,
    Lost,
}

/// Our side of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Output {
    Open,
    /// `write_eof()` was called. The kernel is told once the queue is drained.
    Ending,
    /// The kernel was told, or is being told.
    Ended,
    /// A file is being sent, and the queue stays empty.
    File,
}

/// What happens to bytes that a protocol writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// They are added to the queue.
    Queue,
    /// There are none: nothing happens.
    Nothing,
    /// They are dropped: the connection is lost. After a few such writes, each is worth a warning.
    Drop {
        /// Whether to warn.
        warn: bool,
    },
    /// An error of the caller: `write_eof()` was called before.
    AfterEnd,
    /// An error of the caller: `sendfile` is in progress.
    FileInProgress,
}

/// What follows from `close()`, `abort()` or an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// Nothing: the connection is closing or lost already.
    Nothing,
    /// The queue is sent first.
    Drain,
    /// `connection_lost` is due.
    Lose,
}

/// What follows from `write_eof()`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteEnd {
    /// Nothing: the connection is closing, or our side has ended already.
    Nothing,
    /// The kernel is told once the queue is drained.
    AfterDrain,
    /// The kernel is told now.
    Shutdown,
}

/// What is due once everything is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Nothing.
    Nothing,
    /// The end of our side: `shutdown(SHUT_WR)`.
    Shutdown,
    /// `connection_lost`: `close()` was called before.
    Lose,
}

/// The events that the kernel should report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    /// There is something to read.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
}

/// The state of a connection.
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
    /// Whether `connection_made` was called: nothing is read before.
    started: bool,
    /// Whether `pause_reading()` is in effect.
    paused: bool,
    /// Whether the peer has ended its side and the protocol keeps writing.
    peer_ended: bool,
    /// Whether the kernel had no room: the queue is sent when it reports some.
    blocked: bool,
    dropped_writes: u32,
}

impl State {
    /// Creates the state of a connection before `connection_made`.
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

    /// Starts reading after `connection_made`, unless the protocol paused or closed in that call.
    pub fn start(&mut self) {
        self.started = true;
    }

    /// Returns the events that the kernel should report now.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        Interest { readable: self.may_read(), writable: self.blocked && self.life != Life::Lost }
    }

    /// Returns whether received bytes are wanted now.
    #[inline]
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.life == Life::Open && self.started && !self.paused && !self.peer_ended
    }

    /// `is_closing()`: returns whether `close()` or `abort()` was called, or the connection is lost.
    #[inline]
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.life != Life::Open
    }

    /// Returns whether `connection_lost` is due or was called.
    #[inline]
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.life == Life::Lost
    }

    /// `is_reading()`: returns whether the transport is neither closing nor paused, as in asyncio.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        !self.is_closing() && !self.paused
    }

    /// Returns whether `pause_reading()` is in effect.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// `pause_reading()`: returns whether anything changed.
    pub fn pause_reading(&mut self) -> bool {
        if !self.is_reading() {
            return false;
        }
        self.paused = true;
        true
    }

    /// `resume_reading()`: returns whether anything changed.
    pub fn resume_reading(&mut self) -> bool {
        if self.is_closing() || !self.paused {
            return false;
        }
        self.paused = false;
        true
    }

    /// Records that the peer has ended its side and the protocol keeps the connection open for writing.
    pub fn peer_ended(&mut self) {
        self.peer_ended = true;
    }

    /// Returns what happens to bytes to be written. `empty` says whether there are none.
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

    /// `write_eof()`. `waiting` says whether anything is still to be sent.
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

    /// Starts a `sendfile`, which ends with [`end_file`](Self::end_file).
    pub fn begin_file(&mut self) {
        if self.output == Output::Open {
            self.output = Output::File;
        }
    }

    /// Ends a `sendfile`.
    pub fn end_file(&mut self) {
        if self.output == Output::File {
            self.output = Output::Open;
        }
    }

    /// Returns whether `sendfile` is in progress.
    #[must_use]
    pub fn is_sending_file(&self) -> bool {
        self.output == Output::File
    }

    /// Returns whether `write_eof()` was called.
    #[must_use]
    pub fn has_ended_writing(&self) -> bool {
        matches!(self.output, Output::Ending | Output::Ended)
    }

    /// Returns whether something is due once everything is sent.
    #[inline]
    #[must_use]
    pub fn awaits_drain(&self) -> bool {
        self.life == Life::Draining || self.output == Output::Ending
    }

    /// Records whether the queue waits for the kernel: it took only a part, or has room again.
    #[inline]
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Returns whether the queue waits for the kernel.
    #[inline]
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Records that everything is sent, and returns what is due.
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

    /// `close()`. `empty` says whether nothing is to be sent.
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

    /// `abort()`, or an error that ends the connection. The caller clears the queue.
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
