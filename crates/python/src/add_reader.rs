//! `add_reader`, `add_writer` and their removal: from a call to the table of watched descriptors.
//!
//! They check arguments as asyncio does, create the handles, and cancel those that a change evicts.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;

use crate::error::os_error;
use crate::ffi::arguments::Call;
use crate::ffi::constants::{none, truth};
use crate::ffi::method::{Method, fastcall};
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::handle;
use crate::imports::Imports;
use crate::loop_state::EventLoop;
use crate::name;
use crate::registry::{Direction, Evicted};
use crate::wrong_thread;

const ADD_READER: &str = "\
Call callback(*args) at each turn in which fd, a number or an object with fileno(), can be read.

A second call for the same descriptor replaces the callback. ValueError for what is no descriptor, RuntimeError for that of
a transport and on a closed loop, OSError for one that can't be watched, such as that of a regular file.";

const ADD_WRITER: &str = "\
Call callback(*args) at each turn in which fd, a number or an object with fileno(), can be written.

The rest is as with add_reader().";

const REMOVE_READER: &str = "\
Watch fd for reading no longer. Return whether it was watched. RuntimeError for the descriptor of a transport.";

const REMOVE_WRITER: &str = "\
Watch fd for writing no longer. Return whether it was watched. RuntimeError for the descriptor of a transport.";

pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    let watching = "($self, fd, callback, *args)";
    let with_context = "($self, fd, callback, *args, context=None)";
    let removing = "($self, fd)";
    let method = Method::new;
    vec![
        method("add_reader", fastcall(add_reader), watching, ADD_READER),
        method("add_writer", fastcall(add_writer), watching, ADD_WRITER),
        method("remove_reader", fastcall(remove_reader), removing, REMOVE_READER),
        method("remove_writer", fastcall(remove_writer), removing, REMOVE_WRITER),
        method(
            "_add_reader",
            fastcall(own_add_reader),
            with_context,
            "add_reader() of the loop's own transports.",
        ),
        method(
            "_add_writer",
            fastcall(own_add_writer),
            with_context,
            "add_writer() of the loop's own transports.",
        ),
        method(
            "_remove_reader",
            fastcall(own_remove_reader),
            removing,
            "remove_reader() of the loop's own transports.",
        ),
        method(
            "_remove_writer",
            fastcall(own_remove_writer),
            removing,
            "remove_writer() of the loop's own transports.",
        ),
    ]
}

fn add_reader<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    if call.positional().len() < 2 {
        return call.by_keyword::<EventLoop>("add_reader", &["fd", "callback"]);
    }
    call.refuse_keywords("add_reader")?;
    refuse_transports(call)?;
    add(call, Direction::Read, None)?;
    Ok(none(call.py))
}

fn add_writer<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    if call.positional().len() < 2 {
        return call.by_keyword::<EventLoop>("add_writer", &["fd", "callback"]);
    }
    call.refuse_keywords("add_writer")?;
    refuse_transports(call)?;
    add(call, Direction::Write, None)?;
    Ok(none(call.py))
}

fn remove_reader<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    if call.positional().is_empty() {
        return call.by_keyword::<EventLoop>("remove_reader", &["fd"]);
    }
    call.refuse_keywords("remove_reader")?;
    refuse_transports(call)?;
    remove(call, Direction::Read)
}

fn remove_writer<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    if call.positional().is_empty() {
        return call.by_keyword::<EventLoop>("remove_writer", &["fd"]);
    }
    call.refuse_keywords("remove_writer")?;
    refuse_transports(call)?;
    remove(call, Direction::Write)
}

/// Adds a reader of asyncio's transports, which from Python 3.15 on pass the context of their protocol's callbacks.
fn own_add_reader<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    add(call, Direction::Read, handle::context_of(call, "_add_reader")?)
}

fn own_add_writer<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    add(call, Direction::Write, handle::context_of(call, "_add_writer")?)
}

fn own_remove_reader<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    remove(call, Direction::Read)
}

fn own_remove_writer<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    remove(call, Direction::Write)
}

