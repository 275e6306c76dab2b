//! HTTP/1.1 as a server speaks it: bytes in, events out.
//!
//! The crate does no I/O, keeps no clock and knows no application; it can be used, tested and fuzzed alone. It begins
//! with what every parser has to be able to say: that it refuses a request, and why.

#![forbid(unsafe_code)]

mod error;

pub use error::Refusal;
