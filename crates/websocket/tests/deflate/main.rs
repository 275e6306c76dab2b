//! permessage-deflate (RFC 7692): messages of clients with and without context, hostile ones, and what is sent.

#[path = "../support/peer.rs"]
mod peer;
#[path = "../support/mod.rs"]
mod support;

mod hostile;
mod memory;
mod receiving;
mod sending;

/// A client that keeps no context: all share an inflater.
pub(crate) const SHARED: &str = "permessage-deflate; client_no_context_takeover";
/// A client that keeps its context, with a window of at most 12 bits.
pub(crate) const OWN: &str = "permessage-deflate; client_max_window_bits";
