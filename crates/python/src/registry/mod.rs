//! The registrations of a loop with the kernel: its poller, and the table that the poller follows.
//!
//! The table is authoritative; its changes are passed to the kernel. The registry does not call Python: it returns the
//! objects that a change removes to the caller, who cancels and drops them outside every borrow.
//!
//! | File | Contents |
//! |---|---|
//! | `entry` | the registrations of one descriptor: callbacks, `sock_*` operations, transports |
//! | `table` | the entries, by number and by token |
//! | `identity` | whether the file behind a number is still the one that was registered, and what follows if not |
//! | `callbacks` | `add_reader` and similar calls |
//! | `operations` | the waits of `sock_*` |
//! | `sources` | transports and listeners |
//! | `poller` | polls, and repeating registrations with the kernel |

mod callbacks;
mod entry;
mod identity;
mod operations;
mod poller;
mod sources;
mod table;

use std::os::fd::RawFd;

use reactor::{Poller, SignalPipe};

pub(crate) use entry::{
    Direction, Entry, Evicted, ReadyEvent, Recipient, Source, SourceKind, Waits, is_live,
};
pub(crate) use poller::SIGNALS;
use table::Table;

pub(crate) struct Registry {
    /// Absent while the loop's thread sleeps in it, detached, and after `close()`. Boxed, because it is moved for
    /// each sleep.
    pub(crate) poller: Option<Box<Poller>>,
    pub(crate) table: Table,
    /// Descriptors whose entry changed while the poller was away. Their changes are passed to the kernel afterwards.
    unsettled: Vec<RawFd>,
    /// Listening sockets from which other processes accept as well. They are watched exclusively.
    shared: Vec<RawFd>,
    pub(crate) signals: Option<SignalPipe>,
    /// Whether the loop has signal handlers, for whose numbers it has to poll.
    pub(crate) has_signal_handlers: bool,
    /// The end of the pipe that is the process's wake-up descriptor, while the loop has taken it.
    pub(crate) wakeup: Option<RawFd>,
    /// Whether signal numbers are passed on to a previous owner of the wake-up descriptor, for which the loop has to
    /// poll.
    pub(crate) hands_signals_on: bool,
    /// The process that the descriptors belong to: after `fork()` they are shared and have to be created again.
    pub(crate) process: u32,
    /// Events since the last rebuild that concerned no entry.
    stale_events: u32,
}

impl Registry {
    pub(crate) fn new(poller: Poller) -> Self {
        Self {
            poller: Some(Box::new(poller)),
            table: Table::default(),
            unsettled: Vec::new(),
            shared: Vec::new(),
            signals: None,
            has_signal_handlers: false,
            wakeup: None,
            hands_signals_on: false,
            process: std::process::id(),
            stale_events: 0,
        }
    }
}
