//! The transports of pipes: `asyncio.ReadTransport` and `asyncio.WriteTransport` over a FIFO, a terminal, a socket or
//! any other character device.
//!
//! Readers and writers have the same type; a reader's queue stays empty. The file object owns the descriptor, so the
//! object is closed, never the number. `crates/stream` makes the decisions. Every function that calls the protocol, the
//! exception handler or the file object does so with no borrow alive, and reads the state again afterwards.
//!
//! | File        | Contents                                |
//! |-------------|-----------------------------------------|
//! | `state`     | the value of a transport                |
//! | `read`      | bytes in                                |
//! | `write`     | bytes out, and the end of the reader    |
//! | `end`       | closing the file, and the other half    |
//! | `info`      | the representation                      |
//! | `transport` | the differences from other transports   |
//! | `class`     | the methods for Python                  |
//! | `open`      | the loop's methods for new transports   |

mod class;
mod end;
mod info;
mod open;
mod read;
mod state;
mod transport;
mod write;

pub(crate) use class::make_classes;
pub(crate) use open::methods;
pub(crate) use read::on_readable;
pub(crate) use state::Pipe;
pub(crate) use write::{flush, on_ready};
