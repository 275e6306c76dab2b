//! The task that creates the protocol and the transport of an accepted socket, in asyncio's turns.
//!
//! A connection is accepted in one turn, its protocol is created in the next, `connection_made` is called in the third,
//! and the task ends in the fourth, when the protocol's own task has taken its first step. If the task is cancelled
//! before, it closes the connection: a program that cancels all tasks and then waits until the server is closed relies
//! on that. Every connection has a context of its own, a copy of the one in which the server was started.

use std::os::fd::OwnedFd;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use reactor::Address;

use crate::ffi::call::{call_method, call_plain, in_context};
use crate::ffi::class::Definition;
use crate::ffi::constants::none;
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::protocol;
use crate::stream::{self, Connection, NewSocket, Served};
use crate::transport;

/// asyncio's name of the task.
const NAME: &str = "_accept_connection2";

/// The turns between the creation of a protocol and the end of the task, without the one in which the task ends.
const TURNS: u8 = 1;

/// The parts that all connections of one listening socket share.
pub(crate) struct Acceptor {
    pub(crate) factory: Py<PyAny>,
    pub(crate) server: Option<Served>,
    pub(crate) context: Py<PyAny>,
    /// The local address of every connection, unless the socket listens on all of the machine's.
    pub(crate) local: Option<Address>,
}

/// A connection without a protocol.
pub(crate) struct Accepted {
    pub(crate) file: OwnedFd,
    pub(crate) peer: Address,
}

/// The coroutine of the task.
struct AcceptTask {
    stage: GilCell<Stage>,
}

enum Stage {
    /// Before the first step.
    Created(Object<EventLoop>, Acceptor, Accepted),
    /// The protocol and its transport are created; this many steps are left.
    Opened(Object, u8),
    Finished,
}

/// Creates the class.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        is_hidden: true,
        ..Definition::new("AcceptTask", "The coroutine of the task that a new connection has for two turns.")
    };
    coroutine::make_class(module, AcceptTask::class(), definition).map(drop)
}

/// Starts the task of an accepted socket, by the loop's own `create_task`.
pub(crate) fn start(
    owner: &Bound<'_, EventLoop>,
    acceptor: &Acceptor,
    accepted: Accepted,
) -> Result<(), ErrorSet> {
    let py = owner.py();
    let stage = Stage::Created(owner.clone().into(), acceptor.clone_ref(py), accepted);
    let coroutine = AcceptTask::class().instance(py, AcceptTask { stage: GilCell::new(stage) })?;
    owner.call_method1(name!("create_task"), (coroutine.into_any(),))?;
    Ok(())
}

/// Creates a protocol and a transport for an accepted socket, and starts it, all in this turn.
pub(crate) fn begin(
    owner: &Bound<'_, EventLoop>,
    acceptor: &Acceptor,
    accepted: Accepted,
) -> Result<(), ErrorSet> {
    let opened = acceptor.connection(owner, accepted).and_then(|connection| stream::open(owner, connection));
    match opened.and_then(|stream| transport::begin(This::from(&stream))) {
        Ok(()) => Ok(()),
        Err(raised) => report(owner, raised),
    }
}

/// Reports an error, which closes this one connection: in debug mode only, as asyncio does.
fn report(owner: &Bound<'_, EventLoop>, raised: ErrorSet) -> Result<(), ErrorSet> {
    let py = owner.py();
    let error = protocol::failure(py, raised)?;
    if owner.get().modes.any(Modes::DEBUG) {
        let details = make::dict(py)?;
        details.set_item(name!("message"), name!("Error on transport creation for incoming connection"))?;
        details.set_item(name!("exception"), error.value(py))?;
        owner.call_method1(name!("call_exception_handler"), (details,))?;
    }
    Ok(())
}

impl Acceptor {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            factory: self.factory.clone_ref(py),
            server: self.server.as_ref().map(|served| served.clone_ref(py)),
            context: self.context.clone_ref(py),
            local: self.local.clone(),
        }
    }

    /// Returns the parts of a transport, with a protocol of the factory.
    fn connection<'py>(
        &self,
        owner: &Bound<'py, EventLoop>,
        accepted: Accepted,
    ) -> Result<Connection<'py>, ErrorSet> {
        let py = owner.py();
        let copy = name!("copy");
        let context = call_method(self.context.bind(py).as_borrowed(), copy, &[])?;
        let protocol = in_context(context.as_borrowed(), || call_plain(self.factory.bind_borrowed(py)))?;
        let Accepted { file, peer } = accepted;
        Ok(Connection {
            socket: NewSocket::Owned { file, local: self.local.clone(), peer },
            protocol,
            context: Some(context),
            server: self.server.as_ref().map(|served| served.clone_ref(py)),
            extra: None,
        })
    }
}

impl Coroutine for AcceptTask {
    fn step(task: This<'_, Self>, _sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = task.py();
        match task.take(py) {
            Stage::Created(owner, acceptor, accepted) => {
                let owner = owner.bind(py);
                let opened = acceptor
                    .connection(owner, accepted)
                    .and_then(|connection| stream::open_later(owner, connection, None));
                match opened {
                    Ok(transport) => Ok(task.wait(py, transport.into_any().into(), TURNS)),
                    Err(raised) => report(owner, raised).map(|()| Step::Return(none(py))),
                }
            }
            Stage::Opened(_, 0) => Ok(Step::Return(none(py))),
            Stage::Opened(transport, turns) => Ok(task.wait(py, transport, turns - 1)),
            Stage::Finished => {
                Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
            }
        }
    }

    fn abandon(task: This<'_, Self>) -> bool {
        let py = task.py();
        let transport = match task.take(py) {
            Stage::Opened(transport, _) => transport,
            // The socket is closed when it is dropped.
            Stage::Created(..) => return true,
            Stage::Finished => return false,
        };
        if let Err(error) = transport.bind(py).call_method0(name!("close")) {
            error.write_unraisable(py, Some(&task.object()));
        }
        true
    }

    fn qualified_name(_task: This<'_, Self>) -> &'static str {
        NAME
    }
}

impl ClassValue for AcceptTask {
    type Head = Weak;

    one_class!(AcceptTask);

    fn visit(&self, visit: &mut Visit) {
        self.stage.peek(|stage| match stage {
            Stage::Created(owner, acceptor, _) => {
                visit.object(owner);
                visit.reference(&acceptor.factory);
                visit.reference(&acceptor.context);
                if let Some(served) = &acceptor.server {
                    served.visit(visit);
                }
            }
            Stage::Opened(transport, _) => visit.object(transport),
            Stage::Finished => {}
        });
    }

    fn clear(&self, py: Python<'_>) {
        drop(self.take(py));
    }
}

impl AcceptTask {
    fn take(&self, py: Python<'_>) -> Stage {
        self.stage.with(py, |stage| std::mem::replace(stage, Stage::Finished))
    }

    /// Yields without a future, so that the task is stepped again in the next turn.
    fn wait<'py>(&self, py: Python<'py>, transport: Object, turns: u8) -> Step<'py> {
        let before = self.stage.with(py, |stage| std::mem::replace(stage, Stage::Opened(transport, turns)));
        drop(before);
        Step::Yield(none(py))
    }
}
