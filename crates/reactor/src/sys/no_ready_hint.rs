//! Replaces `ready_hint` where the io_uring crate has no bindings: a hint that can't be made.

use std::convert::Infallible;
use std::io;
use std::os::fd::RawFd;

#[derive(Debug)]
pub(super) struct ReadyHint(Infallible);

impl ReadyHint {
    pub(super) fn new(_set: RawFd) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_set(&mut self) -> bool {
        match self.0 {}
    }

    pub(super) fn rearm(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
