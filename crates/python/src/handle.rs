//! `Handle` and `TimerHandle`: the interface of asyncio's classes of these names, and running a callback.
//!
//! [`run`] calls user code. While a callback runs anything may happen to the loop and to the handle itself, so no
//! borrow is alive across the call. Rare operations (representation, order, attributes) use asyncio's own functions,
//! which take any object with the right attributes; `__class__` makes `isinstance` true.

use std::ffi::c_int;
use std::time::Duration;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::arguments::Call;
use crate::ffi::class::{Definition, order};
use crate::ffi::constants::truth;
use crate::ffi::detached::detached;
use crate::ffi::error::new_error;
use crate::ffi::getter::{Getter, getter, repr};
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::handle_pool::{Content, make_handle};
use crate::ffi::handle_value::HandleValue;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::{Entry, Method, no_arguments};
use crate::ffi::name::Text;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::imports::Imports;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::wrong_thread;

/// The interval at which a thread checks whether another thread's callback has ended. It waits without the GIL;
/// callbacks that are cancelled from other threads usually run for longer than that.
const CANCEL_POLL: Duration = Duration::from_micros(200);

/// Calls the callback in its context. Its exception is passed to the loop's exception handler; only `SystemExit` and
/// `KeyboardInterrupt` are returned, as in asyncio.
#[inline(always)]
pub(crate) fn run(py: Python<'_>, handle: &Handle) -> Result<(), ErrorSet> {
    let outcome = match handle.invoke(py) {
        Ok(_) => Ok(()),
        Err(raised) => report(py, handle, raised),
    };
    if handle.flags().has(Flags::CANCELLED) {
        handle.release_call(py);
    }
    outcome
}

/// Passes the exception of a callback to the loop's exception handler, unless it is one that leaves the loop.
#[cold]
pub(crate) fn report(py: Python<'_>, handle: &Handle, raised: ErrorSet) -> Result<(), ErrorSet> {
    let error = raised.take(py);
    if error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Err(error.into());
    }
    let Some(owner) = handle.owner(py) else {
        return Err(error.into());
    };
    let imports = Imports::of(py)?;
    let callback = handle.callback(py);
    let arguments = handle.arguments(py)?;
    let error = error.into_value(py);
    let details =
        imports.hooks.describe_failure(py, &owner, handle.to_object(py), callback, arguments, error)?;
    owner.call_method1(name!("call_exception_handler"), (details,))?;
    Ok(())
}

/// Returns the keyword `context`; `None` stands for a copy of the current one.
#[inline(always)]
pub(crate) fn context_of<'py>(
    call: &Call<'py, EventLoop>,
    method: &str,
) -> Result<Option<Borrowed<'py>>, ErrorSet> {
    if !call.has_keywords() {
        return Ok(None);
    }
    let this = call.this();
    let context = match call.only_keyword(&this.imports.keywords.context) {
        Some(context) => Some(context),
        None => context_among(call, method)?,
    };
    Ok(context.filter(|context| !context.is_none()))
}

#[cold]
fn context_among<'py>(call: &Call<'py, EventLoop>, method: &str) -> Result<Option<Borrowed<'py>>, ErrorSet> {
    let mut context = None;
    for (name, value) in call.keywords() {
        if name.eq(name!("context"))? {
            context = Some(value);
            call.remember_names(&call.this().imports.keywords.context);
        } else {
            let text = format!("{method}() got an unexpected keyword argument '{name}'");
            return Err(new_error::<PyTypeError>(text).into());
        }
    }
    Ok(context)
}

/// Creates a handle that is in no queue: a watcher's.
pub(crate) fn make_unscheduled<'py>(
    owner: This<'py, EventLoop>,
    callback: Borrowed<'py>,
    arguments: &[Borrowed<'py>],
    context: Option<Borrowed<'py>>,
) -> Result<Handle, ErrorSet> {
    let content = Content { callback, arguments, context, flags: Flags::NONE, when: 0.0, tracked: true };
    let made = make_handle(owner, content)?;
    if owner.modes.any(Modes::DEBUG) {
        remember_origin(owner.py(), &owner, &made)?;
    }
    Ok(made)
}

