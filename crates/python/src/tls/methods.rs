//! The methods of `vitok._native.SSLTransport`: of asyncio's transports, of a protocol for the transport below, and those
//! that the loop and CPython's tests call.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::state::Tls;
use super::{end, flow, goodbye, handshake, info, input, lower, write};
use crate::ffi::arguments::{named, one};
use crate::ffi::constants::{none, truth};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Call, Method, fastcall, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::unchanging;
use crate::wrong_thread::refuse_in_debug;

type Answer<'py> = Result<Bound<'py, PyAny>, ErrorSet>;

/// Returns all of them.
pub(super) fn methods() -> Vec<Method<Tls>> {
    let own = transport_methods().into_iter().chain(reading_methods()).chain(limit_methods());
    own.chain(protocol_methods()).collect()
}

fn method(
    name: &'static str,
    entry: crate::ffi::method::Entry<Tls>,
    signature: &str,
    doc: &'static str,
) -> Method<Tls> {
    Method::new(name, entry, signature, doc)
}

fn done(tls: This<'_, Tls>, outcome: Result<(), ErrorSet>) -> Answer<'_> {
    outcome.map(|()| none(tls.py()))
}

fn transport_methods() -> [Method<Tls>; 12] {
    [
        method(
            "write",
            fastcall(write_one),
            "($self, data)",
            "Send bytes; they leave at the end of the loop's turn.",
        ),
        method(
            "writelines",
            fastcall(write_lines),
            "($self, list_of_data)",
            "Send the bytes of an iterable, in order.",
        ),
        method(
            "close",
            no_arguments(|tls| done(tls, checked(tls).and_then(|()| end::close(tls)))),
            "($self)",
            "Send what was written, say goodbye, then close.",
        ),
        method("abort", no_arguments(abort), "($self)", "Close at once."),
        method("_force_close", fastcall(force_close), "($self, exc)", "Lose the connection to an exception."),
        method(
            "is_closing",
            no_arguments(is_closing),
            "($self)",
            "Whether it was closed, or the connection is lost.",
        ),
        method(
            "write_eof",
            no_arguments(|_| Err(new_error::<pyo3::exceptions::PyNotImplementedError>("").into())),
            "($self)",
            "NotImplementedError: TLS ends in both directions at once.",
        ),
        method(
            "can_write_eof",
            no_arguments(|tls: This<'_, Tls>| Ok(truth(tls.py(), false))),
            "($self)",
            "Return False.",
        ),
        method(
            "get_extra_info",
            fastcall(extra),
            "($self, name, default=None)",
            "A value by name: of TLS, or below.",
        ),
        method(
            "set_protocol",
            fastcall(set_protocol),
            "($self, protocol)",
            "Hand the connection to another protocol.",
        ),
        method(
            "get_protocol",
            no_arguments(|tls| Ok(protocol(tls)?)),
            "($self)",
            "The protocol; None after the end.",
        ),
        method(
            "_test__append_write_backlog",
            fastcall(append),
            "($self, data)",
            "Queue bytes and do not send them, for CPython's own tests.",
        ),
    ]
}

fn reading_methods() -> [Method<Tls>; 3] {
    [
        method(
            "pause_reading",
            no_arguments(|tls| {
                checked(tls)?;
                flow::pause_reading(tls);
                Ok(none(tls.py()))
            }),
            "($self)",
            "Pass no data to the protocol until resume_reading().",
        ),
        method(
            "resume_reading",
            no_arguments(|tls| done(tls, checked(tls).and_then(|()| flow::resume_reading(tls)))),
            "($self)",
            "Resume reading after pause_reading().",
        ),
        method("is_reading", no_arguments(is_reading), "($self)", "Whether the transport is not paused."),
    ]
}

fn limit_methods() -> [Method<Tls>; 6] {
    let write_marks = fastcall(|call: &Call<'_, Tls>| {
        checked(call.this())?;
        flow::set_limits(call, "set_write_buffer_limits", |state| &mut state.writing)?;
        write::flush(call.this())?;
        flow::control_writing(call.this()).map(|()| none(call.py))
    });
    let read_marks = fastcall(|call: &Call<'_, Tls>| {
        checked(call.this())?;
        flow::set_limits(call, "set_read_buffer_limits", |state| &mut state.reading)?;
        flow::control_reading(call.this()).map(|()| none(call.py))
    });
    let doc = "The marks, in bytes. ValueError unless high >= low >= 0.";
    [
        method("set_write_buffer_limits", write_marks, "($self, high=None, low=None)", doc),
        method("set_read_buffer_limits", read_marks, "($self, high=None, low=None)", doc),
        method(
            "get_write_buffer_limits",
            no_arguments(|tls| limits(tls, tls.inner.with(tls.py(), |inner| inner.state.writing.limits()))),
            "($self)",
            "The low and the high mark, in bytes.",
        ),
        method(
            "get_read_buffer_limits",
            no_arguments(|tls| limits(tls, tls.inner.with(tls.py(), |inner| inner.state.reading.limits()))),
            "($self)",
            "The low and the high mark, in bytes.",
        ),
        method(
            "get_write_buffer_size",
            no_arguments(|tls| {
                write::flush(tls)?;
                make::count(tls.py(), tls.inner.with(tls.py(), |inner| inner.queue.len()))
            }),
            "($self)",
            "The number of bytes that wait to be encrypted.",
        ),
        method(
            "get_read_buffer_size",
            no_arguments(|tls: This<'_, Tls>| {
                make::count(tls.py(), tls.inner.with(tls.py(), |inner| inner.incoming.len()))
            }),
            "($self)",
            "The number of bytes that wait to be decrypted.",
        ),
    ]
}

