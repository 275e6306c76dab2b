//! What a connection of HTTP/1.1 decides, from its first byte to its last: one file for each subject.
//!
//! The driver is that of `support`, without an interpreter; a test decides on each input, and lets time pass.

#[path = "../support/mod.rs"]
mod support;

mod body_rate;
mod deadlines;
mod disconnect;
mod expect;
mod failures;
mod files;
mod flow;
mod framing;
mod hints_and_trailers;
mod keep_alive;
mod lingering;
mod log;
mod misuse;
mod no_content;
mod pipelining;
mod receive;
mod refusals;
mod respond;
mod shutdown;
mod site;
mod smuggling;
mod starting;
mod unread;
mod upgrade;
mod watch;
