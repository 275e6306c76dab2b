//! The interface to the kernel, and the only place of the crate with `unsafe`, apart from `socket`.
//!
//! A backend is one file and one type that implements [`Backend`]. It follows these rules, which `tests/contract/`
//! checks on every real backend:
//!
//! - It owns the kernel's set, its buffer of events and its waker. The waker is watched from the start, under
//!   [`Token::WAKER`]; each wake is one event, and the caller need not read anything.
//! - `register` and `reregister` do what they are asked for, whatever the kernel knew of that number before: numbers
//!   are closed elsewhere and reused. `deregister` of a descriptor that is gone is no error.
//! - A condition that holds at the time of a change is reported by the next wait, with both triggers.
//! - `wait` never returns before its timeout without an event. It does not repeat a wait that a signal ended.
//! - After `arm` has returned true, `has_news` is true from the moment at which the set gets an event that a wait made
//!   before `arm` did not see. It may be true without one. A backend that cannot tell never arms.
//! - The events of a wait stay readable until the next one, also across `start_over`.
//! - Descriptors close on exec, and are closed once.
//!
//! | Backend         | Where                            | One event for both directions | Refuses regular files | Can be armed      |
//! |-----------------|----------------------------------|-------------------------------|-----------------------|-------------------|
//! | [`epoll`]       | Linux, Android                   | yes                           | yes                   | with io_uring 6.1 |
//! | `kqueue`        | macOS, FreeBSD                   | no, two of the same wait      | no                    | no                |
//! | `kqueue`        | Linux, feature `libkqueue`       | no, two of the same wait      | no                    | no                |

use std::fmt;
use std::io;
use std::os::fd::RawFd;

use crate::{Event, Interest, Modified, Timeout, Token, Trigger};

pub(crate) mod cached_file;
pub(crate) mod clock;
pub(crate) mod descriptor;
pub(crate) mod process;
pub(crate) mod socket;
mod waker;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod epoll;
// The architectures of Cargo.toml, for which the io_uring crate has bindings.
#[cfg(any(target_os = "macos", target_os = "freebsd", feature = "libkqueue"))]
pub mod kqueue;
#[cfg(all(feature = "libkqueue", target_os = "linux"))]
mod libkqueue;
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "powerpc64"
        )
    )),
    path = "no_ready_hint.rs"
)]
#[cfg(any(target_os = "linux", target_os = "android"))]
mod ready_hint;

#[cfg(test)]
mod tests;

/// The best backend of this system.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use epoll::Epoll as Default;
/// The best backend of this system.
#[cfg(any(target_os = "macos", target_os = "freebsd"))]
pub use kqueue::Kqueue as Default;

pub use waker::{Wake, Waker};

/// A backend. The rules are at the top of this file. [`crate::Poller`] is the only caller, and the documentation of its
/// methods on arguments and errors applies here.
pub trait Backend: fmt::Debug + Send + Sized {
    /// Creates an empty set with its waker.
    ///
    /// # Errors
    ///
    /// The kernel's, if there are no more descriptors.
    fn new() -> io::Result<Self>;

    /// Returns the system call of the next wait.
    fn name(&self) -> &'static str;

    /// Returns the means for other threads to end a wait.
    fn waker(&self) -> Waker;

    /// Watches a descriptor.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn register(&mut self, fd: RawFd, token: Token, interest: Interest, trigger: Trigger) -> io::Result<()>;

    /// Watches a descriptor for other events, and returns whether it was watched until now, if that can be known.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn reregister(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Modified>;

    /// Stops watching a descriptor.
    ///
    /// # Errors
    ///
    /// The kernel's, except those that say that it is not watched.
    fn deregister(&mut self, fd: RawFd, interest: Interest) -> io::Result<()>;

    /// Sleeps until there are events, and returns their number.
    ///
    /// # Errors
    ///
    /// The kernel's, [`io::ErrorKind::Interrupted`] among them.
    fn wait(&mut self, timeout: Timeout) -> io::Result<usize>;

    /// Returns an event of the last wait.
    ///
    /// # Panics
    ///
    /// The index is not below the number that the last wait returned.
    fn event(&self, index: usize) -> Event;

    /// Starts to watch the set itself, so that [`has_news`](Self::has_news) reports its next event without a system
    /// call. Returns false where the system has no means for that; `has_news` then means nothing.
    fn arm(&mut self) -> bool {
        false
    }

    /// Makes every later [`arm`](Self::arm) return false.
    fn refuse_hints(&mut self) {}

    /// Returns whether the set may have got an event since the last [`arm`](Self::arm) that returned true.
    fn has_news(&mut self) -> bool {
        true
    }

    /// Replaces the set by an empty one. Wakers that were handed out wake the new one, and nothing is armed.
    ///
    /// This has to work in the child of a `fork()`, without changing anything of the parent.
    ///
    /// # Errors
    ///
    /// The kernel's. The call can be repeated then.
    fn start_over(&mut self) -> io::Result<()>;
}

/// Converts the kernel's `-1` to the error in `errno`.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
