//! What a sender waits for, as coroutines in Rust: nothing, a turn of the loop, or the peer to read.
//!
//! A call that sends has done its work when it returns. Its result is one shared object for all calls that need not
//! wait; a call that has to gets a coroutine of its own.

use pyo3::prelude::*;
use wire::{Wait, Wire as _};

use super::connection::{Exchange, Protocol};
use crate::ffi::at_import::AtImport;
use crate::ffi::call::call_method;
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// A coroutine that waits for one thing.
pub(super) struct Pause {
    until: Until,
    /// The future that the task waits for.
    future: WaitedFor,
}

/// What a coroutine waits for.
enum Until {
    /// Nothing: it returns at once.
    Done,
    /// The peer to read.
    Drain(Object<Protocol>),
    /// The loop to have a turn: much was sent without a wait, so other tasks come first, once.
    Turn,
}

/// The future that a task waits for, if it waits.
pub(super) struct WaitedFor(GilCell<Option<Object>>);

/// The shared result of all calls that need not wait.
static DONE: AtImport<Py<Pause>> = AtImport::new();

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let definition = Definition::new("HttpPause", "A coroutine of a call that sends.");
    coroutine::make_class(module, Pause::class(), definition)?;
    let done = Pause { until: Until::Done, future: WaitedFor::nothing() };
    Ok(DONE.make(py, || Ok::<_, ErrorSet>(Pause::class().immortal(py, done)?.unbind()))?)
}

/// Returns the result of a call that need not wait.
#[inline]
pub(super) fn done(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(DONE.get(py)?.bind(py).clone().into_any())
}

/// Returns the result of a call that waits for a turn of the loop.
#[cold]
pub(super) fn turn(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(instance(py, Until::Turn)?.into_any())
}

/// Returns the result of a call that has sent something.
#[inline(always)]
pub(super) fn after<'py>(
    py: Python<'py>,
    protocol: This<'_, Protocol>,
    wait: Wait,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    match wait {
        Wait::Nothing => done(py),
        Wait::Turn => turn(py),
        Wait::Drain => Ok(instance(py, Until::Drain(protocol.to_owned().into()))?.into_any()),
    }
}

fn instance(py: Python<'_>, until: Until) -> Result<Bound<'_, Pause>, ErrorSet> {
    Pause::class().instance(py, Pause { until, future: WaitedFor::nothing() })
}

impl Coroutine for Pause {
    fn step(this: This<'_, Self>, _sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = this.py();
        let value = this.value();
        match &value.until {
            Until::Done => Ok(Step::Return(none(py))),
            Until::Turn => Ok(value.future.give_way(py)),
            Until::Drain(protocol) => {
                let protocol = protocol.this(py);
                value.future.end(py);
                match protocol.state.with(py, |state| state.wire.is_drained()) {
                    true => Ok(Step::Return(none(py))),
                    false => value.future.begin(protocol, |exchange| &mut exchange.drains),
                }
            }
        }
    }

    fn abandon(this: This<'_, Self>) -> bool {
        let protocol = match &this.value().until {
            Until::Drain(protocol) => Some(protocol.this(this.py())),
            Until::Done | Until::Turn => None,
        };
        this.value().future.abandon(this.py(), protocol);
        true
    }

    fn qualified_name(_this: This<'_, Self>) -> &'static str {
        "send"
    }
}

impl WaitedFor {
    /// Returns that of a coroutine that does not wait.
    pub(super) const fn nothing() -> Self {
        Self(GilCell::new(None))
    }

    /// Yields a future that is woken when there may be something new, and lists it among those that wait for the same.
    pub(super) fn begin<'py>(
        &self,
        protocol: This<'py, Protocol>,
        list: impl FnOnce(&mut Exchange) -> &mut Vec<Object>,
    ) -> Result<Step<'py>, ErrorSet> {
        let py = protocol.py();
        let owner = protocol.value().http_server.get().owner.bind_borrowed(py);
        let future = call_method(owner, name!("create_future"), &[])?;
        future.setattr(name!("_asyncio_future_blocking"), true)?;
        let (copy, listed) = (future.clone().into(), future.clone().into());
        let before = self.0.with(py, |place| place.replace(copy));
        drop(before);
        protocol.state.with(py, |state| list(&mut state.exchange).push(listed));
        Ok(Step::Yield(future))
    }

    /// Yields nothing, as `asyncio.sleep(0)` does, and returns at the next step. The place of the future records that it
    /// has yielded.
    fn give_way<'py>(&self, py: Python<'py>) -> Step<'py> {
        let had_turn = self.0.with(py, Option::take).is_some();
        if had_turn {
            return Step::Return(none(py));
        }
        let mark = none(py).into();
        let before = self.0.with(py, |place| place.replace(mark));
        drop(before);
        Step::Yield(none(py))
    }

    /// Releases the future at the next step.
    pub(super) fn end(&self, py: Python<'_>) {
        let before = self.0.with(py, Option::take);
        drop(before);
    }

    /// Ceases to wait.
    pub(super) fn abandon(&self, py: Python<'_>, protocol: Option<This<'_, Protocol>>) {
        let future = self.0.with(py, Option::take);
        if let (Some(future), Some(protocol)) = (future, protocol) {
            let is_other = |listed: &Object| !listed.is(&*future);
            // These are not the last references to it.
            protocol.state.with(py, |state| {
                state.exchange.drains.retain(is_other);
                state.exchange.receivers.retain(is_other);
            });
        }
    }

    pub(super) fn visit(&self, visit: &mut Visit) {
        self.0.peek(|future| visit.maybe(future.as_ref()));
    }
}

impl ClassValue for Pause {
    type Head = Weak;

    one_class!(Pause);

    fn visit(&self, visit: &mut Visit) {
        if let Until::Drain(protocol) = &self.until {
            visit.object(protocol);
        }
        self.future.visit(visit);
    }

    fn clear(&self, py: Python<'_>) {
        self.future.end(py);
    }
}
