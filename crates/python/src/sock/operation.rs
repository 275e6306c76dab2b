//! The states of one `sock_*` call: created, running, waiting, ready, finished.
//!
//! An operation is a coroutine. Its first step (`step`) makes an attempt. If the attempt would block, the step yields a
//! future of the loop and adds the operation to the table of watched descriptors. When the descriptor is ready, the
//! loop makes the next attempt in its poll phase, without a handle, stores the result in the operation and completes
//! the future. Data that was received before a cancellation arrives is lost with the operation, as in asyncio.
//!
//! An attempt may run Python code, which may throw into this operation or close its socket. So the work is moved out of
//! the object during an attempt, and the code checks the stage again afterwards.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::attempt::{Attempt, Place};
use super::work::Work;
use crate::error::os_error;
use crate::ffi::call::call_method;
use crate::ffi::coroutine::warn_of_forgotten;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::method::Call;
use crate::ffi::object::Object;
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::protocol;
use crate::registry::{Direction, Evicted};
use reactor::Readiness;

/// One `sock_*` call.
pub(crate) struct Operation {
    pub(super) owner: Object<EventLoop>,
    name: &'static str,
    pub(super) inner: GilCell<Inner>,
}

pub(super) struct Inner {
    pub(super) stage: Stage,
    /// Absent during an attempt, and at the end.
    pub(super) work: Option<Work>,
    pub(super) socket: Option<SocketObject>,
    pub(super) future: Option<Object>,
    /// The number that the operation waits with.
    pub(super) descriptor: RawFd,
}

pub(super) enum Stage {
    Created,
    Running,
    Waiting(Direction),
    Ready(PyResult<Object>),
    Finished,
}

/// Creates an operation, unless something is wrong with it.
pub(super) fn make<'py>(
    call: &Call<'py, EventLoop>,
    name: &'static str,
    socket: SocketObject,
    work: Work,
) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    instance(call, name, socket, work).map(Some)
}

/// Creates an operation.
pub(super) fn instance<'py>(
    call: &Call<'py, EventLoop>,
    name: &'static str,
    socket: SocketObject,
    work: Work,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let owner = call.receiver().to_owned().cast_into::<EventLoop>().map_err(PyErr::from)?;
    create(&owner, name, socket, work).map(Bound::into_any)
}

/// Creates an operation that waits until a connection is made which was requested already.
pub(crate) fn connecting<'py>(
    owner: &Bound<'py, EventLoop>,
    socket: SocketObject,
    address: Bound<'py, PyAny>,
) -> Result<Bound<'py, Operation>, ErrorSet> {
    create(owner, "Loop.sock_connect", socket, Work::Connect { address: address.into(), is_begun: true })
}

fn create<'py>(
    owner: &Bound<'py, EventLoop>,
    name: &'static str,
    socket: SocketObject,
    work: Work,
) -> Result<Bound<'py, Operation>, ErrorSet> {
    let inner =
        Inner { stage: Stage::Created, work: Some(work), socket: Some(socket), future: None, descriptor: -1 };
    let operation = Operation { owner: owner.clone().into(), name, inner: GilCell::new(inner) };
    Operation::class().instance(owner.py(), operation)
}

impl ClassValue for Operation {
    type Head = Weak;

    one_class!(Operation);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.inner.peek(|inner| {
            visit.maybe(inner.socket.as_ref().map(SocketObject::object));
            visit.maybe(inner.future.as_ref());
            if let Some(work) = &inner.work {
                work.visit(visit);
            }
            if let Stage::Ready(Ok(result)) = &inner.stage {
                visit.object(result);
            }
        });
    }

    fn clear(&self, py: Python<'_>) {
        drop(self.finish(py));
    }

    #[inline(always)]
    fn on_dealloc(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        match self.inner.with(py, |inner| matches!(inner.stage, Stage::Created)) {
            true => warn_of_forgotten(py, self.name),
            false => Ok(()),
        }
    }
}

impl Operation {
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Ends the operation in any stage, and returns its contents for the caller to drop.
    fn finish(&self, py: Python<'_>) -> (Stage, Option<Work>, Option<SocketObject>, Option<Object>) {
        self.inner.with(py, |inner| {
            let stage = match inner.stage {
                // A warning follows when an object that was never awaited is freed.
                Stage::Created => Stage::Created,
                _ => std::mem::replace(&mut inner.stage, Stage::Finished),
            };
            (stage, inner.work.take(), inner.socket.take(), inner.future.take())
        })
    }

    pub(super) fn end(&self, py: Python<'_>) {
        let stage = self.inner.with(py, |inner| std::mem::replace(&mut inner.stage, Stage::Finished));
        drop((stage, self.finish(py)));
    }
}

/// Removes an operation from the table, if it is still there.
pub(super) fn leave(operation: This<'_, Operation>, descriptor: RawFd, direction: Direction, lingers: bool) {
    let mut evicted = Evicted::default();
    let registry = &operation.owner.get().registry;
    // An error from the kernel at the end of a wait does not affect the task.
    drop(registry.with(operation.py(), |registry| {
        registry.end_wait(descriptor, direction, operation.object(), lingers, &mut evicted)
    }));
}

