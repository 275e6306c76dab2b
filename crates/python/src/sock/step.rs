//! The steps of an operation. The first one makes an attempt and, if that would block, puts the operation into the
//! registry; the last one returns the result.
//!
//! The socket, the loop's `create_future` and evicted objects may run Python code; no borrow is alive meanwhile.

use std::os::fd::RawFd;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::attempt::{Attempt, Place};
use super::operation::{Operation, Stage, closed, fail_if_closed, leave};
use super::work::Work;
use crate::error::os_error;
use crate::ffi::call::call_method;
use crate::ffi::coroutine::{Coroutine, Step};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::ffi::weak_reference::WeakReference;
use crate::loop_state::Modes;
use crate::name;
use crate::registry::{Direction, Evicted};
use crate::wrong_thread;

impl Coroutine for Operation {
    fn step(operation: This<'_, Self>, sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = operation.py();
        let stage = operation.inner.with(py, |inner| match inner.stage {
            Stage::Created if !sends_none => Stage::Created,
            Stage::Created => std::mem::replace(&mut inner.stage, Stage::Running),
            Stage::Ready(_) => std::mem::replace(&mut inner.stage, Stage::Finished),
            Stage::Running => Stage::Running,
            Stage::Waiting(direction) => Stage::Waiting(direction),
            Stage::Finished => Stage::Finished,
        });
        match stage {
            Stage::Created if !sends_none => {
                Err(new_error::<PyTypeError>("can't send non-None value to a just-started coroutine").into())
            }
            Stage::Created => first_step(operation),
            Stage::Ready(outcome) => Ok(Step::Return(outcome?.into_bound(py))),
            Stage::Running => Err(new_error::<PyValueError>("coroutine already executing").into()),
            Stage::Waiting(_) => Err(new_error::<PyRuntimeError>("await wasn't used with future").into()),
            Stage::Finished => {
                Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
            }
        }
    }

    fn abandon(operation: This<'_, Self>) -> bool {
        let py = operation.py();
        let (waited, was_alive) = operation.inner.with(py, |inner| match inner.stage {
            Stage::Waiting(direction) => (Some((direction, inner.descriptor)), true),
            Stage::Finished => (None, false),
            _ => (None, true),
        });
        operation.end(py);
        if let Some((direction, descriptor)) = waited {
            // A read is likely to be followed by another on the same socket; a write that did not fit is not.
            leave(operation, descriptor, direction, direction == Direction::Read);
        }
        was_alive
    }

    fn qualified_name(operation: This<'_, Self>) -> &'static str {
        operation.name()
    }
}

/// Makes the first step: tries, and waits if necessary.
fn first_step(operation: This<'_, Operation>) -> Result<Step<'_>, ErrorSet> {
    let py = operation.py();
    let (work, socket) = operation.inner.with(py, |inner| (inner.work.take(), inner.socket.take()));
    let (Some(mut work), Some(socket)) = (work, socket) else {
        operation.end(py);
        return Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into());
    };
    match first_attempt(py, &operation, &mut work, &socket) {
        Ok((Attempt::Done { result, .. }, _)) => {
            operation.end(py);
            Ok(Step::Return(result))
        }
        Ok((Attempt::Wait, descriptor)) => {
            let direction = work.direction();
            let waiting = wait(operation, work, socket, descriptor);
            if waiting.is_err() {
                operation.end(py);
                leave(operation, descriptor, direction, false);
            }
            waiting.map(Step::Yield)
        }
        Err(raised) => {
            operation.end(py);
            Err(raised)
        }
    }
}

/// Makes the first attempt, and returns the number of the socket. A read is not tried if nothing is known to be there.
fn first_attempt<'py>(
    py: Python<'py>,
    operation: &Operation,
    work: &mut Work,
    socket: &SocketObject,
) -> Result<(Attempt<'py>, RawFd), ErrorSet> {
    let owner = operation.owner.get();
    wrong_thread::refuse_in_debug(owner)?;
    if owner.modes.any(Modes::DEBUG)
        && !socket.bind(py).call_method0(name!("gettimeout"))?.eq(make::integer(py, 0)?)?
    {
        return Err(new_error::<PyValueError>("the socket must be non-blocking").into());
    }
    let descriptor = socket.descriptor(py);
    if work.is_begun() {
        return Ok((Attempt::Wait, descriptor));
    }
    let object = socket.bind(py).as_borrowed();
    let known = owner.registry.with(py, |registry| registry.known_socket(descriptor, object));
    if known.is_some_and(|known| known.is_drained) && work.may_wait_untried(py) {
        return Ok((Attempt::Wait, descriptor));
    }
    let attempt = work.attempt(&Place { py, owner, socket })?;
    if let (Some(known), Attempt::Done { is_drained, .. }, Direction::Read) =
        (known, &attempt, work.direction())
    {
        owner.registry.with(py, |registry| registry.note_read(known, *is_drained));
    }
    Ok((attempt, descriptor))
}

