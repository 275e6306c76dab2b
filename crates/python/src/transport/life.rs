//! The life of a transport from `connection_made` to `connection_lost`, as far as streams, datagrams and pipes share it.
//!
//! Where a transport stands is its state's to say; here that meets the kernel, the protocol and the loop. No function holds
//! a borrow while it calls code of the user's, and each asks anew afterwards.

use std::io;
use std::os::fd::RawFd;

use pyo3::exceptions::{PyMemoryError, PyResourceWarning};
use pyo3::prelude::*;
use reactor::{Interest, Token};
use stream::{Closing, Flow};

use super::callbacks::{call_connection_lost, call_connection_made, schedule, wake};
use super::interest::{ask_kernel, interest_of};
use crate::ffi::answer::none;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::ClassValue;
use crate::ffi::method::Argument;
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::protocol::Callee;
use crate::registry::{Evicted, SourceKind};

/// The value inside a transport.
pub(crate) trait Transport: ClassValue {
    type Inner: Inner;

    fn owner(&self) -> &Object<EventLoop>;
    fn inner(&self) -> &GilCell<Self::Inner>;

    /// What the table of descriptors has it under.
    fn kind(&self) -> SourceKind;

    /// The function `_call_connection_lost` of its class.
    fn connection_lost_method<'py>(&self, py: Python<'py>) -> PyResult<Argument<'py>>;

    /// Loses it at once, and what waits to be sent with it.
    fn forget(&self, py: Python<'_>) -> Closing;

    /// The kernel refuses to watch its descriptor: the end of it.
    fn on_unwatchable(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet>;

    /// Closes the descriptor, takes it out of the table and lets go of everything.
    fn release(transport: Argument<'_>) -> Result<(), ErrorSet>;

    /// The representation, as asyncio writes it.
    fn represent(transport: Argument<'_>) -> String;

    /// The protocol with its context; `None` once it is gone.
    #[inline(always)]
    fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        self.inner().with(py, |inner| inner.callee(py))
    }
}

/// What changes in a transport's life.
pub(crate) trait Inner {
    /// `connection_made` was called.
    fn start(&mut self);

    /// What the functions of this folder see of it.
    fn parts(&mut self) -> Parts<'_>;

    /// The protocol with its context; `None` once it is gone.
    #[inline(always)]
    fn callee<'py>(&mut self, py: Python<'py>) -> Option<Callee<'py>> {
        let parts = self.parts();
        let protocol = parts.protocol?.bind(py).clone();
        Some(Callee { protocol, context: parts.context.bind(py).clone() })
    }
}

/// The parts that the bodies of all transports have.
pub(crate) struct Parts<'a> {
    /// What the kernel should be asked for.
    pub(crate) wanted: stream::Interest,
    /// What it was asked for last.
    pub(crate) watched: &'a mut Interest,
    pub(crate) token: Option<Token>,
    /// The descriptor as it was when the transport was made.
    pub(crate) number: RawFd,
    pub(crate) is_closing: bool,
    /// Whether the descriptor is closed.
    pub(crate) is_closed: bool,
    pub(crate) flow: &'a mut Flow,
    /// How much waits to be sent, in bytes, as `get_write_buffer_size()` counts them.
    pub(crate) waiting: usize,
    pub(crate) protocol: Option<&'a Object>,
    pub(crate) context: &'a Object,
}

/// Calls `connection_made` and lets the events come. An exception in there goes to the exception handler, and the transport
/// lives on, as in asyncio.
pub(crate) fn begin<T: Transport>(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let this = value_of::<T>(transport);
    let mut outcome = Ok(());
    if let Some(callee) = this.callee(py) {
        let made = call_connection_made(this.owner().bind(py), &callee, transport);
        outcome = made.map_err(|raised| raised.take(py));
    }
    // Also where a KeyboardInterrupt is on its way out of the loop: the next run goes on.
    let wanted = this.inner().with(py, |inner| {
        inner.start();
        interest_of(inner.parts().wanted)
    });
    // The table has held the transport so far, and must not go on if the kernel is asked for nothing.
    tell_kernel::<T>(transport, wanted)?;
    Ok(outcome?)
}

/// The same for somebody who waits to be told; also where a KeyboardInterrupt is on its way out.
pub(crate) fn begin_and_wake<T: Transport>(
    transport: Argument<'_>,
    waiter: Argument<'_>,
) -> Result<(), ErrorSet> {
    let begun = begin::<T>(transport).map_err(|raised| raised.take(transport.py()));
    wake(waiter)?;
    Ok(begun?)
}

