//! What native transports do alike, whatever they move their bytes with: ask the kernel, call the protocol, drain a queue.
//!
//! It knows no transport: where one stands and what comes next is decided by its owner, which calls these with no borrow
//! alive, since all but the sending may run code of the user's.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString, PyWeakrefMethods, PyWeakrefReference};
use reactor::{Interest, Token};
use stream::{Flow, WriteQueue};

use crate::buffer::View;
use crate::ffi::answer::{none, truth};
use crate::ffi::arguments::named;
use crate::ffi::bytes::{self, Bytes};
use crate::ffi::call::call_method;
use crate::ffi::handle_object::Flags;
use crate::ffi::handle_pool::Content;
use crate::ffi::method::{Argument, Call};
use crate::ffi::native::{Native, value_of};
use crate::ffi::raised::Raised;
use crate::handle;
use crate::loop_state::EventLoop;
use crate::protocol::{self, Callee};
use crate::watches::Half;

/// What is worth gathering before it is sent. Longer writes leave at once: with 100 connections that each echo 64 KiB, what
/// waits for the end of the turn would have left the cache by then, and cost twice as much.
const GATHER_AT_MOST: usize = 16 * 1024;

/// Slices of one call. Small writes are gathered into one piece, so these are long ones, or kept from before.
const SLICES: usize = 64;

/// What `write()` has to do beyond the queue.
pub(crate) enum Next {
    Nothing,
    /// The transport goes on the loop's list, to be flushed at the end of the turn.
    List,
    /// It is sent now.
    Send,
    /// The kernel has no room: the protocol may have to pause.
    Pause,
}

impl Next {
    /// After a write that left `length` bytes in the queue. `is_listed` says whether the loop has the transport on its
    /// list, `runs_here` whether that will be worked off by this thread.
    #[inline(always)]
    pub(crate) fn of(
        length: usize,
        flow: &Flow,
        blocked: bool,
        runs_here: bool,
        is_listed: &mut bool,
    ) -> Self {
        if blocked {
            return if length > flow.high() { Self::Pause } else { Self::Nothing };
        }
        if !runs_here || length > GATHER_AT_MOST.min(flow.high()) {
            return Self::Send;
        }
        if *is_listed {
            return Self::Nothing;
        }
        *is_listed = true;
        Self::List
    }
}

