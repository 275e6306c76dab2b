//! What transports do alike, whatever they move their bytes with: ask the kernel, call the protocol, drain a queue.
//!
//! It knows no kind of transport but by the trait [`Inner`]: the state of each decides where it stands and what comes next. No
//! borrow is alive when these are called, since all but the sending may run code of the user's.
//!
//! | File        | What                                                                 |
//! |-------------|----------------------------------------------------------------------|
//! | `state`     | what a transport consists of, and what each kind has to say          |
//! | `lifecycle` | its beginning, its end, what the kernel is asked                     |
//! | `bytes`     | one read, what follows a write, sending a queue                      |
//! | `flow`      | pausing and resuming the protocol, the marks for that                |
//! | `interest`  | what the kernel is asked for, and who holds the transport meanwhile  |
//! | `callbacks` | what a protocol is told of the beginning and the end; its exceptions |
//! | `repr`      | representations                                                      |
//! | `class`     | the methods and attributes that all transports have                  |

mod bytes;
mod callbacks;
mod class;
mod flow;
mod interest;
mod lifecycle;
mod repr;
mod state;

pub(crate) use bytes::{AfterWrite, after_write, is_bytes_like, receive, send, unchanging};
pub(crate) use callbacks::{check_protocol, report_failure, report_fatal, schedule};
pub(crate) use class::{
    definition, force_close_method, held, method, number, pause_reading, reading_getters, reading_methods,
    resume_reading, writing_getters, writing_methods,
};
pub(crate) use flow::pause_if_high;
pub(crate) use interest::alive;
pub(crate) use lifecycle::{
    after_send, begin, close, dispose, force_close, open, schedule_begin, schedule_end, schedule_lost,
    update_interest,
};
pub(crate) use repr::{polling, repr, stage};
pub(crate) use state::{Common, Inner, Transport};
