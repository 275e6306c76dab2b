//! The opening handshake (RFC 6455 section 4.2) and the negotiation of permessage-deflate (RFC 7692 section 7.1).

#[path = "../support/mod.rs"]
mod support;

mod extensions;
mod requests;
