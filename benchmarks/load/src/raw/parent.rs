//! The connection of a raw server to its parent: the port is written to standard output, and the end of standard input
//! ends the server.

use std::io;
use std::os::fd::AsRawFd;

use crate::answer;
use crate::failure::{Doing, Failure};
use crate::sys::epoll::Epoll;
use reactor::Interest;

/// Keys are descriptor numbers. Standard input, whose end ends the server, is never a connection.
pub(super) const STDIN_KEY: usize = 0;

/// Watches standard input, which is closed when the parent has gone.
pub(super) fn watch_stdin(epoll: &mut Epoll) -> Result<(), Failure> {
    match epoll.watch(&io::stdin(), STDIN_KEY, Interest::READABLE) {
        // A file or the null device: there is no parent to wait for.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        result => result.doing("watching stdin"),
    }
}

pub(super) fn say_port(port: u16) -> Result<(), Failure> {
    answer::line(&format!("{{\"port\": {port}, \"version\": \"{}\"}}", env!("CARGO_PKG_VERSION")))
}

#[expect(clippy::cast_sign_loss, reason = "an open descriptor is not negative")]
pub(super) fn key_of(fd: &impl AsRawFd) -> usize {
    fd.as_raw_fd() as usize
}
