//! The extension module `vitok._native`: the native half of `vitok.Loop`.
//!
//! It binds the reactor to CPython. [`class`] is the class as Python sees it; a turn of the loop starts in
//! `event_loop`. ARCHITECTURE.md has the layers of the files.

use crate::ffi::make;
use crate::ffi::name::Text;
use pyo3::prelude::*;

mod accept_task;
mod add_reader;
mod address;
mod attributes;
mod buffer;
mod class;
mod close;
mod connect;
mod counters;
mod datagram;
mod dispatch;
mod error;
mod event_loop;
mod executor;
mod ffi;
mod gc;
mod handle;
mod httptools;
mod imports;
mod listener;
mod loop_state;
mod metrics;
mod modes;
mod names;
mod pipe;
mod poll_events;
mod process;
mod protocol;
mod rebuild;
mod registry;
mod run;
mod schedule;
mod server;
mod settings;
mod signals;
mod sock;
mod stream;
mod stream_protocol;
mod tasks;
mod time;
mod tls;
mod transport;
mod wrong_thread;

/// Returns what `vitok info` prints about the build.
#[pyfunction]
fn build_info(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyDict>> {
    let facts = make::dict(py)?;
    let poller = reactor::Poller::new().map_err(|error| error::os_error(&error))?;
    facts.set_item(name!("version"), Text(env!("CARGO_PKG_VERSION")))?;
    facts.set_item(name!("poller"), Text(poller.backend_name()))?;
    facts.set_item(name!("profile"), Text(if cfg!(debug_assertions) { "debug" } else { "release" }))?;
    Ok(facts)
}

/// Returns whether the class of an object is exactly the standard library's `socket.socket`, so that its transports and
/// `sock_*` calls are native. A closed socket is recognised only after an open one was.
#[pyfunction]
fn is_plain_socket(sock: &Bound<'_, PyAny>) -> bool {
    ffi::socket_object::SocketObject::of(sock).is_some()
}

/// Returns why TLS can't use the connections inside `ssl.SSLObject`s in this process, or None if it can.
#[pyfunction]
fn tls_obstacle(py: Python<'_>) -> PyResult<Option<String>> {
    tls::obstacle(py)
}

#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // This check comes first: the calls below fill statics, which all interpreters of the process share.
    ffi::interpreter::require_main(module.py())?;
    ffi::forced_unwind::hang_threads();
    ffi::name::load(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(build_info, module)?)?;
    module.add_function(wrap_pyfunction!(is_plain_socket, module)?)?;
    module.add_function(wrap_pyfunction!(connect::know_loop_class, module)?)?;
    module.add_function(wrap_pyfunction!(tls_obstacle, module)?)?;
    ffi::socket_object::find_class(module.py())?;
    class::add(module)?;
    signals::register_at_fork(module)?;
    process::add(module)?;
    httptools::add(module)?;
    server::add(module)
}