/// Ends an operation whose socket was closed during its wait. The object is one of the registry's operations.
pub(super) fn fail_if_closed(object: Borrowed<'_>) -> Result<(), ErrorSet> {
    let Some(operation) = This::<Operation>::cast(object) else { return Ok(()) };
    let py = operation.py();
    let waiting = operation.inner.with(py, |inner| {
        let is_waiting = matches!(inner.stage, Stage::Waiting(_));
        Some((inner.socket.as_ref().filter(|_| is_waiting)?.clone_ref(py), inner.descriptor))
    });
    let Some((socket, descriptor)) = waiting else { return Ok(()) };
    if socket.descriptor(py) == descriptor {
        return Ok(());
    }
    complete(operation, Err(closed()))
}

/// Makes the next attempt of an operation whose descriptor is ready. The object is one of the registry's operations.
pub(crate) fn on_ready(object: Borrowed<'_>, readiness: Readiness) -> Result<(), ErrorSet> {
    let Some(operation) = This::<Operation>::cast(object) else { return Ok(()) };
    let py = operation.py();
    let taken = operation.inner.with(py, |inner| {
        let is_due = match inner.stage {
            Stage::Waiting(Direction::Read) => readiness.readable(),
            Stage::Waiting(Direction::Write) => readiness.writable(),
            _ => false,
        };
        if !is_due {
            return None;
        }
        let (socket, future) = (inner.socket.as_ref()?.clone_ref(py), inner.future.as_ref()?.clone_ref(py));
        Some((inner.work.take()?, socket, future, inner.descriptor))
    });
    let Some((mut work, socket, future, descriptor)) = taken else { return Ok(()) };
    let outcome = try_again(&operation, &mut work, &socket, future.bind_borrowed(py), descriptor);
    if matches!((&work, &outcome), (Work::Receive { .. }, Ok(Some(Ok(_))))) {
        operation.owner.get().note_harmless_wakeup(future.bind(py));
    }
    // Code that threw into the operation meanwhile has precedence; then the work is dropped here.
    let is_waiting = operation.inner.with(py, |inner| {
        if matches!(inner.stage, Stage::Waiting(_)) {
            inner.work = Some(work);
            return None;
        }
        Some(work)
    });
    match (is_waiting, outcome?) {
        (None, Some(outcome)) => complete(operation, outcome),
        _ => Ok(()),
    }
}

/// Returns the result of another attempt, if there is one.
fn try_again(
    operation: &Operation,
    work: &mut Work,
    socket: &SocketObject,
    future: Borrowed<'_>,
    descriptor: RawFd,
) -> Result<Option<PyResult<Object>>, ErrorSet> {
    let py = future.py();
    let owner = operation.owner.get();
    if call_method(future, name!("done"), &[])?.is_truthy()? {
        // Cancelled: the task will throw that into the operation, and bytes that can be read stay where they are.
        return Ok(None);
    }
    if socket.descriptor(py) != descriptor {
        return Ok(Some(Err(closed())));
    }
    let direction = work.direction();
    match work.attempt(&Place { py, owner, socket }) {
        Ok(Attempt::Wait) => Ok(None),
        Ok(Attempt::Done { result, is_drained }) => {
            if direction == Direction::Read {
                owner.registry.with(py, |registry| {
                    if let Some(known) = registry.known_socket(descriptor, socket.bind(py).as_borrowed()) {
                        registry.note_read(known, is_drained);
                    }
                });
            }
            Ok(Some(Ok(result.into())))
        }
        Err(raised) => Ok(Some(Err(protocol::failure(py, raised)?))),
    }
}

/// Ends a wait: the outcome is kept for the task, which is woken.
fn complete(operation: This<'_, Operation>, outcome: PyResult<Object>) -> Result<(), ErrorSet> {
    let py = operation.py();
    let direction_and_more = operation.inner.with(py, |inner| {
        let Stage::Waiting(direction) = inner.stage else { return None };
        inner.stage = Stage::Ready(Ok(py.None().into_bound(py).into()));
        Some((direction, inner.descriptor, inner.work.take(), inner.socket.take(), inner.future.take()))
    });
    let Some((direction, descriptor, work, socket, future)) = direction_and_more else { return Ok(()) };
    let lingers = outcome.is_ok() && work.as_ref().is_some_and(Work::lingers);
    let before = operation.inner.with(py, |inner| std::mem::replace(&mut inner.stage, Stage::Ready(outcome)));
    leave(operation, descriptor, direction, lingers);
    drop((before, work, socket));
    if let Some(future) = future {
        let future = future.bind_borrowed(py);
        if !call_method(future, name!("done"), &[])?.is_truthy()? {
            call_method(future, name!("set_result"), &[py.None().bind_borrowed(py)])?;
        }
    }
    Ok(())
}

/// Ends the wait of one of the registry's operations because the kernel does not watch the descriptor any more.
pub(crate) fn refuse(object: Borrowed<'_>, error: &io::Error) -> PyResult<()> {
    let Some(operation) = This::<Operation>::cast(object) else { return Ok(()) };
    complete(operation, Err(os_error(error))).map_err(|raised| raised.take(operation.py()))
}

/// Returns the error of an operation whose socket was closed meanwhile.
pub(super) fn closed() -> PyErr {
    os_error(&io::Error::from_raw_os_error(libc::EBADF))
}
