//! HTTP/2: frames of a client in any order and pieces, its windows, its pace, and applications of several streams.
//!
//! The model is written without the crate `h2`: `client` knows what was sent, `reader` what may come, `promises` what has to
//! come of it.

mod client;
pub(crate) mod order;
mod promises;
mod reader;
mod settings;
mod streams;
mod world;
