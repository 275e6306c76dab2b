//! Signals: how a loop gets the wake-up descriptor of the process, and what happens to numbers that arrive.
//!
//! CPython's C handler writes the number of each signal to that one descriptor. A loop in the main thread holds it
//! while it runs, so that a signal ends its sleep at once, and for as long as it has handlers of its own.
//!
//! | File | Contents |
//! |---|---|
//! | `wakeup_fd` | taking the descriptor, giving it back, and the child of a `fork()` |
//! | `owners` | its owner and previous owners: one list for all loops of a process |
//! | `deliver` | reading the numbers, passing them on, and calling the loop's handlers |

mod deliver;
mod owners;
mod wakeup_fd;

pub(crate) use deliver::deliver;
pub(crate) use wakeup_fd::{close_pipe, forget, hold, hold_if_possible, register_at_fork, release, update};