/// Enters the operation in the table and returns the future that the task waits for.
fn wait<'py>(
    operation: This<'py, Operation>,
    work: Work,
    socket: SocketObject,
    descriptor: RawFd,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = operation.py();
    let owner = operation.owner.bind(py);
    owner.get().check_open()?;
    let future = call_method(owner.as_any().as_borrowed(), name!("create_future"), &[])?;
    // The mark by which a task distinguishes `await` from a bare `yield`.
    future.setattr(name!("_asyncio_future_blocking"), true)?;
    let direction = work.direction();
    register(operation, &socket, direction, descriptor)?;
    operation.inner.with(py, |inner| {
        inner.stage = Stage::Waiting(direction);
        inner.work = Some(work);
        inner.socket = Some(socket);
        inner.future = Some(future.clone().into());
        inner.descriptor = descriptor;
    });
    Ok(future)
}

/// Registers the operation. `descriptor` is the number of the first attempt. User code that ran since may have closed
/// the socket, so the number is compared right before it is registered: another file must not be watched.
fn register(
    operation: This<'_, Operation>,
    socket: &SocketObject,
    direction: Direction,
    descriptor: RawFd,
) -> Result<(), ErrorSet> {
    let py = operation.py();
    let state = operation.owner.get();
    let refuse_another = || if socket.descriptor(py) == descriptor { Ok(()) } else { Err(closed()) };
    refuse_another()?;
    let socket_object = socket.bind(py).as_borrowed();
    let mut evicted = Evicted::default();
    let again = state.registry.with(py, |registry| {
        let known = registry.known_socket(descriptor, socket_object)?;
        Some(registry.wait_again(known, direction, operation.object().to_owned().into(), &mut evicted))
    });
    let told = match again {
        Some(told) => told,
        None => {
            operation.owner.bind(py).call_method1(
                name!("_ensure_fd_no_transport"),
                (make::integer(py, i64::from(descriptor))?,),
            )?;
            let socket = (socket_object, WeakReference::to(socket_object)?);
            refuse_another()?;
            let object = operation.object().to_owned().into();
            state
                .registry
                .with(py, |registry| registry.wait_first(descriptor, direction, object, socket, &mut evicted))
        }
    };
    state.queues.with(py, |queues| queues.closed_check.has_waits = true);
    cancel_evicted(py, evicted)?;
    told.map_err(|error| os_error(&error))?;
    Ok(())
}

/// Handles what was evicted: callbacks are cancelled. An operation waits for ever, as in asyncio, unless its socket is
/// closed.
fn cancel_evicted(py: Python<'_>, evicted: Evicted) -> Result<(), ErrorSet> {
    for handle in &evicted.handles {
        handle.to_object(py).call_method0(name!("cancel"))?;
    }
    evicted.operations.iter().try_for_each(|operation| fail_if_closed(operation.bind_borrowed(py)))
}
