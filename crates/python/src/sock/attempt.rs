//! One attempt of an operation: what it is made with, and its result.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use crate::counters::Count;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;

/// The result of an attempt.
pub(super) enum Attempt<'py> {
    Done {
        result: Bound<'py, PyAny>,
        /// Whether it read all bytes that were there.
        is_drained: bool,
    },
    Wait,
}

impl<'py> Attempt<'py> {
    pub(super) const fn done(result: Bound<'py, PyAny>) -> Self {
        Self::Done { result, is_drained: false }
    }

    /// Adds the number of bytes that the result of a method tells, if the attempt was made.
    pub(super) fn count(
        self,
        bytes: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<usize>,
        sum: &Count,
    ) -> Result<Self, ErrorSet> {
        if let Self::Done { result, .. } = &self {
            sum.add(bytes(result)?);
        }
        Ok(self)
    }
}

/// The objects of an attempt.
pub(super) struct Place<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) owner: &'a EventLoop,
    pub(super) socket: &'a SocketObject,
}

impl Place<'_, '_> {
    /// Returns the number of the socket for the next system call: exporting a buffer may have run user code, which may
    /// have closed the socket.
    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.descriptor(self.py)
    }
}
