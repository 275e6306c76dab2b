//! The common behaviour of transports, independent of how they move bytes: asking the kernel for events, calling the
//! protocol, sending a queue.
//!
//! The module knows the kinds of transports only through the trait [`Inner`]; the state of each transport makes the
//! decisions. No borrow is alive when these functions are called, since all except those that send may run user code.
//!
//! | File        | Contents                                                             |
//! |-------------|----------------------------------------------------------------------|
//! | `state`     | the value of a transport, and the functions of each kind             |
//! | `lifecycle` | the beginning, the end, and the interest for the kernel              |
//! | `bytes`     | one read, the steps after a write, sending a queue                   |
//! | `flow`      | pausing and resuming the protocol, and the marks for that            |
//! | `interest`  | the events that the kernel is asked for, and the owner meanwhile     |
//! | `callbacks` | `connection_made`, `connection_lost`, and exceptions of the protocol |
//! | `repr`      | representations                                                      |
//! | `class`     | the methods and attributes that all transports have                  |

mod bytes;
mod callbacks;
mod class;
mod flow;
mod interest;
mod lifecycle;
mod lines;
mod repr;
mod state;

pub(crate) use bytes::{AfterWrite, after_write, is_bytes_like, receive, send, unchanging};
pub(crate) use callbacks::{check_protocol, report_failure, report_fatal, runs_elsewhere, schedule};
pub(crate) use class::{
    checked, definition, force_close_method, held, method, number, pause_reading, reading_getters,
    reading_methods, resume_reading, writing_getters, writing_methods,
};
pub(crate) use flow::{given_limits, pause_if_high};
pub(crate) use interest::alive;
pub(crate) use lifecycle::{
    after_send, begin, close, connection_lost, dispose, force_close, open, owe_end, schedule_begin,
    schedule_end, schedule_lost, update_interest,
};
pub(crate) use lines::{LineCall, unchanging_lines};
pub(crate) use repr::{polling, repr, stage};
pub(crate) use state::{Common, Inner, Transport};
