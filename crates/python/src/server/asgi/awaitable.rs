//! The results of `receive()` and `send()`: coroutines in Rust.
//!
//! `send()` has done its work when it returns. Its result is one shared object for all calls that need not wait; a call
//! that has to wait for the peer to read gets a coroutine of its own. `receive()` looks for an event when it is first
//! stepped.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use wire::{Received, Wire as _};

use super::cycle::RequestCycle;
use crate::ffi::bytes::Bytes;
use crate::ffi::call::call_method;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::error::new_error;
use crate::ffi::getter::{getter, repr};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{Class, ClassValue, Visit, Weak};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::driver;

/// A coroutine that waits for one thing.
pub(super) struct Awaitable {
    what: What,
    /// The future that the task waits for.
    future: GilCell<Option<Object>>,
}

enum What {
    /// No wait: the coroutine returns at once.
    Done,
    /// An event of the request.
    Event(Object<RequestCycle>),
    /// The peer to read.
    Drain(Object<RequestCycle>),
    /// The loop to have a turn.
    Turn,
}

/// The shared result of all calls that need not wait.
static DONE: PyOnceLock<Py<Awaitable>> = PyOnceLock::new();

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let definition = Definition {
        getters: vec![getter("__name__", name), getter("__qualname__", name)],
        repr: Some(repr(representation)),
        ..Definition::new("HttpAwaitable", "A coroutine of receive() or of send().")
    };
    coroutine::make_class(module, Awaitable::class(), definition)?;
    let done = Awaitable { what: What::Done, future: GilCell::new(None) };
    let done = Awaitable::class().instance(py, done).map_err(|raised| raised.take(py))?.unbind();
    DONE.get_or_init(py, || done);
    Ok(())
}

/// Returns the result of a call that need not wait.
#[inline]
pub(super) fn done(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    match DONE.get(py) {
        Some(done) => Ok(done.bind(py).clone().into_any()),
        None => Err(new_error::<PyImportError>("vitok._native was not initialised").into()),
    }
}

/// Returns the result of `receive()`.
pub(super) fn receive(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    make_awaitable(cycle.py(), What::Event(cycle.to_owned().into()))
}

/// Returns the result of a call that has to wait until the peer reads.
pub(super) fn drain(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    make_awaitable(cycle.py(), What::Drain(cycle.to_owned().into()))
}

/// Returns the result of a call that has sent much without a wait: other tasks come first, once.
pub(super) fn turn(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    make_awaitable(py, What::Turn)
}

fn make_awaitable(py: Python<'_>, what: What) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(Awaitable::class().instance(py, Awaitable { what, future: GilCell::new(None) })?.into_any())
}

impl Coroutine for Awaitable {
    fn step(this: This<'_, Self>, _sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = this.py();
        let value = this.value();
        let cycle = match &value.what {
            What::Done => return Ok(Step::Return(none(py))),
            What::Turn => return Ok(give_way(value, py)),
            What::Event(cycle) | What::Drain(cycle) => cycle.this(py),
        };
        let found = match value.what {
            What::Event(_) => next_event(cycle)?,
            _ => is_drained(cycle).then(|| none(py)),
        };
        let before = value.future.with(py, Option::take);
        drop(before);
        match found {
            Some(event) => Ok(Step::Return(event)),
            None => wait(value, cycle),
        }
    }

    fn abandon(this: This<'_, Self>) -> bool {
        abandon(this);
        true
    }
}

impl ClassValue for Awaitable {
    type Head = Weak;

    fn classes() -> &'static [Class<Self>] {
        static CLASSES: [Class<Awaitable>; 1] = [Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        if let What::Event(cycle) | What::Drain(cycle) = &self.what {
            visit.object(cycle);
        }
        self.future.peek(|future| visit.maybe(future.as_ref()));
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.future.with(py, Option::take);
        drop(released);
    }
}

/// Yields nothing, as `asyncio.sleep(0)` does, and returns at the next step. The place of the future records that it
/// has yielded.
fn give_way<'py>(value: &Awaitable, py: Python<'py>) -> Step<'py> {
    let had_turn = value.future.with(py, Option::take).is_some();
    if had_turn {
        return Step::Return(none(py));
    }
    let mark = none(py).into();
    value.future.with(py, |place| *place = Some(mark));
    Step::Yield(none(py))
}

