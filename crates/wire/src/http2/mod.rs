//! HTTP/2 of a server (RFC 9113), around the crate `h2`, which only this folder knows: a connection, and its streams.
//!
//! Each stream is a machine of its own, with one request: for a driver and an interface it is what a connection of
//! HTTP/1.1 is. The machine of the connection has no request; it says which streams have begun and which have news.
//!
//! | File         | What                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `connection` | the connection: bytes in and out, its streams, its end                        |
//! | `expire`     | what a connection waits for, and a peer whose time is over                      |
//! | `end`        | the end that this side decides on                                             |
//! | `machine`    | which input means what to a connection                                        |
//! | `stream/`    | one request with its response                                                 |
//! | `tunnel/`    | a WebSocket over a stream                                                     |
//! | `head`       | heads of requests and responses, as h2 has them and as the crate `http` does  |
//! | `refuse`     | requests that no application gets                                             |
//! | `values`     | names and values of fields as h2 takes them                                   |
//! | `frames`     | a watch over the headers of frames: floods                                    |
//! | `window`     | how much content the peer takes, of all streams together                        |
//! | `walk`       | where frames begin and end                                                    |
//! | `content`    | which content a response may have                                             |
//! | `piece`      | content as h2 takes it                                                        |
//! | `priority`   | what a client says about the order of responses (RFC 9218)                    |
//! | `schedule`   | which stream may send next                                                    |
//! | `outbox`     | content that waits to be sent, and which of it h2 gets                        |
//! | `queue`      | the content of one response that waits                                        |
//! | `news`       | which streams have news                                                       |
//! | `unread`     | how much content waits for applications                                         |
//! | `memory`     | the transport that h2 reads and writes                                        |

mod connection;
mod content;
mod end;
mod expire;
mod frames;
mod head;
mod machine;
mod memory;
mod news;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod piece;
mod priority;
mod queue;
mod refuse;
mod schedule;
mod stream;
mod tunnel;
mod unread;
mod values;
mod walk;
mod window;

pub use connection::{Connection, StreamNews};
pub use stream::Stream;
pub use tunnel::Tunnel;
