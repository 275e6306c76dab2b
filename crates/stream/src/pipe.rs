//! The state of one end of a pipe: that of a socket, except where asyncio differs.
//!
//! | End     | Difference                                                                                         |
//! |---------|----------------------------------------------------------------------------------------------------|
//! | both    | the end of the one direction is the end of the transport                                           |
//! | reading | the end of the file closes it, whatever the protocol returns                                       |
//! | writing | `write_eof()` is `close()`; later writes are dropped, even while the queue is still sent           |
//! | writing | it is watched for reading, if readability tells for its kind of file that the reader has left      |
//!
//! Everything else is in [`State`], which callers use directly.

use crate::state::{Admission, Interest, State};

/// The number of dropped writes from which on each is worth a warning: asyncio's.
const QUIET_WRITES: u32 = 5;

/// The state of one end of a pipe.
///
/// ```
/// use stream::{Admission, PipeEnd};
/// let mut end = PipeEnd::writer(true);
/// end.start();
/// assert!(end.interest().readable, "to hear of the reader's leaving");
/// end.state.close(false);
/// assert_eq!(end.admit(false), Admission::Drop { warn: false });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PipeEnd {
    /// The state that a pipe has in common with a socket.
    pub state: State,
    side: Side,
    dropped_writes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Reader,
    Writer {
        /// Whether readability tells that the reader has left.
        hears_reader: bool,
        /// Whether `connection_made` was called.
        started: bool,
    },
}

impl PipeEnd {
    /// Creates the end that is read from.
    #[must_use]
    pub const fn reader() -> Self {
        Self { state: State::new(), side: Side::Reader, dropped_writes: 0 }
    }

    /// Creates the end that is written to. `hears_reader` says whether readability tells that the reader has left: it
    /// does for pipes and sockets, while a terminal is readable when somebody types.
    #[must_use]
    pub const fn writer(hears_reader: bool) -> Self {
        Self { state: State::new(), side: Side::Writer { hears_reader, started: false }, dropped_writes: 0 }
    }

    /// Starts watching after `connection_made`.
    pub fn start(&mut self) {
        self.state.start();
        if let Side::Writer { started, .. } = &mut self.side {
            *started = true;
        }
    }

    /// Returns the events that the kernel should report now.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        match self.side {
            Side::Reader => self.state.interest(),
            Side::Writer { hears_reader, started } => Interest {
                readable: hears_reader && started && !self.state.is_lost(),
                ..self.state.interest()
            },
        }
    }

    /// Returns whether readability means now that the reader has left.
    #[must_use]
    pub fn may_lose_reader(&self) -> bool {
        matches!(self.side, Side::Writer { .. }) && self.interest().readable
    }

    /// Returns what happens to bytes to be written. `empty` says whether there are none.
    #[inline]
    pub fn admit(&mut self, empty: bool) -> Admission {
        if empty {
            return Admission::Nothing;
        }
        if !self.state.is_closing() {
            return Admission::Queue;
        }
        let warn = self.dropped_writes >= QUIET_WRITES;
        self.dropped_writes = self.dropped_writes.saturating_add(1);
        Admission::Drop { warn }
    }

    /// Records that the kernel refused a write, which counts as the first of the dropped ones.
    pub fn write_failed(&mut self) {
        self.dropped_writes = self.dropped_writes.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{PipeEnd, QUIET_WRITES};
    use crate::state::{Admission, Closing, Drained, Interest};

    #[test]
    fn a_writer_listens_from_its_beginning_to_its_end_for_the_reader_to_leave() {
        let mut end = PipeEnd::writer(true);
        assert_eq!(end.interest(), Interest::default(), "not before connection_made");
        end.start();
        assert!(end.may_lose_reader());
        end.state.set_blocked(true);
        assert_eq!(end.state.close(false), Closing::Drain);
        assert_eq!(end.interest(), Interest { readable: true, writable: true });
        assert_eq!(end.state.drained(), Drained::Lose);
        assert_eq!(end.interest(), Interest::default());
        assert!(!end.may_lose_reader());
    }

    #[test]
    fn a_terminal_is_not_read_by_its_writer() {
        let mut end = PipeEnd::writer(false);
        end.start();
        assert_eq!(end.interest(), Interest::default());
        end.state.set_blocked(true);
        assert_eq!(end.interest(), Interest { readable: false, writable: true });
    }

    #[test]
    fn a_reader_reads_while_it_is_open_started_and_not_paused() {
        let mut end = PipeEnd::reader();
        assert!(!end.interest().readable);
        end.start();
        assert!(end.interest().readable && !end.may_lose_reader());
        assert!(end.state.pause_reading());
        assert!(!end.interest().readable);
        assert!(end.state.resume_reading());
        assert_eq!(end.state.close(true), Closing::Lose);
        assert!(!end.interest().readable);
    }

    /// Returns how many writes are dropped before the first warning.
    fn quiet_writes(mut end: PipeEnd) -> u32 {
        let mut count = 0;
        while end.admit(false) == (Admission::Drop { warn: false }) {
            count += 1;
        }
        count
    }

    #[test]
    fn writes_after_close_are_dropped_and_warned_of_after_five() {
        let mut closed = PipeEnd::writer(true);
        assert_eq!(closed.admit(false), Admission::Queue);
        assert_eq!(closed.state.close(false), Closing::Drain);
        assert_eq!(closed.admit(true), Admission::Nothing);
        assert_eq!(quiet_writes(closed), QUIET_WRITES);
    }

    #[test]
    fn the_write_that_failed_counts_as_dropped() {
        let mut failed = PipeEnd::writer(true);
        failed.write_failed();
        assert_eq!(failed.state.lose(), Closing::Lose);
        assert_eq!(quiet_writes(failed), QUIET_WRITES - 1);
    }
}
