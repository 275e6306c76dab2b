//! A TLS transport: `asyncio.Transport` for the application, and the protocol of the transport below it.
//!
//! `stream::Tls` has the state and its rules; `ssl.SSLContext.wrap_bio` makes the connection, and an engine moves its
//! bytes. Whatever may run user code (callbacks of the context, the protocol, the transport below) runs with no borrow
//! alive; meanwhile the engine is taken out of the transport, and code that needs it finds it in use.
//!
//! | File        | Contents                                                              |
//! |-------------|-----------------------------------------------------------------------|
//! | `state`     | the value of a transport                                              |
//! | `engine`    | one interface to both engines                                         |
//! | `memory`    | the engine that drives an `ssl.SSLObject` over `ssl.MemoryBIO`s       |
//! | `below`     | the transport below                                                   |
//! | `failure`   | errors that end a connection                                          |
//! | `timer`     | the time limit of the handshake, and of the goodbye                   |
//! | `flow`      | pausing and resuming in both directions                               |
//! | `write`     | bytes out: gathered during a turn, encrypted at its end               |
//! | `read`      | bytes in: decrypting, and delivering by the protocol's kind           |
//! | `handshake` | the handshake, up to `connection_made` of the protocol                |
//! | `goodbye`   | close_notify in both directions                                       |
//! | `input`     | received ciphertext, by the phase of the connection                   |
//! | `lower`     | what the transport below calls                                        |
//! | `end`       | `close()` and `abort()`                                               |
//! | `info`      | `get_extra_info()`                                                    |
//! | `open`      | creating a transport                                                  |
//! | `native`    | the interface to protocols in Rust                                    |
//! | `methods`   | the methods for Python                                                |
//! | `class`     | the class: its attributes, and the garbage collector                  |

mod below;
mod class;
mod end;
mod engine;
mod failure;
mod flow;
mod goodbye;
mod handshake;
mod info;
mod input;
mod lower;
mod memory;
mod methods;
mod native;
mod open;
mod read;
mod state;
mod timer;
mod write;

pub(crate) use class::{make_class, obstacle};
pub(crate) use end::close;
pub(crate) use lower::schedule_end;
pub(crate) use native::{end_writing, is_lost, tell_at_turn_end, unsent, write_parts};
pub(crate) use open::{Parts, open};
pub(crate) use state::Tls;
pub(crate) use write::flush;
