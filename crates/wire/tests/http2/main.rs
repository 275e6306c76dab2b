//! What a connection of HTTP/2 decides about a hostile client, on a driver without an interpreter: published attacks, and
//! what RFC 9113 forbids.

#[path = "../support/mod.rs"]
mod support;

mod ending;
mod errors;
mod floods;
mod garbage;
mod memory;
mod resets;
