//! The methods and attributes that all transports have, as tables for their classes, and garbage collection.

use pyo3::prelude::*;

use super::flow::set_limits;
use super::lifecycle::{
    abort, after_send, begin_and_wake, close, connection_lost, finalize, update_interest,
};
use super::state::{Inner, Transport};
use crate::ffi::arguments::one;
use crate::ffi::class::Definition;
use crate::ffi::constants::{none, truth};
use crate::ffi::getter::{Getter, getter, repr};
use crate::ffi::instance::{Class, ClassValue, Subclass, Visit};
use crate::ffi::make;
use crate::ffi::method::{Call, Entry, Method, fastcall, no_arguments};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::wrong_thread::refuse_in_debug;

type Answer<'py> = Result<Bound<'py, PyAny>, ErrorSet>;

impl<I: Inner> ClassValue for Transport<I> {
    type Head = Subclass;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> = Some(finalize);

    fn classes() -> &'static [Class<Self>] {
        I::classes()
    }

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| inner.visit(visit));
    }

    fn clear(&self, py: Python<'_>) {
        let protocol = self.inner.with(py, |inner| inner.common().protocol.take());
        drop(protocol);
        I::clear(self, py);
    }
}

/// Defines a class of transports with the methods and attributes that all of them have. Its bases are classes of
/// asyncio.
pub(crate) fn definition<'py, I: Inner>(
    py: Python<'py>,
    name: &'static str,
    doc: &'static str,
    bases: &[&str],
) -> PyResult<Definition<'py, Transport<I>>> {
    let base = |name: &&str| imports::class(py, "asyncio.transports", name);
    Ok(Definition {
        bases: bases.iter().map(base).collect::<PyResult<_>>()?,
        methods: methods(),
        getters: getters(),
        repr: Some(repr(|this: This<'_, Transport<I>>| {
            Ok(make::text(this.py(), &I::represent(this))?.into_any())
        })),
        ..Definition::new(name, doc)
    })
}

/// Creates a line of a table of methods.
pub(crate) fn method<T>(
    name: &'static str,
    entry: Entry<T>,
    signature: &str,
    doc: &'static str,
) -> Method<T> {
    Method::new(name, entry, signature, doc)
}

fn methods<I: Inner>() -> Vec<Method<Transport<I>>> {
    vec![
        method(
            "close",
            no_arguments(|this| done(this, checked(this).and_then(|()| close(this)))),
            "($self)",
            "Send buffered data, then close.",
        ),
        method(
            "is_closing",
            no_arguments(is_closing),
            "($self)",
            "Whether close() or abort() was called, or the peer is gone.",
        ),
        method(
            "get_protocol",
            no_arguments(|this| Ok(protocol(this)?)),
            "($self)",
            "The protocol; None after the end.",
        ),
        method(
            "set_protocol",
            fastcall(set_protocol),
            "($self, protocol)",
            "Hand the connection to another protocol.",
        ),
        method(
            "_begin",
            fastcall(begin_with),
            "($self, waiter)",
            "Call connection_made(), begin to read, wake the waiter.",
        ),
        method(
            "_call_connection_lost",
            fastcall(call_connection_lost),
            "($self, exc)",
            "Call connection_lost() and close the descriptor; for the loop.",
        ),
    ]
}

/// Returns the methods of transports that read.
pub(crate) fn reading_methods<I: Inner>() -> Vec<Method<Transport<I>>> {
    vec![
        method(
            "pause_reading",
            no_arguments(|this| done(this, checked(this).and_then(|()| pause_reading(this)))),
            "($self)",
            "Pass no data to the protocol until resume_reading().",
        ),
        method(
            "resume_reading",
            no_arguments(|this| done(this, checked(this).and_then(|()| resume_reading(this)))),
            "($self)",
            "Resume reading after pause_reading().",
        ),
        method(
            "is_reading",
            no_arguments(is_reading),
            "($self)",
            "Whether the transport is neither paused nor closing.",
        ),
    ]
}

/// Returns the methods of transports that write.
pub(crate) fn writing_methods<I: Inner>() -> Vec<Method<Transport<I>>> {
    vec![
        after_send_method(),
        method(
            "abort",
            no_arguments(|this| done(this, checked(this).and_then(|()| abort(this, None)))),
            "($self)",
            "Close at once.",
        ),
        method(
            "get_write_buffer_size",
            no_arguments(buffer_size),
            "($self)",
            "The number of bytes that wait for the kernel.",
        ),
        method(
            "get_write_buffer_limits",
            no_arguments(limits),
            "($self)",
            "The low and the high mark, in bytes.",
        ),
        method(
            "set_write_buffer_limits",
            fastcall(|call| {
                checked(call.this())?;
                set_limits(call).map(|()| none(call.py))
            }),
            "($self, high=None, low=None)",
            "The marks, in bytes, between which the protocol is paused and resumed. ValueError unless high >= low >= 0.",
        ),
    ]
}

/// Returns the method for what follows a send in another thread.
fn after_send_method<I: Inner>() -> Method<Transport<I>> {
    method(
        "_after_send",
        no_arguments(|this| done(this, after_send(this))),
        "($self)",
        "Do what follows a send in another thread; for the loop.",
    )
}

/// Returns the method by which asyncio's own code ends a transport over a socket.
pub(crate) fn force_close_method<I: Inner>() -> Method<Transport<I>> {
    method("_force_close", fastcall(force_close_with), "($self, exc)", "Lose the connection to an exception.")
}

fn getters<I: Inner>() -> Vec<Getter<Transport<I>>> {
    vec![
        getter("_loop", owner),
        getter("_protocol", protocol),
        getter("_closing", |this| Ok(is_closing(this)?)),
    ]
}

