//! Asks a terminal whether its other side is still there.

use std::os::fd::RawFd;

use super::retried;

/// Returns whether a descriptor is a terminal that has not been hung up. A read of such a terminal that returns no bytes
/// is the end of what was typed so far (`VEOF`, usually Ctrl-D); later reads may return more.
pub fn is_open_terminal(fd: RawFd) -> bool {
    // SAFETY: takes no pointer, and returns 0 for a number that is not open.
    if unsafe { libc::isatty(fd) } == 0 {
        return false;
    }
    let mut entry = libc::pollfd { fd, events: 0, revents: 0 };
    // SAFETY: one entry, which is writable and outlives the call.
    let polled = retried(|| unsafe { libc::poll(&raw mut entry, 1, 0) });
    polled.is_ok() && entry.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) == 0
}
