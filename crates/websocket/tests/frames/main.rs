//! Frames without compression: the rules of RFC 6455 section 5, and what is sent.

#[path = "../support/mod.rs"]
mod support;

mod control;
mod errors;
mod heads;
mod limits;
mod masking;
mod messages;
mod sending;
mod text;
