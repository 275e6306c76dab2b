//! The result of `receive()`: a coroutine in Rust, which looks for an event when it is stepped.

use pyo3::prelude::*;

use wire::Received;

use super::cycle::RequestCycle;
use super::websocket;
use crate::ffi::class::Definition;
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::server::driver;
use crate::server::pause::WaitedFor;

/// A coroutine that waits for an event of a request.
pub(super) struct Awaitable {
    cycle: Object<RequestCycle>,
    /// The future that the task waits for.
    future: WaitedFor,
}

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition::new("HttpAwaitable", "A coroutine of receive().");
    coroutine::make_class(module, Awaitable::class(), definition).map(drop)
}

/// Returns a coroutine for the next event.
pub(super) fn make(cycle: This<'_, RequestCycle>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let value = Awaitable { cycle: cycle.to_owned().into(), future: WaitedFor::nothing() };
    Ok(Awaitable::class().instance(cycle.py(), value)?.into_any())
}

impl Coroutine for Awaitable {
    fn step(this: This<'_, Self>, _sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = this.py();
        let value = this.value();
        let cycle = value.cycle.this(py);
        let found = next_event(cycle)?;
        value.future.end(py);
        match found {
            Some(event) => Ok(Step::Return(event)),
            None => value.future.begin(cycle.value().protocol.this(py), |exchange| &mut exchange.receivers),
        }
    }

    fn abandon(this: This<'_, Self>) -> bool {
        let py = this.py();
        let protocol = this.value().cycle.this(py).value().protocol.this(py);
        this.value().future.abandon(py, Some(protocol));
        true
    }

    fn qualified_name(_this: This<'_, Self>) -> &'static str {
        "receive"
    }
}

impl ClassValue for Awaitable {
    type Head = Weak;

    one_class!(Awaitable);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.cycle);
        self.future.visit(visit);
    }

    fn clear(&self, py: Python<'_>) {
        self.future.end(py);
    }
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
