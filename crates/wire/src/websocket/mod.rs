//! WebSocket of a server (RFC 6455): one connection, from the acceptance of its handshake to its end.
//!
//! | File         | What                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `machine`    | which input means what                                                        |
//! | `receive`    | bytes in: messages for the interface, pings, the peer's close                 |
//! | `send`       | messages of an application become frames                                      |
//! | `end`        | who ends the connection, and how                                              |
//! | `expire`     | keepalive, and a peer whose time is over                                      |
//! | `connection` | the state of a connection, as a table                                         |
//!
//! The crate `websocket` has the syntax: what is a frame, and what is a message. How the handshake got here is not known:
//! by an upgrade of HTTP/1.1, or by another wire that passes on the same (`upgraded`).

mod connection;
mod end;
mod expire;
mod machine;
mod receive;
mod send;

pub use connection::Connection;
