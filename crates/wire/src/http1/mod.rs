//! HTTP/1.1 of a server (RFC 9110, RFC 9112): one connection, from its first byte to its last.
//!
//! | File         | What                                                                        |
//! |--------------|-----------------------------------------------------------------------------|
//! | `machine`    | which input means what                                                      |
//! | `receive`    | bytes in: the next request, its content, errors                             |
//! | `respond`    | a whole response in one call                                                |
//! | `send`       | messages of an application become heads, content and trailers               |
//! | `end`        | the end of a request and of a connection                                    |
//! | `expire`     | a peer whose time is over                                                   |
//! | `connection` | the state of a connection, as a table                                       |
//! | `preface`    | what a client of HTTP/2 sends first                                         |
//! | `upgrade`    | a request for another protocol, and what is passed on to that               |
//!
//! The crate `http` has the syntax: what is a request, and how a response is framed.

mod connection;
mod end;
mod expire;
mod machine;
mod preface;
mod receive;
mod respond;
mod send;
mod upgrade;

pub use connection::Connection;
pub(crate) use preface::Begun;
