//! What native transports do alike, whatever they move their bytes with: ask the kernel, call the protocol, drain a queue.
//!
//! It knows no transport but by the trait: where one stands and what comes next is decided by its state, and who calls these
//! has no borrow alive, since all but the sending may run code of the user's.
//!
//! | File       | What                                                                       |
//! |------------|----------------------------------------------------------------------------|
//! | `life`     | what a transport is here; its beginning, its end, what the kernel is asked |
//! | `bytes`    | one read, what follows a write, sending a queue                            |
//! | `flow`     | pausing and resuming the protocol, the marks for that                      |
//! | `interest` | what the kernel is asked for, and who holds the transport meanwhile        |
//! | `telling`  | what a protocol is told of the beginning and the end; its exceptions       |
//! | `repr` | representations                                                            |

mod bytes;
mod callbacks;
mod flow;
mod interest;
mod life;
mod repr;

pub(crate) use bytes::{Next, follow, is_bytes_like, receive, send, unchanging};
pub(crate) use callbacks::{check_protocol, report_failure, schedule};
pub(crate) use flow::{
    high_water, limits, low_water, pause_if_high, protocol_paused, resume_if_low, set_limits,
};
pub(crate) use interest::alive;
pub(crate) use life::{
    Inner, Parts, Transport, begin, begin_and_wake, conclude, connection_lost, detach, finalize, lose,
    schedule_end, schedule_lost, settle,
};
pub(crate) use repr::{polling, repr, stage};