/// Records where a handle was created, in debug mode.
#[cold]
pub(crate) fn remember_origin(py: Python<'_>, this: &EventLoop, handle: &Handle) -> PyResult<()> {
    let frame = this.imports.handles.get_frame.call1(py, (make::integer(py, 0)?,))?;
    let stack = this.imports.handles.extract_stack.bind(py).call1((frame,))?;
    handle.set_debug(make::tuple(py, [stack, py.None().into_bound(py)])?.into_any());
    Ok(())
}

/// Creates both classes. The module calls this once.
pub(crate) fn make_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let [handle, timer] = HandleValue::classes() else { return Ok(()) };
    let doc = "What call_soon() returns: asyncio.Handle, kept in one native object.";
    let definition = Definition {
        methods: methods(),
        getters: getters(),
        repr: Some(repr(representation)),
        ..Definition::new("Handle", doc)
    };
    definition.make(module, handle)?;
    let doc = "What call_later() and call_at() return: asyncio.TimerHandle, kept in one native object.";
    let mut definition = Definition {
        methods: methods(),
        getters: getters(),
        repr: Some(repr(representation)),
        more: order(compare, hash),
        ..Definition::new("TimerHandle", doc)
    };
    let when = no_arguments(when);
    definition.methods.push(method("when", when, "When the callback is due, in seconds of loop.time()."));
    definition.getters.extend([getter("_when", due), getter("_scheduled", scheduled)]);
    definition.make(module, timer).map(drop)
}

fn methods() -> Vec<Method<HandleValue>> {
    vec![
        method(
            "cancel",
            no_arguments(cancel),
            "Cancel the callback; one that has run or was cancelled stays as it is.",
        ),
        method("cancelled", no_arguments(cancelled), "Whether cancel() was called."),
        method("get_context", no_arguments(context), "The contextvars context that the callback runs in."),
        method("_run", no_arguments(run_by_hand), "Call the callback now."),
        method(
            "_repr_info",
            no_arguments(repr_info),
            "The parts of the representation, as asyncio makes them.",
        ),
    ]
}

fn method(name: &'static str, entry: Entry<HandleValue>, doc: &'static str) -> Method<HandleValue> {
    Method { name, entry, signature: "($self)".to_owned(), doc }
}

fn getters() -> Vec<Getter<HandleValue>> {
    vec![
        getter("__class__", class),
        getter("_callback", callback),
        getter("_args", arguments),
        getter("_context", own_context),
        getter("_loop", owner),
        getter("_cancelled", is_cancelled),
        getter("_source_traceback", source_traceback),
        getter("_repr", kept_representation),
    ]
}

fn cancel(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = handle.py();
    let none = py.None().into_bound(py);
    let Some(owner) = handle.owner_of_type::<EventLoop>(py) else { return Ok(none) };
    let is_debug = owner.modes.any(Modes::DEBUG);
    if is_debug && !handle.flags().has(Flags::THREADSAFE) {
        wrong_thread::check(&owner)?;
    }
    // The representation of debug mode shows the callback.
    let marks = if is_debug { Flags::NONE } else { Flags::DROPPED };
    let waits = waits_for_callback(&owner, &handle);
    let before = loop {
        match handle.note_cancelled(marks, waits) {
            Some(before) => break before,
            None => wait_for_callback(py, &handle)?,
        }
    };
    if before.has(Flags::CANCELLED) {
        return Ok(none);
    }
    if is_debug {
        let text = handle.object().repr()?;
        handle.set_debug(make::tuple(py, [traceback(py, &handle)?, text.into_any()])?.into_any());
        handle.mark(Flags::DROPPED);
    }
    if before.has(Flags::SCHEDULED) {
        owner.timer_cancelled(py, &Handle::of(handle));
    }
    handle.release_call(py);
    Ok(none)
}

/// Returns whether `cancel()` and `cancelled()` wait for the callback if another thread calls it: those of a thread-safe
/// handle, from Python 3.14 on. Its callback does not run after `cancel()` has returned.
fn waits_for_callback(owner: &EventLoop, handle: &HandleValue) -> bool {
    handle.flags().has(Flags::THREADSAFE) && owner.imports.handles.threadsafe_cancel_waits
}

