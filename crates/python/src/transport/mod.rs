//! What native transports do alike, whatever they move their bytes with: ask the kernel, call the protocol, drain a queue.
//!
//! It knows no transport: where one stands and what comes next is decided by its owner, which calls these with no borrow
//! alive, since all but the sending may run code of the user's.
//!
//! | File       | What                                                            |
//! |------------|-----------------------------------------------------------------|
//! | `bytes`    | one read, what a write has to do, sending a queue               |
//! | `interest` | what the kernel is asked for                                    |
//! | `flow`     | pausing and resuming the protocol, the marks for that           |
//! | `telling`  | the beginning, the end and the exceptions of a protocol         |

mod bytes;
mod flow;
mod interest;
mod telling;

pub(crate) use bytes::{Next, is_bytes_like, receive, send, unchanging};
pub(crate) use flow::{
    FlowControlled, high_water, limits, low_water, pause_writing, protocol_paused, resume_writing, set_limits,
};
pub(crate) use interest::{alive, ask_kernel, interest_of};
pub(crate) use telling::{
    call_connection_lost, call_connection_made, check_protocol, report_failure, schedule, schedule_lost, wake,
};
