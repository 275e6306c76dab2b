//! The coroutine of a connection that is being made, in asyncio's turns.
//!
//! The first step requests the connection. One to this machine is made at once, although the kernel says that it is in
//! progress. An event would say so in the next turn; instead, the coroutine is on the loop's list for the ends of turns,
//! and its future is completed at the end of the next one. For any other connection the socket gets an object, and a
//! `sock_connect` operation waits for it. Then the protocol and the transport are created; `connection_made` is called
//! in the turn after that, and the coroutine ends in the next, as asyncio's does.
//!
//! The factory, the audit of a socket object and evicted objects may run Python code; no borrow is alive meanwhile.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use reactor::{Address, socket};

use super::request::Request;
use crate::error::os_error;
use crate::ffi::call::{call_method, call_plain};
use crate::ffi::class::Definition;
use crate::ffi::constants::{none, truth};
use crate::ffi::coroutine::{self, Coroutine, Step, warn_of_forgotten};
use crate::ffi::error::new_error;
use crate::ffi::getter::getter;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::object::Object;
use crate::ffi::socket_object::{SocketObject, socket_class};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::name;
use crate::sock::{self, Operation};
use crate::stream::{self, Connection, NewSocket};

const QUALIFIED_NAME: &str = "Loop.create_connection";

/// The turns that pass between the request of a connection and its event.
const TURNS_TO_EVENT: u8 = 1;

/// The turns between the creation of the transport and the end, without the one in which the coroutine ends.
const TURNS_TO_END: u8 = 1;

/// One call of `create_connection`.
pub(crate) struct ConnectTask {
    owner: Object<EventLoop>,
    stage: GilCell<Stage>,
}

enum Stage {
    /// Before the first step.
    Created(Request),
    Running,
    /// The connection is made. The future is completed at the end of a turn, before which so many others end.
    Connected {
        factory: Object,
        file: OwnedFd,
        peer: Address,
        future: Object,
        turns: u8,
    },
    /// The operation waits for the connection.
    Connecting {
        factory: Object,
        operation: Object<Operation>,
        socket: SocketObject,
    },
    /// The protocol and its transport are created; this many steps are left.
    Opened {
        transport: Object,
        protocol: Object,
        turns: u8,
    },
    Finished,
}

/// Creates the class.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        getters: vec![getter("cr_running", is_running)],
        is_hidden: true,
        ..Definition::new("ConnectTask", "A coroutine of create_connection().")
    };
    coroutine::make_class(module, ConnectTask::class(), definition).map(drop)
}

/// Creates the coroutine of a call.
pub(super) fn create<'py>(
    call: &Call<'py, EventLoop>,
    request: Request,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let owner = call.receiver().to_owned().cast_into::<EventLoop>().map_err(PyErr::from)?;
    let task = ConnectTask { owner: owner.into(), stage: GilCell::new(Stage::Created(request)) };
    Ok(ConnectTask::class().instance(call.py, task)?.into_any())
}

impl Coroutine for ConnectTask {
    fn step(task: This<'_, Self>, sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = task.py();
        match task.replace(py, Stage::Running) {
            // For the length of this call another thread finds it executing, as with a coroutine of `async def`.
            stage @ Stage::Created(_) if !sends_none => {
                drop(task.replace(py, stage));
                Err(new_error::<PyTypeError>("can't send non-None value to a just-started coroutine").into())
            }
            Stage::Running => Err(new_error::<PyValueError>("coroutine already executing").into()),
            Stage::Finished => {
                drop(task.replace(py, Stage::Finished));
                Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
            }
            stage => {
                let stepped = step_from(task, stage);
                if !matches!(stepped, Ok(Step::Yield(_))) {
                    drop(task.replace(py, Stage::Finished));
                }
                stepped
            }
        }
    }

    fn abandon(task: This<'_, Self>) -> bool {
        let py = task.py();
        // A step that is running goes on, and ends the coroutine itself.
        let taken = task.stage.with(py, |place| match place {
            Stage::Running => None,
            _ => Some(std::mem::replace(place, Stage::Finished)),
        });
        match taken {
            None => true,
            Some(Stage::Finished) => false,
            Some(stage) => {
                if let Err(raised) = give_up(py, stage) {
                    raised.take(py).write_unraisable(py, Some(&task.object()));
                }
                true
            }
        }
    }