/// Yields a future that is woken when there may be something new.
fn wait<'py>(value: &Awaitable, cycle: This<'py, RequestCycle>) -> Result<Step<'py>, ErrorSet> {
    let py = cycle.py();
    let inner = cycle.value();
    let protocol = inner.protocol.this(py);
    let owner = protocol.http_server.get().owner.bind_borrowed(py);
    let future = call_method(owner, name!("create_future"), &[])?;
    future.setattr(name!("_asyncio_future_blocking"), true)?;
    let (copy, listed) = (future.clone().into(), future.clone().into());
    value.future.with(py, |place| *place = Some(copy));
    let is_event = matches!(value.what, What::Event(_));
    protocol.state.with(py, |state| {
        let exchange = &mut state.exchange;
        if is_event { exchange.receivers.push(listed) } else { exchange.drains.push(listed) }
    });
    Ok(Step::Yield(future))
}

/// Returns whether the peer has read, or never will.
fn is_drained(cycle: This<'_, RequestCycle>) -> bool {
    let py = cycle.py();
    cycle.value().protocol.this(py).state.with(py, |state| state.wire.is_drained())
}

/// Returns the next event of a request, if there is one.
fn next_event(cycle: This<'_, RequestCycle>) -> Result<Option<Bound<'_, PyAny>>, ErrorSet> {
    let py = cycle.py();
    let request = cycle.request;
    let protocol = cycle.value().protocol.this(py);
    match driver::receive(protocol, request)? {
        Received::Nothing => Ok(None),
        Received::Content { more } => {
            let (first, rest) = protocol.state.with(py, |state| state.exchange.take_content(request));
            content_event(py, first, &rest, more).map(Some)
        }
        Received::Disconnect { is_cut } => {
            if is_cut {
                protocol.state.with(py, |state| state.exchange.note_listener(request));
            }
            let event = make::dict(py)?;
            event.set_item(name!("type"), name!("http.disconnect"))?;
            Ok(Some(event.into_any()))
        }
    }
}

fn content_event<'py>(
    py: Python<'py>,
    first: Option<Bytes>,
    rest: &[u8],
    more_body: bool,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let content = match first {
        None => make::bytes(py, b"")?.into_any(),
        Some(first) if rest.is_empty() => first.to_object(py),
        Some(first) => {
            let (head, length) = (first.as_ref(), first.as_ref().len() + rest.len());
            let join = |room: &mut [u8]| {
                let (front, back) = room.split_at_mut(head.len());
                front.copy_from_slice(head);
                back.copy_from_slice(rest);
                Ok(())
            };
            PyBytes::new_with(py, length, join)?.into_any()
        }
    };
    let event = make::dict(py)?;
    event.set_item(name!("type"), name!("http.request"))?;
    event.set_item(name!("body"), content)?;
    event.set_item(name!("more_body"), more_body)?;
    Ok(event.into_any())
}

/// Stops waiting.
fn abandon(awaitable: This<'_, Awaitable>) {
    let py = awaitable.py();
    let Some(future) = awaitable.future.with(py, Option::take) else { return };
    let (What::Event(cycle) | What::Drain(cycle)) = &awaitable.what else { return };
    let inner = cycle.this(py);
    let protocol = inner.protocol.this(py);
    let removed = protocol.state.with(py, |state| {
        let take = |list: &mut Vec<Object>| {
            let place = list.iter().position(|listed| listed.is(&*future))?;
            Some(list.swap_remove(place))
        };
        (take(&mut state.exchange.drains), take(&mut state.exchange.receivers))
    });
    drop((removed, future));
}

fn name(awaitable: This<'_, Awaitable>) -> PyResult<Bound<'_, PyAny>> {
    let name = match awaitable.what {
        What::Event(_) => "receive",
        What::Done | What::Drain(_) | What::Turn => "send",
    };
    Ok(make::text(awaitable.py(), name)?.into_any())
}

fn representation(awaitable: This<'_, Awaitable>) -> PyResult<Bound<'_, PyAny>> {
    let text =
        format!("<coroutine object {} at {:#x}>", name(awaitable)?, awaitable.object().as_ptr().addr());
    Ok(make::text(awaitable.py(), &text)?.into_any())
}
