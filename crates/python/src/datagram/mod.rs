//! A datagram endpoint: `asyncio.DatagramTransport` over a UDP or a Unix socket.
//!
//! `crates/stream` makes the decisions; this module connects it to the descriptor, the protocol and the loop. Every
//! function that calls the protocol, the exception handler or the socket object does so with no borrow alive, and reads
//! the state again afterwards: the endpoint may have been closed, paused or given another protocol.
//!
//! | File        | Contents                                            |
//! |-------------|-----------------------------------------------------|
//! | `state`     | the value of an endpoint                            |
//! | `read`      | datagrams in: from readiness to the protocol        |
//! | `write`     | datagrams out: at once, or when the kernel has room |
//! | `route`     | addresses: the receivers and senders of datagrams   |
//! | `end`       | errors, closing the socket                          |
//! | `transport` | the differences from other transports               |
//! | `class`     | the methods for Python                              |
//! | `open`      | creating an endpoint                                |

mod class;
mod end;
mod open;
mod read;
mod route;
mod state;
mod transport;
mod write;

pub(crate) use class::make_class;
pub(crate) use open::{New, open_later};
pub(crate) use read::on_ready;
pub(crate) use state::Endpoint;
