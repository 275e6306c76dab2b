//! A stream transport: `asyncio.Transport` over a connected socket.
//!
//! `crates/stream` makes the decisions; this module connects it to the descriptor, the protocol and the loop. Every
//! function that calls the protocol, the exception handler or other Python code does so with no borrow alive, and reads
//! the state again afterwards: the connection may have been closed, paused or given another protocol.
//!
//! | File        | Contents                                                        |
//! |-------------|-----------------------------------------------------------------|
//! | `state`     | the value of a transport                                        |
//! | `read`      | bytes in: from readiness to the protocol                        |
//! | `reader`    | bytes in, for asyncio's own `StreamReader`                      |
//! | `protocol`  | both, for a protocol in Rust                                    |
//! | `write`     | bytes out: from `write()` to the kernel, at the end of the turn |
//! | `end`       | `write_eof()`, errors, closing the socket                       |
//! | `info`      | `get_extra_info()`                                              |
//! | `transport` | the differences from other transports                           |
//! | `class`     | the methods and attributes for Python                           |
//! | `open`      | creating a transport, and listing those of a server             |
//! | `served`    | the server that counts a transport                              |

mod class;
mod end;
mod info;
mod open;
mod protocol;
mod read;
mod reader;
mod served;
mod state;
mod transport;
mod write;

pub(crate) use class::make_class;
pub(crate) use info::addresses;
pub(crate) use open::{Connection, NewSocket, open, open_later, transports_of};
pub(crate) use protocol::{is_lost, tell_at_turn_end, write_parts};
pub(crate) use read::{DATA_FAILED, on_ready};
pub(crate) use reader::{feed, read_mode_of, reader_of};
pub(crate) use served::{ConnectionCount, Served};
pub(crate) use state::{ReadMode, Stream, owns_descriptor};
pub(crate) use write::{flush, send_now};
