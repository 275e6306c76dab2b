//! What has been read of a request's content, and who may read on.
//!
//! | Phase       | The content                             | `body()`                        | `stream()`                     |
//! |-------------|-----------------------------------------|---------------------------------|--------------------------------|
//! | `Unread`    | what has arrived for a reader that left | reads the rest                  | begins with that               |
//! | `Reading`   | is gathered by one reader               | RuntimeError: it is being read  | the same                       |
//! | `Whole`     | is here                                 | returns it                      | yields it                      |
//! | `Streaming` | was begun by `stream()`                 | RuntimeError: it was begun      | goes on; one wait at a time    |
//! | `Streamed`  | was read by `stream()`                  | RuntimeError: it was streamed   | the same                       |
//! | `TooMuch`   | is more than the application takes      | HTTPError 413                   | begins with what has arrived   |
//! | `Lost`      | ends too early: the client has left     | ClientDisconnected              | the same                       |
//!
//! Where content comes from is not known here. Bytes are created here, which runs no user code.

use std::mem;

use pyo3::prelude::*;

use crate::ffi::bytes::{self, Bytes};
use crate::ffi::error::no_memory;
use crate::ffi::trampoline::ErrorSet;

/// The content of a request, as far as it was read.
#[derive(Default)]
pub(super) struct Incoming {
    phase: Phase,
    only: Option<Bytes>,
    /// Several parts, joined.
    joined: Vec<u8>,
    /// Whether nothing follows what was added.
    has_ended: bool,
    /// Whether the client is known to have left.
    has_left: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    #[default]
    Unread,
    Reading,
    Whole,
    Streaming {
        /// Whether a reader waits for the next part.
        is_awaited: bool,
    },
    Streamed,
    TooMuch,
    Lost,
}

/// Why content can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Obstacle {
    Busy,
    StreamBegun,
    Streamed,
    TooMuch,
    Lost,
}

/// What a stream does for its next part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// It waits for it.
    Read,
    /// It has [content](Incoming::take_kept) that was read before.
    Kept,
    /// It ends.
    End,
}

impl Incoming {
    /// Begins to gather everything. Returns whether it is here already.
    pub(super) fn begin(&mut self) -> Result<bool, Obstacle> {
        match self.phase {
            Phase::Unread => self.phase = Phase::Reading,
            Phase::Whole => return Ok(true),
            Phase::Reading | Phase::Streaming { is_awaited: true } => return Err(Obstacle::Busy),
            Phase::Streaming { is_awaited: false } => return Err(Obstacle::StreamBegun),
            Phase::Streamed => return Err(Obstacle::Streamed),
            Phase::TooMuch => return Err(Obstacle::TooMuch),
            Phase::Lost => return Err(Obstacle::Lost),
        }
        Ok(false)
    }

    /// Begins to wait for the next part of a stream.
    pub(super) fn begin_part(&mut self) -> Result<Next, Obstacle> {
        match self.phase {
            Phase::Reading | Phase::Streaming { is_awaited: true } => Err(Obstacle::Busy),
            Phase::Lost => Err(Obstacle::Lost),
            Phase::Whole => Ok(Next::Kept),
            Phase::Streamed => Ok(Next::End),
            Phase::Unread | Phase::TooMuch | Phase::Streaming { is_awaited: false } => {
                let next = match self.length() {
                    0 if self.has_ended => Next::End,
                    0 => Next::Read,
                    _ => Next::Kept,
                };
                let goes_on = Phase::Streaming { is_awaited: next == Next::Read };
                self.phase = if self.has_ended { Phase::Streamed } else { goes_on };
                Ok(next)
            }
        }
    }

    /// Returns the content that was read before a stream: everything, or what a reader has left.
    pub(super) fn take_kept(&mut self, py: Python<'_>) -> Result<Bytes, ErrorSet> {
        let kept = self.take(py)?;
        if self.phase == Phase::Whole {
            self.only = Some(kept.clone_ref());
        }
        Ok(kept)
    }