    fn qualified_name(_task: This<'_, Self>) -> &'static str {
        QUALIFIED_NAME
    }
}

/// Does what a stage needs, up to the next one.
fn step_from(task: This<'_, ConnectTask>, stage: Stage) -> Result<Step<'_>, ErrorSet> {
    let py = task.py();
    match stage {
        Stage::Created(request) => connect(task, request),
        Stage::Connected { factory, file, peer, .. } => {
            open(task, &factory, NewSocket::Owned { file, local: None, peer })
        }
        Stage::Connecting { factory, operation, socket } => wait(task, factory, operation, socket),
        Stage::Opened { transport, protocol, turns: 0 } => {
            let pair = [transport.into_bound(py), protocol.into_bound(py)];
            Ok(Step::Return(make::tuple(py, pair)?.into_any()))
        }
        Stage::Opened { transport, protocol, turns } => {
            Ok(wait_a_turn(task, Stage::Opened { transport, protocol, turns: turns - 1 }))
        }
        Stage::Running | Stage::Finished => Ok(Step::Return(none(py))),
    }
}

/// Requests the connection.
fn connect(task: This<'_, ConnectTask>, request: Request) -> Result<Step<'_>, ErrorSet> {
    let py = task.py();
    let (file, state) = socket::connect(&request.address).map_err(|error| os_error(&error))?;
    // As for every stream. A connection that is gone by now is found by the next call.
    drop(socket::set_nodelay(file.as_raw_fd()));
    match state {
        socket::Connect::Done(peer) => {
            let future =
                call_method(task.owner.bind(py).as_any().as_borrowed(), name!("create_future"), &[])?;
            // The mark by which a task distinguishes `await` from a bare `yield`.
            future.setattr(name!("_asyncio_future_blocking"), true)?;
            let (factory, held) = (request.factory, future.clone().into());
            let stage = Stage::Connected { factory, file, peer, future: held, turns: TURNS_TO_EVENT };
            drop(task.replace(py, stage));
            list(task);
            Ok(Step::Yield(future))
        }
        socket::Connect::Pending => {
            let address = request.address_object(py)?;
            let socket = socket_of(task, file)?;
            match sock::connecting(task.owner.bind(py), socket.clone_ref(py), address) {
                Ok(operation) => wait(task, request.factory, operation.into(), socket),
                Err(raised) => Err(closed_after(py, &socket, raised)),
            }
        }
    }
}

/// Puts the coroutine on the list for the end of the turn.
fn list(task: This<'_, ConnectTask>) {
    let listed = task.object().to_owned().into();
    task.owner.get().queues.with(task.py(), |queues| queues.unsent.push(listed));
}

/// Completes the future of a connection that is made, at the end of the turn after that of its request.
pub(crate) fn at_turn_end(task: This<'_, ConnectTask>) -> Result<(), ErrorSet> {
    let py = task.py();
    let listed = task.stage.with(py, |stage| match stage {
        Stage::Connected { future, turns, .. } => {
            let is_due = *turns == 0;
            *turns = turns.saturating_sub(1);
            Some((future.clone_ref(py), is_due))
        }
        // Cancelled meanwhile.
        _ => None,
    });
    let Some((future, is_due)) = listed else { return Ok(()) };
    if !is_due {
        list(task);
        return Ok(());
    }
    let future = future.bind_borrowed(py);
    let completed = call_method(future, name!("done"), &[]).and_then(|is_done| {
        if is_done.is_truthy()? {
            return Ok(());
        }
        call_method(future, name!("set_result"), &[py.None().bind_borrowed(py)]).map(drop)
    });
    completed.map_err(|raised| {
        let error = raised.take(py);
        if error.is_instance_of::<PyMemoryError>(py) {
            // The next turn tries again: nothing else would complete it.
            list(task);
        }
        error.into()
    })
}

/// Returns a socket object that owns the descriptor.
fn socket_of(task: This<'_, ConnectTask>, file: OwnedFd) -> Result<SocketObject, ErrorSet> {
    let py = task.py();
    let number = make::integer(py, i64::from(file.as_raw_fd()))?;
    let object = task.owner.get().imports.hooks.socket_of(py, socket_class(py)?, number)?;
    // The object owns the number now, and closes it.
    let _number = file.into_raw_fd();
    Ok(SocketObject::expect(&object)?)
}

/// Steps the operation that waits for the connection.
fn wait(
    task: This<'_, ConnectTask>,
    factory: Object,
    operation: Object<Operation>,
    socket: SocketObject,
) -> Result<Step<'_>, ErrorSet> {
    let py = task.py();
    // The future of a step belongs to the operation, which this coroutine holds.
    let stepped = Operation::step(operation.this(py), true);
    let outcome = match stepped {
        Ok(Step::Yield(future)) => {
            drop(task.replace(py, Stage::Connecting { factory, operation: operation.clone_ref(py), socket }));
            return Ok(Step::Yield(future.clone().unbind().into_bound(py)));
        }
        Ok(Step::Return(_)) => open(task, &factory, NewSocket::Object(socket.clone_ref(py))),
        Err(raised) => Err(raised),
    };
    outcome.map_err(|raised| closed_after(py, &socket, raised))
}

/// Creates the protocol and its transport.
fn open<'py>(
    task: This<'py, ConnectTask>,
    factory: &Object,
    socket: NewSocket,
) -> Result<Step<'py>, ErrorSet> {
    let py = task.py();
    let protocol = call_plain(factory.bind_borrowed(py))?;
    let copy = protocol.clone();
    let connection = Connection { socket, protocol: copy, context: None, server: None, extra: None };
    let transport = stream::open_later(task.owner.bind(py), connection, None)?;
    let (transport, protocol) = (transport.into_any().into(), protocol.into());
    Ok(wait_a_turn(task, Stage::Opened { transport, protocol, turns: TURNS_TO_END }))
}