/// Tells the kernel what the state asks for, if that has changed. What the kernel refuses ends the transport.
#[inline(always)]
pub(crate) fn settle<T: Transport>(transport: Argument<'_>) -> Result<(), ErrorSet> {
    let changed = value_of::<T>(transport).inner().with(transport.py(), |inner| {
        let parts = inner.parts();
        let wanted = interest_of(parts.wanted);
        (wanted != *parts.watched).then_some(wanted)
    });
    match changed {
        None => Ok(()),
        Some(wanted) => tell_kernel::<T>(transport, wanted),
    }
}

fn tell_kernel<T: Transport>(transport: Argument<'_>, wanted: Interest) -> Result<(), ErrorSet> {
    let this = value_of::<T>(transport);
    let token = this.inner().with(transport.py(), |inner| {
        let parts = inner.parts();
        *parts.watched = wanted;
        parts.token
    });
    let Some(token) = token else { return Ok(()) };
    match ask_kernel(this.owner().get(), transport, this.kind(), token, wanted)? {
        Ok(()) => Ok(()),
        Err(error) => T::on_unwatchable(transport, &error),
    }
}

/// The transport is lost, to an error or by `abort()`. What waits to be sent is forgotten.
pub(crate) fn lose<T: Transport>(transport: Argument<'_>, error: Option<PyErr>) -> Result<(), ErrorSet> {
    let closing = value_of::<T>(transport).forget(transport.py());
    conclude::<T>(transport, closing, error)
}

/// What follows when the state was told of an end.
pub(crate) fn conclude<T: Transport>(
    transport: Argument<'_>,
    closing: Closing,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    // Nobody else would schedule the end.
    let settled = settle::<T>(transport).map_err(|raised| raised.take(transport.py()));
    if closing == Closing::Lose {
        schedule_lost::<T>(transport, error)?;
    }
    Ok(settled?)
}

/// Has the loop call `_call_connection_lost` at its next turn, in the transport's context.
pub(crate) fn schedule_lost<T: Transport>(
    transport: Argument<'_>,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let error = match error {
        Some(error) => error.into_value(py).into_bound(py).into_any(),
        None => none(py),
    };
    schedule_end::<T>(transport, error.as_borrowed())
}

/// The same for an exception as an object, or None. Where there is no memory for it the loop tries again at the end of each
/// turn: the state is past the point at which anybody else would.
pub(crate) fn schedule_end<T: Transport>(
    transport: Argument<'_>,
    error: Argument<'_>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let this = value_of::<T>(transport);
    let context = this.inner().with(py, |inner| inner.parts().context.clone_ref(py));
    let method = this.connection_lost_method(py)?;
    let context = context.bind_borrowed(py);
    let scheduled = schedule(this.owner().bind(py), method, &[transport, error], Some(context));
    scheduled.or_else(|raised| owe_end::<T>(transport, error, raised.take(py)))
}

#[cold]
fn owe_end<T: Transport>(
    transport: Argument<'_>,
    error: Argument<'_>,
    failure: PyErr,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    if !failure.is_instance_of::<PyMemoryError>(py) {
        return Err(failure.into());
    }
    let this = value_of::<T>(transport);
    let listed = (this.kind(), transport.to_owned().into());
    let owed = (this.kind(), transport.to_owned().into(), error.to_owned().into());
    this.owner().get().queues.with(py, |queues| {
        queues.owed_ends.push(owed);
        queues.unsent.push(listed);
    });
    Ok(())
}

/// Called by the loop: tells the protocol, then closes the descriptor, whatever the protocol raised.
pub(crate) fn connection_lost<T: Transport>(
    transport: Argument<'_>,
    error: Argument<'_>,
) -> Result<(), ErrorSet> {
    let this = value_of::<T>(transport);
    let told = call_connection_lost(this.callee(transport.py()), error);
    let released = T::release(transport);
    told?;
    released
}

/// Takes a transport out of the table of descriptors; whether another stands there still, as the other half of a pipe may.
pub(crate) fn detach<T: Transport>(this: &T, py: Python<'_>, token: Option<Token>) -> bool {
    let Some(token) = token else { return false };
    let mut evicted = Evicted::default();
    let registry = &this.owner().get().registry;
    let detached = registry.with(py, |registry| registry.detach(this.kind(), token, &mut evicted));
    detached.is_some_and(|detached| detached.has_other_half)
}

/// `__del__`: a transport that is garbage while its descriptor is open was forgotten by somebody.
pub(crate) fn finalize<T: Transport>(transport: Argument<'_>) -> PyResult<()> {
    let py = transport.py();
    let this = value_of::<T>(transport);
    if this.inner().with(py, |inner| inner.parts().is_closed) {
        return Ok(());
    }
    let text = format!("unclosed transport {}", T::represent(transport));
    let category = py.get_type::<PyResourceWarning>();
    let hooks = &this.owner().get().imports.hooks;
    let warned = hooks.warn_of_resource(py, Text(&text), category, transport);
    this.forget(py);
    T::release(transport).map_err(|raised| raised.take(py))?;
    warned.map(drop)
}
