//! What a peer speaks, as machines: inputs in, actions and encoded bytes out.
//!
//! A machine decides everything about one connection of a server: which request comes next, what is written and when,
//! when reading pauses, how long a peer may take, and how the connection ends. It has no descriptor, no clock and no
//! application. A driver feeds it and performs the actions; an interface (ASGI, for example) gets the requests and
//! answers them. So a wire knows no interface, and an interface no wire:
//!
//! | To know                                            | Ask                                              |
//! |----------------------------------------------------|--------------------------------------------------|
//! | what a driver tells a machine, and what it gets    | [`Wire`], [`Input`], [`Action`]                  |
//! | what takes the content of requests                 | [`Interface`]                                    |
//! | what an application sends and receives             | [`Message`], [`Received`], [`Outcome`]           |
//! | limits and times                                   | [`Settings`]                                     |
//! | a connection, whatever is spoken over it           | [`Connection`]                                   |
//! | lines of an access log                             | [`access`]                                       |
//! | HTTP/1.1                                           | [`http1`]                                        |
//! | HTTP/2, and its streams                            | [`Connection::speak_http2`], [`StreamNews`]      |
//! | WebSocket                                          | [`websocket`]                                    |

#![forbid(unsafe_code)]

pub mod access;
mod action;
mod body_rate;
mod connection;
mod deadline;
pub mod http1;
pub mod http2;
mod input;
mod linger;
mod log;
mod machine;
mod message;
mod noted;
mod read_buffer;
mod record;
mod reply;
mod settings;
mod time_limit;
mod upgraded;
pub mod websocket;

pub use action::{Action, Actions};
pub use connection::Connection;
pub use http2::StreamNews;
pub use input::{HalfClose, Input, Shutdown};
pub use log::{CLIENT_LEFT, LogEnd, LogKind, LogRecord};
pub use machine::{Interface, Wire};
pub use message::{
    Ending, Finished, Message, OutOfOrder, Outcome, Received, RequestId, Response, SendError, Sent, Wait,
};
pub use noted::{HeadPart, Noted, NotedParts};
pub use settings::{
    Context, FloodLimits, Http2Settings, Settings, Tick, Ticks, Upgrades, Versions, WebSocketSettings,
};
