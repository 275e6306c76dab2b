//! `vitok._native.DatagramTransport` as Python sees it: asyncio's methods, and the private attributes that libraries
//! read.

use pyo3::prelude::*;

use super::state::{CLASSES, Endpoint, Inner};
use super::{read, write};
use crate::ffi::arguments::{named, one};
use crate::ffi::constants::none;
use crate::ffi::getter::{Getter, getter};
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{
    checked, definition, force_close_method, held, method, number, reading_getters, reading_methods,
    writing_getters, writing_methods,
};

/// Creates the class and adds it to the module.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let doc = "Datagrams over a UDP or a Unix socket: asyncio.DatagramTransport, native.";
    // asyncio's own inherits from both, from Python 3.12 on.
    let bases = ["_FlowControlMixin", "DatagramTransport"];
    let mut class = definition::<Inner>(module.py(), "DatagramTransport", doc, &bases)?;
    class.methods.extend(reading_methods());
    class.methods.extend(writing_methods());
    class.methods.extend(methods());
    class.getters.extend(reading_getters());
    class.getters.extend(writing_getters());
    class.getters.extend(getters());
    class.make(module, &CLASSES[0])?;
    Ok(())
}

fn methods() -> [Method<Endpoint>; 3] {
    [
        method(
            "sendto",
            fastcall(send_to),
            "($self, data, addr=None)",
            "Send one datagram, to the endpoint's own peer if no address is given.",
        ),
        force_close_method(),
        method(
            "_deliver_held",
            no_arguments(|endpoint: This<'_, Endpoint>| {
                read::deliver_held(endpoint).map(|()| none(endpoint.py()))
            }),
            "($self)",
            "Deliver data from before pause_reading().",
        ),
    ]
}

fn getters() -> [Getter<Endpoint>; 4] {
    [
        getter("_sock", |endpoint| {
            held(endpoint, |inner: &mut Inner| inner.socket.as_ref().map(SocketObject::object))
        }),
        getter("_sock_fd", number),
        getter("_address", |endpoint| held(endpoint, |inner: &mut Inner| inner.remote.as_ref())),
        getter("_extra", extra),
    ]
}

fn extra(endpoint: This<'_, Endpoint>) -> PyResult<Bound<'_, PyAny>> {
    let py = endpoint.py();
    Ok(endpoint.inner.with(py, |inner| inner.extra.clone_ref(py)).into_bound(py).into_any())
}

#[inline]
fn send_to<'py>(call: &Call<'py, Endpoint>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let endpoint = call.this();
    checked(endpoint)?;
    match call.positional() {
        [data, address] if !call.has_keywords() => write::send_to(endpoint, *data, Some(*address))?,
        [data] if !call.has_keywords() => write::send_to(endpoint, *data, None)?,
        _ => {
            let arguments = named(call, "sendto", &["data", "addr"])?;
            let Some(data) = arguments[0] else {
                return one(call, "sendto", "data").map(|data| data.to_owned());
            };
            write::send_to(endpoint, data, arguments[1])?;
        }
    }
    Ok(none(call.py))
}