    /// Checks that a stream may begin.
    pub(super) const fn check_stream(&self) -> Result<(), Obstacle> {
        match self.phase {
            Phase::Reading | Phase::Streaming { is_awaited: true } => Err(Obstacle::Busy),
            Phase::Streamed => Err(Obstacle::Streamed),
            Phase::Lost => Err(Obstacle::Lost),
            Phase::Unread | Phase::Whole | Phase::TooMuch | Phase::Streaming { is_awaited: false } => Ok(()),
        }
    }

    /// Takes a part of gathered content. Returns whether it is within the limit; a stream gets it even if it is not.
    pub(super) fn add(&mut self, part: Bytes, more: bool, at_most: usize) -> Result<bool, ErrorSet> {
        let is_within = self.length().saturating_add(part.as_ref().len()) <= at_most;
        self.append(part)?;
        self.has_ended = !more;
        if !is_within {
            self.phase = Phase::TooMuch;
        }
        Ok(is_within)
    }

    fn append(&mut self, part: Bytes) -> Result<(), ErrorSet> {
        if part.as_ref().is_empty() {
            return Ok(());
        }
        if self.length() == 0 {
            self.only = Some(part);
            return Ok(());
        }
        let first = self.only.take();
        for part in first.iter().chain([&part]) {
            let part: &[u8] = part.as_ref();
            self.joined.try_reserve(part.len()).map_err(|_| no_memory())?;
            self.joined.extend_from_slice(part);
        }
        Ok(())
    }

    /// Notes that all content is here.
    pub(super) fn complete(&mut self, py: Python<'_>) -> Result<(), ErrorSet> {
        let all = self.take(py)?;
        (self.only, self.phase) = (Some(all), Phase::Whole);
        Ok(())
    }

    /// Notes that a stream has got a part, or its end.
    pub(super) fn end_part(&mut self, more: bool) {
        self.phase = if more { Phase::Streaming { is_awaited: false } } else { Phase::Streamed };
    }

    /// Notes that a reader has ceased to wait.
    pub(super) fn pause(&mut self) {
        self.phase = match self.phase {
            Phase::Reading => Phase::Unread,
            Phase::Streaming { .. } => Phase::Streaming { is_awaited: false },
            other => other,
        };
    }

    /// Notes that the client has left. If some content is missing, that does not come.
    pub(super) fn lose(&mut self) {
        self.has_left = true;
        if !matches!(self.phase, Phase::Whole | Phase::Streamed) {
            *self = Self { phase: Phase::Lost, has_left: true, ..Self::default() };
        }
    }

    /// Returns whether no reader waits for an event that may come.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Unread | Phase::Whole | Phase::Streamed)
    }

    /// Returns whether content that arrives is kept for a reader.
    pub(super) const fn is_unread(&self) -> bool {
        matches!(self.phase, Phase::Unread)
    }

    /// Notes that there is more than the application takes.
    pub(super) fn refuse(&mut self) {
        self.phase = Phase::TooMuch;
    }

    /// Returns whether everything is here.
    pub(super) fn is_whole(&self) -> bool {
        self.phase == Phase::Whole
    }

    /// Returns whether the client is known to have left.
    pub(super) const fn is_lost(&self) -> bool {
        self.has_left
    }

    /// Returns everything, once it is [whole](Self::is_whole).
    pub(super) fn whole<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        match &self.only {
            Some(only) => only.to_object(py),
            None => bytes::kept(py, b"")?.to_object(py),
        }
    }

    fn length(&self) -> usize {
        self.only.as_ref().map_or(self.joined.len(), |only| only.as_ref().len())
    }

    fn take(&mut self, py: Python<'_>) -> Result<Bytes, ErrorSet> {
        match self.only.take() {
            Some(only) => Ok(only),
            None => bytes::kept(py, &mem::take(&mut self.joined)),
        }
    }
}
