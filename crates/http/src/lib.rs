//! HTTP/1.1 as a server speaks it: bytes in, events out, and responses encoded.
//!
//! The crate does no I/O, keeps no clock and knows no application; it can be used, tested and fuzzed alone. It is strict:
//! whatever two readers could understand in two ways is refused (RFC 9110, RFC 9112), and everything that a peer may
//! send has a limit. Nothing that arrives is copied but heads, and what has to wait.
//!
//! | To know                                     | Ask                          |
//! |---------------------------------------------|------------------------------|
//! | what came next, and to answer it            | [`Connection`], [`Event`]    |
//! | what a request says                         | [`Head`], [`Fields`]         |
//! | how much a peer may send                    | [`Limits`]                   |
//! | what is wrong with a request                | [`RemoteProtocolError`]                  |
//! | what is wrong with a response               | [`LocalProtocolError`]                   |
//! | whether the connection goes on              | [`Persistence`]                    |

#![forbid(unsafe_code)]

mod backlog;
mod body;
mod bytes;
mod connection;
mod encode;
mod error;
mod event;
mod fields;
mod framing;
mod head;
mod limits;
mod outgoing;
mod read;
mod response;
mod scan;
mod state;
mod status;
mod target;

pub use connection::Connection;
pub use encode::{DefaultHeaders, check_field};
pub use error::{LocalProtocolError, RemoteProtocolError, RemoteProtocolErrorKind};
pub use event::Event;
pub use fields::Fields;
pub use framing::Framing;
pub use head::{Head, Version};
pub use limits::Limits;
pub use response::{CHUNK_END, Frame, Length, NO_FIELDS};
pub use state::Persistence;
pub use target::TargetForm;
