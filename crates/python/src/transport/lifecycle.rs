//! The life of a transport from `connection_made` to `connection_lost`, for streams, datagrams and pipes.
//!
//! The state makes the decisions; the functions here carry them out with the kernel, the protocol and the loop. No
//! function holds a borrow while it calls user code, and each reads the state again afterwards.

use pyo3::exceptions::{PyMemoryError, PyResourceWarning};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;
use reactor::Interest;
use stream::{Closing, Drained};

use super::callbacks::{call_connection_lost, call_connection_made, runs_elsewhere, schedule, wake};
use super::flow::resume_if_low;
use super::interest::{ask_kernel, interest_of};
use super::state::{Inner, Transport};
use crate::error::os_error;
use crate::ffi::constants::none;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::name::Text;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{Evicted, SourceKind};

/// Creates a transport. Reading starts with [`begin`].
pub(crate) fn open<'py, I: Inner>(
    owner: &Bound<'py, EventLoop>,
    kind: SourceKind,
    mut inner: I,
) -> Result<Bound<'py, Transport<I>>, ErrorSet> {
    let py = owner.py();
    let number = inner.common().number;
    let value = Transport { owner: owner.clone().into(), kind, inner: GilCell::new(inner) };
    let transport = I::class_of(kind).instance(py, value)?;
    let object = transport.clone().into_any();
    // Only the user owns the transport of a pipe, until the kernel is asked to watch it.
    let held = if kind.is_pipe() { PyWeakrefReference::new(&object)?.into_any() } else { object };
    let (token, evicted) =
        owner.get().registry.with(py, |registry| registry.attach(number, kind, held.into()));
    drop(evicted);
    This::from(&transport).inner.with(py, |inner| inner.common().token = Some(token));
    Ok(transport)
}

/// Schedules `_begin` for the loop's next turn; it calls `connection_made` and then wakes the waiter. Only the calls of
/// the protocol run in the connection's own context.
pub(crate) fn schedule_begin<I: Inner>(
    transport: This<'_, Transport<I>>,
    waiter: Option<Borrowed<'_>>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let begin = transport.object().get_type().getattr(name!("_begin"))?;
    let none = none(py);
    let arguments = [transport.object(), waiter.unwrap_or(none.as_borrowed())];
    schedule(transport.owner.bind(py), begin.as_borrowed(), &arguments, None)
}

/// Calls `connection_made` and starts watching. An exception in that call is passed to the exception handler, and the
/// transport stays open, as in asyncio.
pub(crate) fn begin<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let mut outcome = Ok(());
    if let Some(callee) = transport.callee(py) {
        let made = call_connection_made(transport.owner.bind(py), &callee, transport.object());
        outcome = made.map_err(|raised| raised.take(py));
    }
    // Also while a KeyboardInterrupt leaves the loop: the next run continues.
    let wanted = transport.inner.with(py, |inner| {
        inner.start();
        interest_of(inner.interest())
    });
    // The table has held the transport so far, and must release it if the kernel is asked for nothing.
    tell_kernel(transport, wanted)?;
    Ok(outcome?)
}

/// Does the same and wakes a waiter, also while a KeyboardInterrupt leaves the loop.
pub(crate) fn begin_and_wake<I: Inner>(
    transport: This<'_, Transport<I>>,
    waiter: Borrowed<'_>,
) -> Result<(), ErrorSet> {
    let begun = begin(transport).map_err(|raised| raised.take(transport.py()));
    wake(waiter)?;
    Ok(begun?)
}

/// Updates the kernel's interest from the state. If the kernel refuses, the transport ends.
#[inline(always)]
pub(crate) fn update_interest<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let changed = transport.inner.with(transport.py(), |inner| {
        let wanted = interest_of(inner.interest());
        (wanted != inner.common().watched).then_some(wanted)
    });
    match changed {
        None => Ok(()),
        Some(wanted) => tell_kernel(transport, wanted),
    }
}

fn tell_kernel<I: Inner>(transport: This<'_, Transport<I>>, wanted: Interest) -> Result<(), ErrorSet> {
    let py = transport.py();
    let token = transport.inner.with(py, |inner| {
        let common = inner.common();
        common.watched = wanted;
        common.token
    });
    let Some(token) = token else { return Ok(()) };
    let Err(error) = ask_kernel(transport.owner.get(), transport.object(), transport.kind, token, wanted)?
    else {
        return Ok(());
    };
    let error = os_error(&error);
    let reported = I::report_unwatchable(transport, &error);
    force_close(transport, Some(error))?;
    Ok(reported?)
}

/// Implements `transport.close()`: the queue is sent first.
pub(crate) fn close<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    if transport.inner.with(py, |inner| inner.state().is_closing()) {
        return Ok(());
    }
    I::flush(transport)?;
    let closing = transport.inner.with(py, |inner| {
        let is_sent = inner.waiting() == 0;
        inner.state().close(is_sent)
    });
    finish_close(transport, closing, None)
}

/// Implements `transport.abort()`: bytes written in this turn are still sent if there is room, as they would have been
/// in asyncio.
pub(crate) fn abort<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    I::flush(transport)?;
    force_close(transport, error)
}

/// Loses the transport, to an error or by `abort()`. The queue is dropped.
pub(crate) fn force_close<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    let closing = forget(transport);
    finish_close(transport, closing, error)
}

fn forget<I: Inner>(transport: This<'_, Transport<I>>) -> Closing {
    let py = transport.py();
    let closing = transport.inner.with(py, |inner| inner.state().lose());
    I::discard(transport.value(), py);
    closing
}