/// Yields without a future, so that the task is stepped again in the next turn.
fn wait_a_turn(task: This<'_, ConnectTask>, stage: Stage) -> Step<'_> {
    drop(task.replace(task.py(), stage));
    Step::Yield(none(task.py()))
}

/// Closes the socket of a connection that was not made, or got no transport, and returns the error that is raised.
#[cold]
fn closed_after(py: Python<'_>, socket: &SocketObject, raised: ErrorSet) -> ErrorSet {
    let error = raised.take(py);
    match socket.bind(py).call_method0(name!("close")) {
        // An error of the close says less about the connection.
        Err(other) if !other.is_instance_of::<PyOSError>(py) => other.into(),
        _ => error.into(),
    }
}

/// Closes what a stage has opened.
fn give_up(py: Python<'_>, stage: Stage) -> Result<(), ErrorSet> {
    match stage {
        Stage::Connected { file, .. } => {
            // By a call, since Python code may have closed the number.
            socket::close(file).map_err(|error| os_error(&error))?;
        }
        Stage::Connecting { operation, socket, .. } => {
            Operation::abandon(operation.this(py));
            call_method(socket.bind(py).as_borrowed(), name!("close"), &[])?;
        }
        Stage::Opened { transport, .. } => {
            call_method(transport.bind_borrowed(py), name!("close"), &[])?;
        }
        Stage::Created(_) | Stage::Running | Stage::Finished => {}
    }
    Ok(())
}

impl ClassValue for ConnectTask {
    type Head = Weak;

    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> = Some(finalize);

    one_class!(ConnectTask);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.owner);
        self.stage.peek(|stage| match stage {
            Stage::Created(request) => {
                visit.object(&request.factory);
                visit.object(&request.host);
            }
            Stage::Connected { factory, future, .. } => {
                visit.object(factory);
                visit.object(future);
            }
            Stage::Connecting { factory, operation, socket } => {
                visit.object(factory);
                visit.object(operation);
                visit.object(socket.object());
            }
            Stage::Opened { transport, protocol, .. } => {
                visit.object(transport);
                visit.object(protocol);
            }
            Stage::Running | Stage::Finished => {}
        });
    }

    fn clear(&self, py: Python<'_>) {
        drop(self.replace(py, Stage::Finished));
    }
}

/// Warns of a coroutine that was never awaited, and closes what one that never ends has opened.
fn finalize(task: This<'_, ConnectTask>) -> PyResult<()> {
    let py = task.py();
    let outcome = match task.replace(py, Stage::Finished) {
        Stage::Created(_) => warn_of_forgotten(py, QUALIFIED_NAME),
        stage => give_up(py, stage),
    };
    outcome.map_err(|raised| raised.take(py))
}

impl ConnectTask {
    fn replace(&self, py: Python<'_>, stage: Stage) -> Stage {
        self.stage.with(py, |place| std::mem::replace(place, stage))
    }
}

fn is_running(task: This<'_, ConnectTask>) -> PyResult<Bound<'_, PyAny>> {
    let is_running = task.stage.with(task.py(), |stage| matches!(stage, Stage::Running));
    Ok(truth(task.py(), is_running))
}
