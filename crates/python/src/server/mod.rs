//! The HTTP server inside the loop: requests become calls of an ASGI application on the thread that has read them.
//!
//! The parser runs in the stream's read callback (`stream_protocol`), or in `data_received` on any other transport,
//! such as TLS. An application's task takes its first step at once; its messages are sent with the turn's writes. No
//! Python code runs while a connection's state is borrowed: calls are decided first, then made.
//!
//! Each file uses those below it only:
//!
//! | File            | What                                                                     |
//! |-----------------|--------------------------------------------------------------------------|
//! | `http_server`   | `HttpServer` as Python sees it: the factory of protocols, and its end    |
//! | `class`         | the protocol of a connection as Python sees it                           |
//! | `ticks`         | the server's clock: peers that are too late                              |
//! | `alpn`          | the version of HTTP that a connection begins with                        |
//! | `asgi/`         | an interface: requests become calls of an application                    |
//! | `native/`       | an interface: requests become calls of functions with objects            |
//! | `refusal`       | the answer to one request too many                                       |
//! | `file`          | responses from files                                                     |
//! | `send_error`    | why something can't be sent, as exceptions                               |
//! | `pause`         | what a sender waits for, as coroutines                                   |
//! | `following`     | tasks of requests, from their first step to their end                    |
//! | `driver`        | gives a machine (`wire`) inputs, and performs its actions                |
//! | `streams`       | the streams of a connection of HTTP/2, as protocols of their own         |
//! | `access_log`    | lines of the access log                                                  |
//! | `log_client`    | the client of a request as a log shows it                                |
//! | `addresses`     | the addresses of a connection's ends                                     |
//! | `connection`    | the protocol of a connection: its parts and its state                    |
//! | `log_lines`     | lines of the access log that wait                                        |
//! | `log_clock`     | the time of day for lines of the access log                              |
//! | `measures`      | the counts of a server for its metrics                                   |
//! | `shared`        | what the connections of a server share                                   |
//! | `settings`      | the options of a server                                                  |
//! | `totals`        | what the servers of one process count together                           |
//! | `waiters`       | futures that the counts of a server complete                             |
//! | `transport`     | where bytes go: a native stream or any other transport                   |

mod access_log;
mod addresses;
mod alpn;
mod asgi;
mod class;
mod connection;
mod driver;
mod file;
mod following;
mod http_server;
mod log_client;
mod log_clock;
mod log_lines;
mod measures;
mod native;
mod pause;
mod refusal;
mod send_error;
mod settings;
mod shared;
mod streams;
mod ticks;
mod totals;
mod transport;
mod waiters;

use pyo3::PyTypeInfo;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;

use self::connection::Protocol;
use self::shared::HttpServer;
use self::totals::HttpTotals;
use crate::stream::DATA_FAILED;
use crate::stream_protocol::{self, StreamProtocol};

/// The functions that a stream calls without Python in between.
static NATIVE: StreamProtocol = StreamProtocol {
    received: |protocol, data| driver::take_bytes(Protocol::known(protocol)?, data),
    turn_ends: |protocol| driver::turn_ends(Protocol::known(protocol)?),
    failure: DATA_FAILED,
};

/// Adds the classes to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<HttpServer>()?;
    module.add_class::<HttpTotals>()?;
    module.add_function(wrap_pyfunction!(settings::check_access_format, module)?)?;
    stream_protocol::register_factory(module.py().get_type::<HttpServer>().as_any());
    // PyO3 looks the class up at the first use, and panics if there is no memory for that.
    CancelledError::type_object(module.py());
    pause::make_class(module)?;
    asgi::add(module)?;
    native::add(module)?;
    let protocol = class::make_class(module)?;
    stream_protocol::register(&protocol, &NATIVE);
    Ok(())
}