/// Does the steps after the state has decided on an end.
fn finish_close<I: Inner>(
    transport: This<'_, Transport<I>>,
    closing: Closing,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    // No other code would schedule the end.
    let settled = update_interest(transport).map_err(|raised| raised.take(transport.py()));
    if closing == Closing::Lose {
        schedule_lost(transport, error)?;
    }
    Ok(settled?)
}

/// Resumes the protocol after a send, and does the pending steps once the queue is empty. After one in another thread
/// than the loop's, the loop does that: the protocol's context may be entered there, and futures are its own.
pub(crate) fn after_send<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    if runs_elsewhere(transport.owner.get()) {
        let method = transport.object().get_type().getattr(name!("_after_send"))?;
        return schedule(transport.owner.bind(py), method.as_borrowed(), &[transport.object()], None);
    }
    let resumed = resume_if_low(transport).map_err(|raised| raised.take(py));
    let drained = transport.inner.with(py, |inner| {
        let is_over = inner.waiting() == 0 && !inner.state().is_lost();
        is_over.then(|| inner.state().drained())
    });
    let woken = if drained.is_some() { I::on_drained(transport) } else { Ok(()) };
    let woken = woken.map_err(|raised| raised.take(py));
    let settled = update_interest(transport).map_err(|raised| raised.take(py));
    // The state has already advanced, so this step follows even after an error: no other code would end the transport.
    match drained {
        None | Some(Drained::Nothing) => {}
        Some(Drained::Lose) => schedule_lost(transport, None)?,
        Some(Drained::Shutdown) => I::shut_down(transport)?,
    }
    Ok(resumed.and(woken).and(settled)?)
}

/// Schedules `_call_connection_lost` for the loop's next turn, in the transport's context.
pub(crate) fn schedule_lost<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: Option<PyErr>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let error = match error {
        Some(error) => error.into_value(py).into_bound(py).into_any(),
        None => none(py),
    };
    schedule_end(transport, error.as_borrowed())
}

/// Does the same for an exception as an object, or None. If there is no memory for it the loop tries again at the end
/// of each turn: no later event would schedule it.
pub(crate) fn schedule_end<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: Borrowed<'_>,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    let context = transport.inner.with(py, |inner| inner.common().context.clone_ref(py));
    let method = transport.object().get_type().getattr(name!("_call_connection_lost"))?;
    let (owner, context) = (transport.owner.bind(py), context.bind_borrowed(py));
    let scheduled = schedule(owner, method.as_borrowed(), &[transport.object(), error], Some(context));
    scheduled.or_else(|raised| owe_end(transport.owner.get(), transport.object(), error, raised.take(py)))
}

/// Lets the loop try again to schedule the end of a transport, if `failure` is a lack of memory.
#[cold]
pub(crate) fn owe_end(
    owner: &EventLoop,
    transport: Borrowed<'_>,
    error: Borrowed<'_>,
    failure: PyErr,
) -> Result<(), ErrorSet> {
    let py = transport.py();
    if !failure.is_instance_of::<PyMemoryError>(py) {
        return Err(failure.into());
    }
    let object = || transport.to_owned().into();
    let listed = object();
    let owed = (object(), error.to_owned().into());
    owner.queues.with(py, |queues| {
        queues.owed_ends.push(owed);
        queues.unsent.push(listed);
    });
    Ok(())
}

/// Notifies the protocol, then closes the descriptor, even if the protocol raised an exception. The loop calls this. In
/// another thread than that of a running loop it is left to the loop, which may be reading from the descriptor.
pub(crate) fn connection_lost<I: Inner>(
    transport: This<'_, Transport<I>>,
    error: Borrowed<'_>,
) -> Result<(), ErrorSet> {
    if runs_elsewhere(transport.owner.get()) {
        return schedule_end(transport, error);
    }
    let told = call_connection_lost(transport.callee(transport.py()), error);
    let released = dispose(transport);
    told?;
    released
}

/// Removes a transport from the table of descriptors, closes the descriptor and releases all objects.
pub(crate) fn dispose<I: Inner>(transport: This<'_, Transport<I>>) -> Result<(), ErrorSet> {
    let py = transport.py();
    let (token, protocol) = transport.inner.with(py, |inner| {
        let common = inner.common();
        (common.token.take(), common.protocol.take())
    });
    let has_other_half = token.is_some_and(|token| {
        let mut evicted = Evicted::default();
        let registry = &transport.owner.get().registry;
        let detached = registry.with(py, |registry| registry.detach(transport.kind, token, &mut evicted));
        detached.is_some_and(|detached| detached.has_other_half)
    });
    // The exception is fetched here, because the following calls must not run with an exception set.
    let closed = I::close_descriptor(transport).map_err(|raised| raised.take(py));
    drop(protocol);
    I::after_close(transport, has_other_half)?;
    Ok(closed?)
}

/// Implements `__del__`: warns of a transport that is garbage while its descriptor is open.
pub(crate) fn finalize<I: Inner>(transport: This<'_, Transport<I>>) -> PyResult<()> {
    let py = transport.py();
    if transport.inner.with(py, |inner| inner.is_closed()) {
        return Ok(());
    }
    let text = format!("unclosed transport {}", I::represent(transport));
    let category = py.get_type::<PyResourceWarning>();
    let hooks = &transport.owner.get().imports.hooks;
    let warned = hooks.warn_of_resource(py, Text(&text), category, transport.object());
    forget(transport);
    dispose(transport).map_err(|raised| raised.take(py))?;
    warned.map(drop)
}
