//! A datagram endpoint: what `asyncio.DatagramTransport` promises, over a UDP or a Unix socket.
//!
//! The decisions are `crates/stream`'s; here they meet the descriptor, the protocol and the loop. Every function that calls
//! the protocol, the exception handler or the socket object does so with no borrow alive, and asks the state anew
//! afterwards: the endpoint may be closed, paused or given another protocol in there.
//!
//! | File        | What                                                |
//! |-------------|-----------------------------------------------------|
//! | `state`     | what an endpoint consists of                        |
//! | `read`      | datagrams in: from readiness to the protocol        |
//! | `write`     | datagrams out: at once, or when the kernel has room |
//! | `route`     | addresses: whom a datagram is for, and who sent one |
//! | `end`       | errors, letting go of the socket                    |
//! | `transport` | what differs from the other transports              |
//! | `class`     | the methods as Python sees them                     |
//! | `open`      | making an endpoint                                  |

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
