//! The kernel's side of an event loop: readiness, time, and waking a loop that sleeps.
//!
//! The crate turns the interfaces of the operating system (epoll, kqueue, eventfd, a monotonic clock) into a few plain
//! types from which a loop is built. It knows nothing of Python, protocols or callbacks: the caller decides what tokens
//! and deadlines stand for. Unsafe code is in [`sys`] and [`socket`] only.
//!
//! | To                                        | Use                                 |
//! |-------------------------------------------|-------------------------------------|
//! | wait for descriptors                      | [`Poller`], [`Interest`], [`Event`] |
//! | find what an event belongs to             | [`Slab`], [`Token`]                |
//! | run things later                          | [`Timers`], [`Deadline`]            |
//! | wake the loop from another thread         | [`Wakeup`], [`Waker`]             |
//! | receive signals                           | [`SignalPipe`]                      |
//! | make connections, move bytes, datagrams   | [`socket`], [`Address`]             |
//! | open and read files without waiting       | [`open_cached`], [`read_cached`]    |
//! | write lines without waiting               | [`Lines`]                           |
//! | end the process, now or at a set time     | [`end_process`], [`exit_after`]     |

mod address;
pub mod clock;
mod deadline;
mod exit;
mod interest;
mod lines;
mod poll_budget;
mod poller;
mod signals;
mod slab;
pub mod socket;
pub mod sys;
mod timers;
mod token;
mod wait;
mod wakeup;

pub use address::Address;
pub use clock::{monotonic_ns, seconds};
pub use deadline::Deadline;
pub use exit::{Exit, end_process, exit_after};
pub use interest::{Interest, Modified, Readiness, Trigger};
pub use lines::{Lines, Progress, WAITING_AT_MOST};
pub use poll_budget::{PollBudget, PollStep};
pub use poller::Poller;
pub use signals::SignalPipe;
pub use slab::Slab;
pub use sys::cached_file::{Reach, open_cached, read_cached};
pub use sys::descriptor::{file_behind, offer, reopen, set_blocking};
pub use sys::{Backend, Waker};
pub use timers::Timers;
pub use token::Token;
pub use wait::{Event, MAX_WAIT, Timeout};
pub use wakeup::Wakeup;
