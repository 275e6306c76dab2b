//! The results of `receive()` and `send()`: coroutines in Rust.
//!
//! `send()` has done its work when it returns. Its result is one shared object for all calls that need not wait; a call
//! that has to wait for the peer to read gets a coroutine of its own. `receive()` looks for an event when it is first
//! stepped.

use pyo3::prelude::*;

use wire::{Received, Wire as _};

use super::cycle::RequestCycle;
use super::websocket;
use crate::ffi::at_import::AtImport;
use crate::ffi::call::call_method;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
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

/// What a coroutine waits for.
pub(super) enum What {
    /// Nothing: it returns at once.
    Done,
    /// An event of the request: `receive()`.
    Event(Object<RequestCycle>),
    /// The peer to read.
    Drain(Object<RequestCycle>),
    /// The loop to have a turn: much was sent without a wait, so other tasks come first, once.
    Turn,
}

/// The shared result of all calls that need not wait.
static DONE: AtImport<Py<Awaitable>> = AtImport::new();

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let definition = Definition::new("HttpAwaitable", "A coroutine of receive() or of send().");
    coroutine::make_class(module, Awaitable::class(), definition)?;
    Ok(DONE.make(py, || Ok::<_, ErrorSet>(instance(py, What::Done)?.unbind()))?)
}

/// Returns the result of a call that need not wait.
#[inline]
pub(super) fn done(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(DONE.get(py)?.bind(py).clone().into_any())
}

/// Returns the result of a call that has to wait.
pub(super) fn make(py: Python<'_>, what: What) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(instance(py, what)?.into_any())
}

fn instance(py: Python<'_>, what: What) -> Result<Bound<'_, Awaitable>, ErrorSet> {
    Awaitable::class().instance(py, Awaitable { what, future: GilCell::new(None) })
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
            _ => {
                let protocol = cycle.value().protocol.this(py);
                let is_drained = protocol.state.with(py, |state| state.wire.is_drained());
                is_drained.then(|| none(py))
            }
        };
        let before = value.future.with(py, Option::take);
        drop(before);
        match found {
            Some(event) => Ok(Step::Return(event)),
            None => wait(value, cycle),
        }
    }

    fn abandon(this: This<'_, Self>) -> bool {
        let py = this.py();
        let future = this.future.with(py, Option::take);
        if let (Some(future), What::Event(cycle) | What::Drain(cycle)) = (future, &this.what) {
            let is_other = |listed: &Object| !listed.is(&*future);
            let protocol = cycle.this(py).value().protocol.this(py);
            // These are not the last references to it.
            protocol.state.with(py, |state| {
                state.exchange.drains.retain(is_other);
                state.exchange.receivers.retain(is_other);
            });
        }
        true
    }

    fn qualified_name(this: This<'_, Self>) -> &'static str {
        match this.what {
            What::Event(_) => "receive",
            What::Done | What::Drain(_) | What::Turn => "send",
        }
    }
}

impl ClassValue for Awaitable {
    type Head = Weak;

    one_class!(Awaitable);

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

/// Returns the next event of a request, if there is one.
fn next_event(cycle: This<'_, RequestCycle>) -> Result<Option<Bound<'_, PyAny>>, ErrorSet> {
    let py = cycle.py();
    let request = cycle.request;
    let protocol = cycle.value().protocol.this(py);
    if cycle.is_websocket {
        return websocket::next_event(cycle);
    }
    let received = driver::receive(protocol, request)?;
    match received {
        Received::Nothing | Received::Message => Ok(None),
        Received::Content { more } => {
            let content = protocol.state.with(py, |state| state.exchange.take_content(py, request))?;
            let event = make::dict(py)?;
            event.set_item(name!("type"), name!("http.request"))?;
            event.set_item(name!("body"), content.to_object(py)?)?;
            event.set_item(name!("more_body"), more)?;
            Ok(Some(event.into_any()))
        }
        Received::Disconnect { .. } | Received::Closed { .. } => {
            if received == (Received::Disconnect { is_cut: true }) {
                protocol.state.with(py, |state| state.exchange.note_listener(request));
            }
            let event = make::dict(py)?;
            event.set_item(name!("type"), name!("http.disconnect"))?;
            Ok(Some(event.into_any()))
        }
    }
}
