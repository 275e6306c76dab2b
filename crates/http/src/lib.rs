//! HTTP/1.1 for servers: received bytes in, events out, and responses encoded. The heads of HTTP/2 are checked here, too.
//!
//! The crate does no I/O, reads no clock and knows no application, so that each can be replaced in tests and fuzzing.
//! It is strict: a request that two readers could understand differently is refused (RFC 9110, RFC 9112), and
//! everything that a peer sends is limited. Only heads and bytes that have to wait are copied.
//!
//! | To know                                     | Ask                          |
//! |---------------------------------------------|------------------------------|
//! | what came next, and to answer it            | [`Connection`], [`Event`]    |
//! | what a request says                         | [`Head`], [`Fields`]         |
//! | how much a peer may send                    | [`Limits`]                   |
//! | what is wrong with a request                | [`RemoteProtocolError`]      |
//! | what is wrong with a response               | [`LocalProtocolError`]       |
//! | whether the connection goes on              | [`Persistence`]                    |

#![forbid(unsafe_code)]

mod backlog;
mod body;
mod bytes;
mod connection;
mod connection_options;
mod date;
mod encode;
mod error;
mod event;
mod fields;
mod framing;
mod head;
mod head_http2;
mod head_lines;
mod head_of;
mod limits;
mod message;
mod message_error;
mod message_limits;
mod message_rules;
mod methods;
mod outgoing;
mod read;
mod response;
mod scan;
mod state;
mod status;
mod target;
mod url;
mod whole_head;

pub use connection::Connection;
pub use date::{DATE_LENGTH, date};
pub use encode::{DefaultHeaders, check_field};
pub use error::{LocalProtocolError, RemoteProtocolError, RemoteProtocolErrorKind};
pub use event::Event;
pub use fields::Fields;
pub use framing::Framing;
pub use head::{Head, Version};
pub use head_http2::Http2Request;
pub use head_lines::FieldLine;
pub use limits::Limits;
pub use message::{MessageEvent, MessageParser, Role};
pub use message_error::{MessageError, MessageErrorKind};
pub use message_limits::MessageLimits;
pub use outgoing::told_length;
pub use response::{CHUNK_END, Frame, Length, NO_FIELDS};
pub use state::Persistence;
pub use target::{TargetForm, percent_decoded};
pub use url::Url;
pub use whole_head::{FieldSlots, WholeFields};
