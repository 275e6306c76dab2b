//! The HTTP server inside the loop: requests become calls of an ASGI application on the thread that has read them.
//!
//! The parser runs in the stream's read callback (`stream_protocol`), or in `data_received` on any other transport,
//! such as TLS. An application's task takes its first step at once; its messages are sent with the turn's writes. No
//! Python code runs while a connection's state is borrowed: calls are decided first, then made.
//!
//! | File            | What                                                                  |
//! |-----------------|-----------------------------------------------------------------------|
//! | `http_server`   | `HttpServer`: the shared state of all connections of one server       |
//! | `waiters`       | futures that its counts complete: drained, requests that have ended   |
//! | `settings`      | its options                                                           |
//! | `connection`    | the protocol of one connection: its parts and its state               |
//! | `class`         | the protocol as Python sees it                                        |
//! | `input`         | bytes in: events of the parser, new requests, errors                  |
//! | `scope`         | the head of a request as ASGI's `scope`                               |
//! | `request`       | one request: calling the application, the end of its task             |
//! | `request_cycle` | `receive` and `send`, bound to one request                            |
//! | `awaitable`     | their results: done already, or waiting                               |
//! | `message`       | reading the messages of an application                                |
//! | `respond`       | bytes out, and the end of a response                                  |
//! | `encode`        | heads, content and trailers as bytes                                  |
//! | `file`          | responses from files                                                  |
//! | `disconnect`    | a client that leaves, and further messages to it                      |
//! | `close`         | closing, losing and passing on a connection                           |
//! | `deadline`      | time limits for peers                                                 |
//! | `body_rate`     | the required rate of content                                          |
//! | `upgrade`       | requests for another protocol than HTTP                               |
//! | `access`        | lines of the access log                                               |
//! | `date`          | the `date` field                                                      |
//! | `transport`     | the transport: a native stream or any other                           |
//! | `names`         | strings and bytes that every request needs                            |
//! | `process`       | for `vitok.http`: non-blocking log lines, a bounded end of the process |

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
mod waiters;

use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;

use self::connection::Protocol;
use crate::ffi::error::new_error;
use crate::ffi::this::{Borrowed, This};
use crate::stream_protocol::{self, StreamProtocol};

/// The functions that a stream calls without Python in between.
static NATIVE: StreamProtocol = StreamProtocol {
    received: |protocol, data| input::received(known(protocol)?, data),
    turn_ends: |protocol| respond::turn_ends(known(protocol)?),
};

/// Returns a protocol of a stream as one of our class.
#[inline(always)]
fn known(protocol: Borrowed<'_>) -> PyResult<This<'_, Protocol>> {
    This::cast(protocol).ok_or_else(|| new_error::<PyTypeError>("not an HttpProtocol"))
}

/// Adds the classes to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<http_server::HttpServer>()?;
    process::add(module)?;
    stream_protocol::register_factory(module.py().get_type::<http_server::HttpServer>().as_any());
    names::load(module.py())?;
    // PyO3 looks the class up at the first use, and panics if there is no memory for that.
    CancelledError::type_object(module.py());
    awaitable::make_class(module)?;
    request_cycle::make_class(module)?;
    let protocol = class::make_class(module)?;
    stream_protocol::register(&protocol, &NATIVE);
    Ok(())
}