/// Waits until no other thread calls the callback.
#[cold]
fn wait_for_callback(py: Python<'_>, handle: &HandleValue) -> Result<(), ErrorSet> {
    while handle.runs_elsewhere(handle.flags()) {
        detached(py, || std::thread::sleep(CANCEL_POLL));
        crate::ffi::interpreter::check_signals(py)?;
    }
    Ok(())
}

fn cancelled(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    if let Some(owner) = handle.owner_of_type::<EventLoop>(handle.py())
        && waits_for_callback(&owner, &handle)
    {
        wait_for_callback(handle.py(), &handle)?;
    }
    Ok(is_cancelled(handle)?)
}

fn run_by_hand(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = handle.py();
    if !handle.flags().has(Flags::CANCELLED) {
        run(py, &Handle::of(handle))?;
    }
    Ok(py.None().into_bound(py))
}

fn when(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(due(handle)?)
}

fn context(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(own_context(handle)?)
}

fn repr_info(handle: This<'_, HandleValue>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(class(handle)?.call_method1(name!("_repr_info"), (handle.object(),))?)
}

fn representation(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    class(handle)?.call_method1(name!("__repr__"), (handle.object(),))
}

/// Returns asyncio's class for this handle, which `isinstance` uses if the type itself does not match.
fn class(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    let py = handle.py();
    let imports = Imports::of(py)?;
    let flags = handle.flags();
    let class = if flags.has(Flags::TIMER) {
        &imports.handles.timer_handle
    } else if flags.has(Flags::THREADSAFE) {
        &imports.handles.threadsafe_handle
    } else {
        &imports.handles.handle
    };
    Ok(class.bind(py).clone().into_any())
}

fn callback(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    let callback = if handle.flags().has(Flags::DROPPED) { None } else { handle.callback(handle.py()) };
    Ok(or_none(handle.py(), callback))
}

fn arguments(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    let arguments = if handle.flags().has(Flags::DROPPED) { None } else { handle.arguments(handle.py())? };
    Ok(or_none(handle.py(), arguments.map(Bound::into_any)))
}

fn own_context(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    Ok(or_none(handle.py(), handle.context(handle.py())))
}

fn owner(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    Ok(or_none(handle.py(), handle.owner(handle.py())))
}

fn or_none<'py>(py: Python<'py>, value: Option<Bound<'py, PyAny>>) -> Bound<'py, PyAny> {
    value.unwrap_or_else(|| py.None().into_bound(py))
}

fn is_cancelled(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    flag(handle, Flags::CANCELLED)
}

fn scheduled(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    flag(handle, Flags::SCHEDULED)
}

fn flag(handle: This<'_, HandleValue>, flag: Flags) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(handle.py(), handle.flags().has(flag)))
}

fn due(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::float(handle.py(), handle.when())?)
}

fn source_traceback(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    traceback(handle.py(), &handle)
}

fn traceback<'py>(py: Python<'py>, handle: &HandleValue) -> PyResult<Bound<'py, PyAny>> {
    match handle.debug(py) {
        Some(kept) => kept.get_item(0),
        None => Ok(py.None().into_bound(py)),
    }
}

fn kept_representation(handle: This<'_, HandleValue>) -> PyResult<Bound<'_, PyAny>> {
    match handle.debug(handle.py()) {
        Some(kept) => kept.get_item(1),
        None => Ok(handle.py().None().into_bound(handle.py())),
    }
}

/// Compares timers by asyncio's own methods: by deadline, with any `asyncio.TimerHandle`.
fn compare<'py>(left: Borrowed<'py>, right: Borrowed<'py>, operator: c_int) -> PyResult<Bound<'py, PyAny>> {
    const NAMES: [&str; 6] = ["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"];
    let name = NAMES[usize::try_from(operator)?];
    let imports = Imports::of(left.py())?;
    imports.handles.timer_handle.bind(left.py()).getattr(Text(name))?.call1((left, right))
}

fn hash(handle: This<'_, HandleValue>) -> Result<isize, ErrorSet> {
    Ok(due(handle)?.hash()?)
}

/// Returns the `context` dict of an exception, for callers without a handle.
pub(crate) fn failure<'py>(py: Python<'py>, message: &str, error: PyErr) -> PyResult<Bound<'py, PyDict>> {
    let details = make::dict(py)?;
    details.set_item(name!("message"), Text(message))?;
    details.set_item(name!("exception"), error.into_value(py))?;
    Ok(details)
}
