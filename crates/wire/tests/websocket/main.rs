//! What a connection decides once a WebSocket was asked for: one file for each subject.
//!
//! The driver is that of `support`, without an interpreter; a test decides on each input, and lets time pass.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../random_orders/draw.rs"]
#[allow(dead_code, reason = "it is shared")]
mod draw;
#[path = "../support/mod.rs"]
mod support;

mod closing;
mod faults;
mod flow;
mod handshake;
mod keepalive;
mod messages;
mod orders;
mod shutdown;
mod site;
