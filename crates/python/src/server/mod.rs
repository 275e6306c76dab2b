//! The HTTP server inside the loop: requests become calls of an ASGI application on the thread that has read them.
//!
//! The parser runs in the stream's read callback (`stream_protocol`); on any other transport, TLS among them, in
//! `data_received`. An application's task takes its first step at once; what it sends leaves with the turn's writes.
//! Nothing of Python runs while a connection's state is borrowed: what has to be called is decided first, then called.
//!
//! | File         | What                                                                     |
//! |--------------|--------------------------------------------------------------------------|
//! | `http_server`        | `HttpServer`: what all connections of one server share                   |
//! | `settings`   | its options                                                              |
//! | `connection` | the protocol of one connection: what it consists of, where it stands     |
//! | `class`      | the protocol as Python sees it                                           |
//! | `intake`     | bytes in: events of the parser, requests that begin, refusals            |
//! | `scope`      | a request's head as ASGI's `scope`                                       |
//! | `request`    | one request: running the application, the end of its task                |
//! | `cycle`   | `receive` and `send`, bound to one request                               |
//! | `awaitable`  | what they return: done already, or waiting                               |
//! | `message`    | reading what an application sends                                        |
//! | `respond`    | bytes out, and the end of a response                                     |
//! | `encode`     | heads, content and trailers as bytes                                     |
//! | `file`       | a response out of a file                                                 |
//! | `disconnect` | a client that leaves, and what is still sent to it                       |
//! | `ending`     | closing, losing and handing over a connection                            |
//! | `deadline`   | how long a peer may take                                                 |
//! | `body_rate`       | how fast content has to come                                             |
//! | `upgrade`    | who speaks another protocol than HTTP                                    |
//! | `access`     | lines of the access log                                                  |
//! | `date`       | the `date` field                                                         |
//! | `transport`       | the transport, a stream of ours or any other                             |
//! | `names`      | strings and bytes that every request needs                               |
//! | `process`    | for `vitok.http`: lines that wait for nobody, an end that comes          |

mod access;
mod awaitable;
mod body_rate;
mod class;
mod close;
mod connection;
mod date;
mod deadline;
mod disconnect;
mod encode;
mod file;
mod http_server;
mod input;
mod message;
mod names;
mod process;
mod request;
mod request_cycle;
mod respond;
mod scope;
mod settings;
mod transport;
mod upgrade;

use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;

use self::connection::Protocol;
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::stream_protocol::{self, StreamProtocol};

/// What a stream calls without Python in between.
static NATIVE: StreamProtocol = StreamProtocol {
    received: |protocol, data| input::received(known(protocol)?, data),
    turn_ends: |protocol| respond::turn_ends(known(protocol)?),
};

/// A protocol that a stream has seen to be of our class.
#[inline(always)]
fn known(protocol: Borrowed<'_>) -> PyResult<This<'_, Protocol>> {
    This::cast(protocol).ok_or_else(|| new_error::<PyTypeError>("not an HttpProtocol"))
}

/// Puts the classes into the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<http_server::HttpServer>()?;
    process::add(module)?;
    stream_protocol::register_factory(module.py().get_type::<http_server::HttpServer>().as_any());
    names::load(module.py())?;
    // PyO3 looks the class up at the first use, and panics where there is no memory for that.
    CancelledError::type_object(module.py());
    awaitable::make_class(module)?;
    request_cycle::make_class(module)?;
    let protocol = class::make_class(module)?;
    stream_protocol::register(&protocol, &NATIVE);
    Ok(())
}