/// Offers the kernel what waits, by the call for one piece or the one for several. `Ok(true)`: all is sent; `Ok(false)`: the
/// kernel has no more room.
#[inline(always)]
pub(crate) fn send(
    queue: &mut WriteQueue<Bytes>,
    one: impl Fn(&[u8]) -> io::Result<usize>,
    several: impl Fn(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<bool> {
    while !queue.is_empty() {
        let (offered, sent) = match queue.only() {
            Some(bytes) => (bytes.len(), one(bytes)),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = queue.slices(&mut slices);
                let offered = slices[..count].iter().map(|slice| slice.len()).sum();
                (offered, several(&slices[..count]))
            }
        };
        match sent {
            Ok(count) => {
                queue.advance(count);
                if count < offered {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What a state asks the kernel for, in the kernel's words.
#[inline(always)]
pub(crate) fn interest_of(wanted: stream::Interest) -> Interest {
    let mut interest = Interest::NONE;
    if wanted.readable {
        interest = interest.with(Interest::READABLE);
    }
    if wanted.writable {
        interest = interest.with(Interest::WRITABLE);
    }
    interest
}

/// Asks the kernel for something else on behalf of a transport. A transport that asks for nothing is its user's alone, so
/// that it can become garbage.
pub(crate) fn ask_kernel(
    owner: &EventLoop,
    transport: Argument<'_>,
    half: Half,
    token: Token,
    wanted: Interest,
) -> Result<io::Result<()>, Raised> {
    let object = if wanted.is_empty() {
        PyWeakrefReference::new(&transport.to_owned())?.into_any().into()
    } else {
        transport.to_owned().into()
    };
    let (displaced, told) =
        owner.kernel.with(transport.py(), |kernel| kernel.ask(half, token, wanted, object));
    drop(displaced);
    // Not thread-safe by asyncio's rules, but a write from another thread that the kernel has no room for goes on there.
    owner.wake_if_elsewhere()?;
    Ok(told)
}

/// The transport behind what the table of descriptors holds, which is a weak reference while the kernel is asked for nothing.
pub(crate) fn alive(held: Bound<'_, PyAny>) -> Option<Bound<'_, PyAny>> {
    match held.cast::<PyWeakrefReference>() {
        Ok(weak) => weak.upgrade(),
        Err(_) => Some(held),
    }
}

/// A read into the loop's buffer, copied into an object of the right size. `None`: there is nothing more to come.
#[inline(always)]
pub(crate) fn receive<'py>(
    py: Python<'py>,
    owner: &EventLoop,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<usize>,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, Raised> {
    owner.inbound.with(py, |buffer| match buffer.receive(fill) {
        Ok([]) => Ok(Ok(None)),
        Ok(content) => bytes::copy(py, content).map(|data| Ok(Some(data))),
        Err(error) => Ok(Err(error)),
    })
}

/// Has the loop call something at its next turn, in the given context or in a copy of the current one.
pub(crate) fn schedule<'py>(
    owner: &Bound<'py, EventLoop>,
    callback: Argument<'py>,
    arguments: &[Argument<'py>],
    context: Option<Argument<'py>>,
) -> Result<(), Raised> {
    let py = owner.py();
    let state = owner.get();
    state.check_open()?;
    let content = Content {
        owner: owner.as_any().as_borrowed(),
        callback,
        arguments,
        context,
        flags: Flags::NONE,
        when: 0.0,
        tracked: true,
    };
    let handle = state.pool.make(py, content)?;
    state.push_ready(py, handle);
    Ok(())
}

/// Has the loop call the method that tells of the end, at its next turn and in the connection's context.
pub(crate) fn schedule_lost<'py>(
    owner: &Bound<'py, EventLoop>,
    method: Argument<'py>,
    transport: Argument<'py>,
    context: Argument<'py>,
    error: Option<PyErr>,
) -> Result<(), Raised> {
    let py = owner.py();
    let error = match error {
        Some(error) => error.into_value(py).into_bound(py).into_any(),
        None => none(py),
    };
    schedule(owner, method, &[transport, error.as_borrowed()], Some(context))
}

/// Tells a protocol of the end. The handle that calls this has entered the connection's context.
pub(crate) fn call_connection_lost(
    owner: &EventLoop,
    callee: Option<Callee<'_>>,
    error: Argument<'_>,
) -> PyResult<()> {
    let Some(callee) = callee else { return Ok(()) };
    let name = &owner.imports.names.protocol.connection_lost;
    let told = call_method(callee.protocol.as_borrowed(), name, &[error]);
    told.map(drop).map_err(|raised| raised.take(error.py()))
}

/// Refuses what is no protocol, such as the coroutine of a factory that is `async`, before anything is made for it: asyncio's
/// constructors look `connection_made` up, too.
pub(crate) fn check_protocol(owner: &EventLoop, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
    protocol.getattr(&owner.imports.names.protocol.connection_made).map(drop)
}

/// Calls `connection_made`. An exception in there goes to the exception handler, and the connection lives on, as in asyncio.
pub(crate) fn call_connection_made<'py>(
    owner: &Bound<'py, EventLoop>,
    callee: &Callee<'py>,
    transport: Argument<'py>,
) -> Result<(), Raised> {
    let name = &owner.get().imports.names.protocol.connection_made;
    match callee.call(name, &[transport]) {
        Ok(_) => Ok(()),
        Err(raised) => report_as_callback(owner, callee, name, transport, raised),
    }
}

/// Reports an exception of `connection_made` as asyncio does, where that is a callback of the loop's.
#[cold]
fn report_as_callback<'py>(
    owner: &Bound<'py, EventLoop>,
    callee: &Callee<'py>,
    name: &Py<PyString>,
    transport: Argument<'py>,
    raised: Raised,
) -> Result<(), Raised> {
    let py = owner.py();
    let error = protocol::failure(py, raised)?;
    let method = callee.protocol.getattr(name)?;
    let made = handle::make_unscheduled(
        owner.as_any().as_borrowed(),
        method.as_borrowed(),
        &[transport],
        Some(callee.context.as_borrowed()),
    )?;
    handle::report(py, &made, error.into())
}

/// Wakes who waits for a transport to be connected, unless they wait no more.
pub(crate) fn wake(waiter: Argument<'_>) -> Result<(), Raised> {
    if !waiter.is_none() && !waiter.call_method0("cancelled")?.is_truthy()? {
        waiter.call_method1("set_result", (waiter.py().None(),))?;
    }
    Ok(())
}

/// Tells a protocol that it may write again.
pub(crate) fn resume_writing(
    owner: &Bound<'_, EventLoop>,
    callee: &Callee<'_>,
    transport: Argument<'_>,
) -> Result<(), Raised> {
    let told = callee.call(&owner.get().imports.names.protocol.resume_writing, &[]);
    report_failure(owner, callee, transport, told, "protocol.resume_writing() failed")
}

/// Tells a protocol not to write for a while. It is called from within its own call, in whatever context that has.
pub(crate) fn pause_writing(
    owner: &Bound<'_, EventLoop>,
    callee: &Callee<'_>,
    transport: Argument<'_>,
) -> Result<(), Raised> {
    let told = callee.call_here(&owner.get().imports.names.protocol.pause_writing);
    report_failure(owner, callee, transport, told, "protocol.pause_writing() failed")
}

/// Hands what a protocol raised to the exception handler; the transport lives on.
#[inline(always)]
pub(crate) fn report_failure(
    owner: &Bound<'_, EventLoop>,
    callee: &Callee<'_>,
    transport: Argument<'_>,
    outcome: Result<Bound<'_, PyAny>, Raised>,
    message: &str,
) -> Result<(), Raised> {
    match outcome {
        Ok(_) => Ok(()),
        Err(raised) => {
            let error = protocol::failure(owner.py(), raised)?;
            protocol::report(owner, message, &error, transport, Some(&callee.protocol))
        }
    }
}

/// A transport whose protocol is paused while too much waits to be written.
pub(crate) trait FlowControlled: Native {
    /// Runs a closure on its marks.
    fn flow<R>(&self, py: Python<'_>, body: impl FnOnce(&mut Flow) -> R) -> R;
}

/// `transport.set_write_buffer_limits(high=None, low=None)`, but for telling the protocol.
pub(crate) fn set_limits<T: FlowControlled>(call: &Call<'_>) -> Result<(), Raised> {
    let arguments = named(call, "set_write_buffer_limits", &["high", "low"])?;
    let number = |place: usize| -> PyResult<Option<i64>> {
        match arguments[place].filter(|value| !value.is_none()) {
            None => Ok(None),
            Some(value) => value.extract::<i64>().map(Some),
        }
    };
    let (high, low) = (number(0)?, number(1)?);
    let set = value_of::<T>(call.receiver()).flow(call.py, |flow| flow.set_limits(high, low));
    Ok(set.map_err(|refused| PyValueError::new_err(refused.to_string()))?)
}

/// `transport.get_write_buffer_limits()`.
pub(crate) fn limits<T: FlowControlled>(transport: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits()).into_pyobject(py)?.into_any())
}

/// `transport._protocol_paused`.
pub(crate) fn protocol_paused<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    let paused = value_of::<T>(transport).flow(py, |flow| flow.is_paused());
    Ok(truth(py, paused))
}

/// `transport._high_water`.
pub(crate) fn high_water<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits().1).into_pyobject(py)?.into_any())
}

/// `transport._low_water`.
pub(crate) fn low_water<T: FlowControlled>(transport: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = transport.py();
    Ok(value_of::<T>(transport).flow(py, |flow| flow.limits().0).into_pyobject(py)?.into_any())
}

/// Whether an object is of a type that transports write.
pub(crate) fn is_bytes_like(data: Argument<'_>) -> bool {
    data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
}

/// Bytes that nobody can change: the object itself if it is `bytes`, a copy of what else has bytes.
pub(crate) fn unchanging(data: Argument<'_>) -> Result<Bytes, Raised> {
    if let Some(bytes) = Bytes::of(data) {
        return Ok(bytes);
    }
    let py = data.py();
    let copy = match View::of(data) {
        Ok(view) => PyBytes::new(py, view.bytes()).into_any(),
        // Not in one piece: a copy of it is.
        Err(raised) => {
            drop(raised.take(py));
            data.call_method0("tobytes")?
        }
    };
    let copied = Bytes::of(copy.as_borrowed());
    copied.ok_or_else(|| PyTypeError::new_err("tobytes() returned something else than bytes").into())
}