/// Returns the methods that the transport below calls, and those that the loop calls.
fn protocol_methods() -> [Method<Tls>; 11] {
    let made = fastcall(|call: &Call<'_, Tls>| {
        done(call.this(), lower::connection_made(call.this(), one(call, "connection_made", "transport")?))
    });
    let lost = fastcall(|call: &Call<'_, Tls>| {
        done(call.this(), lower::connection_lost(call.this(), one(call, "connection_lost", "exc")?))
    });
    [
        method("connection_made", made, "($self, transport)", "The transport below is connected."),
        method("data_received", fastcall(data_received), "($self, data)", "Ciphertext has arrived."),
        method(
            "eof_received",
            no_arguments(|tls: This<'_, Tls>| Ok(truth(tls.py(), lower::eof_received(tls)?))),
            "($self)",
            "The peer has ended its side.",
        ),
        method("connection_lost", lost, "($self, exc)", "The transport below is closed."),
        method(
            "pause_writing",
            no_arguments(|tls| {
                lower::pause_writing(tls);
                Ok(none(tls.py()))
            }),
            "($self)",
            "The transport below has no more room.",
        ),
        method(
            "resume_writing",
            no_arguments(|tls| done(tls, lower::resume_writing(tls))),
            "($self)",
            "The transport below has room again.",
        ),
        method(
            "_resume_delivery",
            no_arguments(|tls| done(tls, input::resume(tls))),
            "($self)",
            "Deliver what waits; for the loop.",
        ),
        method(
            "_flush",
            no_arguments(|tls| done(tls, write::flush(tls))),
            "($self)",
            "Send what another thread has written; for the loop.",
        ),
        method(
            "_begin_end",
            no_arguments(|tls| done(tls, end::begin_end(tls))),
            "($self)",
            "Begin the end of a transport that another thread has closed; for the loop.",
        ),
        method(
            "_check_handshake_timeout",
            no_arguments(|tls| done(tls, handshake::check_timeout(tls))),
            "($self)",
            "End a handshake that takes too long; for the loop.",
        ),
        method(
            "_check_shutdown_timeout",
            no_arguments(|tls| done(tls, goodbye::check_timeout(tls))),
            "($self)",
            "End a goodbye that takes too long; for the loop.",
        ),
    ]
}

/// In debug mode, refuses a call of a method in the wrong thread.
fn checked(tls: This<'_, Tls>) -> Result<(), ErrorSet> {
    refuse_in_debug(tls.owner.get())
}

fn write_one<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    checked(call.this())?;
    write::write(call.this(), one(call, "write", "data")?)?;
    Ok(none(call.py))
}

fn write_lines<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    checked(call.this())?;
    write::write_lines(call.this(), one(call, "writelines", "list_of_data")?)?;
    Ok(none(call.py))
}

fn abort(tls: This<'_, Tls>) -> Answer<'_> {
    done(tls, checked(tls).and_then(|()| end::abort(tls, None)))
}

fn append<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    let data = unchanging(one(call, "_test__append_write_backlog", "data")?)?;
    let pushed = call.this().inner.with(call.py, |inner| inner.queue.push_shared(data));
    pushed.map_err(|_| crate::ffi::error::no_memory())?;
    Ok(none(call.py))
}

fn force_close<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    let error = one(call, "_force_close", "exc")?;
    let error = (!error.is_none()).then(|| PyErr::from_value(error.to_owned()));
    done(call.this(), end::abort(call.this(), error.as_ref()))
}

fn is_closing(tls: This<'_, Tls>) -> Answer<'_> {
    let py = tls.py();
    let is_closing = tls.inner.with(py, |inner| inner.state.is_closing());
    let is_closing = match tls.below(py) {
        Some(below) if !is_closing => below.is_closing(py)?,
        _ => is_closing,
    };
    Ok(truth(py, is_closing))
}

fn is_reading(tls: This<'_, Tls>) -> Answer<'_> {
    Ok(truth(tls.py(), !tls.inner.with(tls.py(), |inner| inner.state.is_paused())))
}

fn extra<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    let arguments = named(call, "get_extra_info", &["name", "default"])?;
    match arguments[0] {
        Some(name) => Ok(info::extra(call.this(), name, arguments[1])?),
        None => one(call, "get_extra_info", "name").map(|name| name.to_owned()),
    }
}

fn set_protocol<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    checked(call.this())?;
    Tls::set_protocol(call.this(), &one(call, "set_protocol", "protocol")?.to_owned())?;
    Ok(none(call.py))
}

pub(super) fn protocol(tls: This<'_, Tls>) -> PyResult<Bound<'_, PyAny>> {
    Ok(tls.protocol(tls.py()).unwrap_or_else(|| none(tls.py())))
}

fn data_received<'py>(call: &Call<'py, Tls>) -> Answer<'py> {
    let data = one(call, "data_received", "data")?;
    match data.cast::<PyBytes>() {
        Ok(bytes) => done(call.this(), input::received(call.this(), bytes.as_bytes())),
        Err(_) => done(call.this(), input::received(call.this(), unchanging(data)?.as_ref())),
    }
}

fn limits(tls: This<'_, Tls>, (low, high): (usize, usize)) -> Answer<'_> {
    let py = tls.py();
    Ok(make::tuple(py, [make::count(py, low)?, make::count(py, high)?])?.into_any())
}
