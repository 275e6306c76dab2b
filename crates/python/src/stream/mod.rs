//! A stream transport: what `asyncio.Transport` promises, over a connected socket.
//!
//! The decisions are `crates/stream`'s; here they meet the descriptor, the protocol and the loop. Every function that calls
//! the protocol, the exception handler or anything else of Python's does so with no borrow alive, and asks the state anew
//! afterwards: the connection may be closed, paused or given another protocol in there.
//!
//! | File        | What                                                            |
//! |-------------|-----------------------------------------------------------------|
//! | `state`     | what a transport consists of                                    |
//! | `read`      | bytes in: from readiness to the protocol                        |
//! | `reader`    | bytes in, for asyncio's own `StreamReader`                      |
//! | `protocol`  | both, for a protocol in Rust                                    |
//! | `write`     | bytes out: from `write()` to the kernel, at the end of the turn |
//! | `end`       | `write_eof()`, errors, letting go of the socket                 |
//! | `info`      | `get_extra_info()`                                              |
//! | `transport` | what differs from the other transports                          |
//! | `class`     | the methods and attributes as Python sees them                  |
//! | `open`      | making a transport, and finding those of a server               |

mod class;
mod end;
mod info;
mod open;
mod protocol;
mod read;
mod reader;
mod state;
mod transport;
mod write;

pub(crate) use class::make_class;
pub(crate) use info::addresses;
pub(crate) use open::{Connection, NewSocket, open, open_later, transports_of};
pub(crate) use protocol::{is_lost, tell_at_turn_end, write_parts};
pub(crate) use read::on_ready;
pub(crate) use state::{Stream, owns_descriptor};
pub(crate) use write::flush;