/// Returns the attributes of transports that read.
pub(crate) fn reading_getters<I: Inner>() -> Vec<Getter<Transport<I>>> {
    vec![getter("_paused", |this| Ok(whether(this, |inner: &mut I| inner.state().is_paused())))]
}

/// Returns the attributes of transports that write.
pub(crate) fn writing_getters<I: Inner>() -> Vec<Getter<Transport<I>>> {
    vec![
        getter("_protocol_paused", |this| Ok(whether(this, |inner: &mut I| inner.common().flow.is_paused()))),
        getter("_high_water", |this: This<'_, Transport<I>>| Ok(make::count(this.py(), marks(this).1)?)),
        getter("_low_water", |this: This<'_, Transport<I>>| Ok(make::count(this.py(), marks(this).0)?)),
    ]
}

fn done<I: Inner>(transport: This<'_, Transport<I>>, outcome: Result<(), ErrorSet>) -> Answer<'_> {
    outcome.map(|()| none(transport.py()))
}

/// In debug mode, refuses a call of a method in the wrong thread.
#[inline(always)]
pub(crate) fn checked<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    refuse_in_debug(transport.owner.get())
}

/// Returns the answer of a closure to the mutable part of a transport.
fn whether<I: Inner>(
    transport: This<'_, Transport<I>>,
    question: impl FnOnce(&mut I) -> bool,
) -> Bound<'_, PyAny> {
    truth(transport.py(), transport.inner.with(transport.py(), question))
}

fn is_closing<I: Inner>(transport: This<'_, Transport<I>>) -> Answer<'_> {
    Ok(whether(transport, |inner| inner.state().is_closing()))
}

fn is_reading<I: Inner>(transport: This<'_, Transport<I>>) -> Answer<'_> {
    Ok(whether(transport, |inner| inner.state().is_reading()))
}

fn set_protocol<'py, I: Inner>(call: &Call<'py, Transport<I>>) -> Answer<'py> {
    let protocol = one(call, "set_protocol", "protocol")?.to_owned();
    let transport = call.this();
    checked(transport)?;
    let before = I::replace_protocol(transport, &protocol)?;
    drop(before);
    Ok(none(call.py))
}

fn begin_with<'py, I: Inner>(call: &Call<'py, Transport<I>>) -> Answer<'py> {
    done(call.this(), begin_and_wake(call.this(), one(call, "_begin", "waiter")?))
}

fn call_connection_lost<'py, I: Inner>(call: &Call<'py, Transport<I>>) -> Answer<'py> {
    done(call.this(), connection_lost(call.this(), one(call, "_call_connection_lost", "exc")?))
}

fn force_close_with<'py, I: Inner>(call: &Call<'py, Transport<I>>) -> Answer<'py> {
    let error = one(call, "_force_close", "exc")?;
    let error = (!error.is_none()).then(|| PyErr::from_value(error.to_owned()));
    done(call.this(), abort(call.this(), error))
}

/// Implements `transport.pause_reading()`.
pub(crate) fn pause_reading<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    if transport.inner.with(transport.py(), |inner| inner.state().pause_reading()) {
        update_interest(transport)?;
    }
    Ok(())
}

/// Implements `transport.resume_reading()`.
pub(crate) fn resume_reading<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    if transport.inner.with(transport.py(), |inner| inner.state().resume_reading()) {
        I::deliver_later(transport)?;
        update_interest(transport)?;
    }
    Ok(())
}

/// Offers gathered bytes to the kernel first, so that the size is what asyncio would return.
fn buffer_size<I: Inner>(transport: This<'_, Transport<I>>) -> Answer<'_> {
    I::flush(transport)?;
    make::count(transport.py(), transport.inner.with(transport.py(), |inner| inner.waiting()))
}

/// Returns the low and the high mark.
fn marks<I: Inner>(transport: This<'_, Transport<I>>) -> (usize, usize) {
    transport.inner.with(transport.py(), |inner| inner.common().flow.limits())
}

fn limits<I: Inner>(transport: This<'_, Transport<I>>) -> Answer<'_> {
    let py = transport.py();
    let (low, high) = marks(transport);
    Ok(make::tuple(py, [make::count(py, low)?, make::count(py, high)?])?.into_any())
}

/// Returns an object that a transport may have, or None.
pub(crate) fn held<'py, I: Inner>(
    transport: This<'py, Transport<I>>,
    place: impl FnOnce(&mut I) -> Option<&Object>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = transport.py();
    let object = transport.inner.with(py, |inner| place(inner).map(|object| object.clone_ref(py)));
    Ok(object.map_or_else(|| none(py), |object| object.into_bound(py)))
}

/// Returns the number of the descriptor at the creation of the transport. Its name in asyncio depends on the transport.
pub(crate) fn number<I: Inner>(transport: This<'_, Transport<I>>) -> PyResult<Bound<'_, PyAny>> {
    let number = transport.inner.with(transport.py(), |inner| inner.common().number);
    Ok(make::integer(transport.py(), i64::from(number))?)
}

fn protocol<I: Inner>(transport: This<'_, Transport<I>>) -> PyResult<Bound<'_, PyAny>> {
    held(transport, |inner| inner.common().protocol.as_ref())
}

/// asyncio's transports release their loop at the end, and code checks for that.
fn owner<I: Inner>(transport: This<'_, Transport<I>>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let is_closed = transport.inner.with(py, |inner| inner.is_closed());
    Ok(if is_closed { none(py) } else { transport.owner.bind(py).clone().into_any() })
}
