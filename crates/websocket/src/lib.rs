//! WebSocket for servers: received bytes in, messages out, and frames encoded.
//!
//! The crate does no I/O, reads no clock and knows neither HTTP nor an application. It is strict: bytes that break a rule of
//! RFC 6455 or RFC 7692 are an error with its close code, and everything that a peer sends is limited. A message that lies
//! whole in the input is not copied.
//!
//! | To know                                     | Ask                                            |
//! |---------------------------------------------|------------------------------------------------|
//! | whether a request is a handshake, and to answer it | [`Handshake`], [`subprotocols`], [`is_token`] |
//! | what came next                              | [`Receiver`], [`Event`], [`Payload`]           |
//! | how much a peer may send                    | [`Limits`]                                     |
//! | what is wrong with a frame                  | [`ProtocolError`]                              |
//! | to send                                     | [`Sender`], [`ping`], [`pong`], [`close`]      |
//! | how messages are compressed                 | [`DeflateSettings`], [`Agreed`]                |
//! | what connections share                      | [`Workspace`]                                  |

//!
//! The memory of a connection, as `tests/deflate/memory.rs` counts it:
//!
//! | What                                                              | Bytes                                  |
//! |-------------------------------------------------------------------|----------------------------------------|
//! | a [`Receiver`] and a [`Sender`], between two messages             | 99                                     |
//! | the context of a client that keeps one, after traffic             | a window (4096 for 12 bits) and 32     |
//! | a message that arrives in parts                                   | at most twice what has arrived, 4096 at least |
//! | once for a thread: compressor, inflater, buffer for a message     | 266,000 (for 12 bits); 48,000; at most 65,536 |

#![forbid(unsafe_code)]

mod close;
mod compress;
mod error;
mod event;
mod handshake;
mod head;
mod inflate;
mod limits;
mod list;
mod mask;
mod message;
mod negotiation;
mod receiver;
mod sender;
mod text;
mod workspace;

pub use close::may_be_sent;
pub use error::ProtocolError;
pub use event::{Event, Kind, Payload};
pub use handshake::{Handshake, HandshakeError, subprotocols};
pub use limits::Limits;
pub use list::is_token;
pub use mask::unmask;
pub use negotiation::{Agreed, DeflateSettings};
pub use receiver::Receiver;
pub use sender::{Sender, close, ping, pong};
pub use workspace::Workspace;
