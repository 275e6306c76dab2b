//! The transports of pipes: `asyncio.ReadTransport` and `asyncio.WriteTransport` over a FIFO, a terminal, a socket or any other
//! character device.
//!
//! Both are one kind of object inside: a reader's queue stays empty. The file object is the one owner of the descriptor, and
//! it is closed, never the number behind it. The decisions are `crates/stream`'s. Every function that calls the protocol, the
//! exception handler or the file object does so with no borrow alive, and asks the state anew afterwards.
//!
//! | File        | What                                    |
//! |-------------|-----------------------------------------|
//! | `state`     | what a transport consists of            |
//! | `read`      | bytes in                                |
//! | `write`     | bytes out, and that the reader has left |
//! | `end`       | closing the file, and the other half    |
//! | `info`      | the representation                      |
//! | `transport` | what differs from the other transports  |
//! | `class`     | the methods as Python sees them         |
//! | `open`      | the loop's methods that make transports |

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