/// Refuses the descriptor of a transport: asyncio's own check.
fn refuse_transports(call: &Call<'_, EventLoop>) -> Result<(), ErrorSet> {
    if let Some(descriptor) = call.positional().first() {
        call.receiver().call_method1(name!("_ensure_fd_no_transport"), (*descriptor,))?;
    }
    Ok(())
}

fn add<'py>(
    call: &Call<'py, EventLoop>,
    direction: Direction,
    context: Option<Borrowed<'py>>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let this = call.this().value();
    let [descriptor, callback, arguments @ ..] = call.positional() else {
        return call.by_keyword::<EventLoop>("_add_reader", &["fd", "callback"]);
    };
    this.check_open()?;
    wrong_thread::refuse_in_debug(this)?;
    let handle = handle::make_unscheduled(call.this(), *callback, arguments, context)?;
    // After the handle, as in asyncio: in debug mode making one runs Python code, which may close the descriptor.
    let number = descriptor_of(descriptor)?;
    let object = handle.to_object(py);
    let registered = Object::from((**descriptor).to_owned());
    let mut evicted = Evicted::default();
    let told = this.registry.with(py, |registry| match number {
        Some(number) => Ok(registry.add_callback(number, direction, (handle, registered), &mut evicted)),
        None => registry.replace_callback_of_closed(*descriptor, direction, handle, &mut evicted),
    });
    let told = match told {
        Ok(told) => told,
        Err(handle) => {
            drop(handle);
            return Err(no_descriptor(descriptor).into());
        }
    };
    this.cancel(py, evicted)?;
    told.map_err(|error| os_error(&error))?;
    this.wake_if_elsewhere()?;
    Ok(object)
}

fn remove<'py>(call: &Call<'py, EventLoop>, direction: Direction) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let this = call.this().value();
    let [descriptor] = call.positional() else {
        return call.by_keyword::<EventLoop>("_remove_reader", &["fd"]);
    };
    if this.modes.any(crate::loop_state::Modes::CLOSED) {
        return Ok(truth(py, false));
    }
    wrong_thread::refuse_in_debug(this)?;
    let number = descriptor_of(descriptor)?;
    let mut evicted = Evicted::default();
    let told = this.registry.with(py, |registry| match number {
        Some(number) => Some(registry.remove_callback(number, direction, &mut evicted)),
        None => registry
            .remove_callback_of_closed(*descriptor, direction, &mut evicted)
            // The loop itself has removed it, when the number was registered for another file.
            .or_else(|| registry.table.is_replaced(*descriptor).then_some(Ok(()))),
    });
    let Some(told) = told else { return Err(no_descriptor(descriptor).into()) };
    let found = !evicted.is_empty();
    this.cancel(py, evicted)?;
    told.map_err(|error| os_error(&error))?;
    this.wake_if_elsewhere()?;
    Ok(truth(py, found))
}

/// Returns a number, or the result of `fileno()`, by the standard library's own rule; `None` if it is closed or not a
/// descriptor.
fn descriptor_of(object: &Bound<'_, PyAny>) -> PyResult<Option<RawFd>> {
    let py = object.py();
    if let Ok(number) = object.extract::<RawFd>()
        && number >= 0
    {
        return Ok(Some(number));
    }
    Imports::of(py)?.hooks.descriptor_or_none(py, object)?.extract()
}

/// Returns the `ValueError` for an object that is not a descriptor and for which nothing is registered.
fn no_descriptor(object: &Bound<'_, PyAny>) -> PyErr {
    let py = object.py();
    let asked = Imports::of(py).and_then(|imports| imports.hooks.descriptor_of(py, object));
    // It may be one by now; the check was too early.
    asked.map_or_else(|error| error, |_| os_error(&io::Error::from_raw_os_error(libc::EBADF)))
}

impl EventLoop {
    /// Cancels callbacks that were evicted. Operations go on waiting, as in asyncio; the table keeps them until the
    /// next check whether their sockets are open.
    fn cancel(&self, py: Python<'_>, mut evicted: Evicted) -> PyResult<()> {
        let operations = std::mem::take(&mut evicted.operations);
        if !operations.is_empty() {
            self.registry.with(py, |registry| registry.table.orphans.extend(operations));
        }
        evicted
            .handles
            .iter()
            .try_for_each(|handle| handle.to_object(py).call_method0(name!("cancel")).map(drop))
    }
}
