//! `Handle` and `TimerHandle`: what asyncio's classes of these names can do, and running a callback.
//!
//! User code is called from [`run`]. While a callback runs anything may have happened to the loop and to the handle itself
//! when it comes back, so no borrow is alive across the call. What is rare (representation, order, attributes) is asked of
//! asyncio's own functions, which take any object with the right attributes; `__class__` makes `isinstance` hold.

use std::ffi::c_int;
use std::time::Duration;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::answer::truth;
use crate::ffi::error::new_error;
use crate::ffi::getter::Getter;
use crate::ffi::handle_class::{HandleClass, make_types};
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::handle_pool::{Content, HandleTypes};
use crate::ffi::interpreter::thread_identity;
use crate::ffi::make;
use crate::ffi::method::{Argument, Call, Method, inside};
use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;
use crate::imports::Imports;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::{getter, no_arguments, order, represent};

/// How often a thread that waits for another thread's callback looks whether it has ended. It waits without the GIL; the
/// callbacks that people cancel from other threads last longer than that.
const CANCEL_POLL: Duration = Duration::from_micros(200);

/// Calls the callback in its context. Its exception goes to the loop's exception handler; only `SystemExit` and
/// `KeyboardInterrupt` come back, as in asyncio.
#[inline(always)]
pub(crate) fn run(py: Python<'_>, handle: &Handle) -> Result<(), ErrorSet> {
    if handle.flags().has(Flags::THREADSAFE) {
        handle.set_runner(thread_identity());
    }
    let outcome = match handle.invoke(py) {
        Ok(_) => Ok(()),
        Err(raised) => report(py, handle, raised),
    };
    if handle.flags().has(Flags::CANCELLED) && !handle.flags().has(Flags::RUNNING) {
        handle.release_call(py);
    }
    outcome
}

/// Hands the exception of a callback to the loop's exception handler, unless it is one that leaves the loop.
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

/// The keyword `context`; `None` stands for a copy of the current one.
#[inline(always)]
pub(crate) fn context_of<'py>(call: &Call<'py>, method: &str) -> Result<Option<Argument<'py>>, ErrorSet> {
    if !call.has_keywords() {
        return Ok(None);
    }
    let this = inside::<EventLoop>(call.receiver());
    let context = match call.only_keyword(&this.imports.keywords.context) {
        Some(context) => Some(context),
        None => context_among(call, method)?,
    };
    Ok(context.filter(|context| !context.is_none()))
}

#[cold]
fn context_among<'py>(call: &Call<'py>, method: &str) -> Result<Option<Argument<'py>>, ErrorSet> {
    let mut context = None;
    for (name, value) in call.keywords() {
        if name.eq(name!("context"))? {
            context = Some(value);
            call.remember_names(&inside::<EventLoop>(call.receiver()).imports.keywords.context);
        } else {
            let text = format!("{method}() got an unexpected keyword argument '{name}'");
            return Err(new_error::<PyTypeError>(text).into());
        }
    }
    Ok(context)
}

/// A handle that no queue knows: a watcher's.
pub(crate) fn make_unscheduled<'py>(
    owner: Argument<'py>,
    callback: Argument<'py>,
    arguments: &[Argument<'py>],
    context: Option<Argument<'py>>,
) -> Result<Handle, ErrorSet> {
    let state = inside::<EventLoop>(owner);
    let content =
        Content { owner, callback, arguments, context, flags: Flags::NONE, when: 0.0, tracked: true };
    let made = state.pool.make(owner.py(), content)?;
    if state.modes.any(Modes::DEBUG) {
        remember_origin(owner.py(), state, &made)?;
    }
    Ok(made)
}

/// In debug mode a handle knows where it was made.
#[cold]
pub(crate) fn remember_origin(py: Python<'_>, this: &EventLoop, handle: &Handle) -> PyResult<()> {
    let frame = this.imports.handles.get_frame.call1(py, (make::integer(py, 0)?,))?;
    let stack = this.imports.handles.extract_stack.bind(py).call1((frame,))?;
    handle.set_debug(make::tuple(py, [stack, py.None().into_bound(py)])?.into_any());
    Ok(())
}

/// Makes both classes. Called once, by the module.
pub(crate) fn classes(module: &Bound<'_, PyModule>) -> PyResult<HandleTypes> {
    let handle = HandleClass {
        name: "Handle",
        doc: "What call_soon() returns: asyncio.Handle, kept in one native object.",
        methods: methods(),
        getters: getters(),
        represent: represent!(representation),
        order: None,
    };
    let mut timer_methods = methods();
    timer_methods.push(method(
        "when",
        no_arguments!(when),
        "When the callback is due, in seconds of loop.time().",
    ));
    let mut timer_getters = getters();
    timer_getters.push(getter!("_when", due));
    timer_getters.push(getter!("_scheduled", scheduled));
    let timer = HandleClass {
        name: "TimerHandle",
        doc: "What call_later() and call_at() return: asyncio.TimerHandle, kept in one native object.",
        methods: timer_methods,
        getters: timer_getters,
        represent: represent!(representation),
        order: Some(order!(compare, hash)),
    };
    make_types(module, handle, timer)
}

fn methods() -> Vec<Method> {
    vec![
        method(
            "cancel",
            no_arguments!(cancel),
            "Cancel the callback; one that has run or was cancelled stays as it is.",
        ),
        method("cancelled", no_arguments!(cancelled), "Whether cancel() was called."),
        method("get_context", no_arguments!(context), "The contextvars context that the callback runs in."),
        method("_run", no_arguments!(run_by_hand), "Call the callback now."),
        method(
            "_repr_info",
            no_arguments!(repr_info),
            "The parts of the representation, as asyncio makes them.",
        ),
    ]
}

fn method(name: &'static str, entry: crate::ffi::method::Entry, doc: &'static str) -> Method {
    Method { name, entry, signature: "($self)".to_owned(), doc }
}

fn getters() -> Vec<Getter> {
    vec![
        getter!("__class__", class),
        getter!("_callback", callback),
        getter!("_args", arguments),
        getter!("_context", own_context),
        getter!("_loop", owner),
        getter!("_cancelled", is_cancelled),
        getter!("_source_traceback", source_traceback),
        getter!("_repr", kept_representation),
    ]
}

fn cancel(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = receiver.py();
    let none = py.None().into_bound(py);
    let handle = Handle::of_receiver(receiver);
    let Some(owner) = handle.owner(py) else {
        return Ok(none);
    };
    let owner = inside::<EventLoop>(owner.as_borrowed());
    wait_for_callback(py, owner, &handle)?;
    if handle.flags().has(Flags::CANCELLED) {
        return Ok(none);
    }
    handle.set_flags(handle.flags().with(Flags::CANCELLED));
    if owner.modes.any(Modes::DEBUG) {
        let text = handle.to_object(py).repr()?;
        handle.set_debug(make::tuple(py, [traceback(py, &handle)?, text.into_any()])?.into_any());
    }
    handle.set_flags(handle.flags().with(Flags::DROPPED));
    if handle.flags().has(Flags::SCHEDULED) {
        owner.timer_cancelled(py, &handle);
    }
    if !handle.flags().has(Flags::RUNNING) {
        handle.release_call(py);
    }
    Ok(none)
}

/// From Python 3.14, once `cancel()` of a thread-safe handle returns, its callback does not run (any more).
fn wait_for_callback(py: Python<'_>, owner: &EventLoop, handle: &Handle) -> Result<(), ErrorSet> {
    if !handle.flags().has(Flags::THREADSAFE) || !owner.imports.handles.threadsafe_cancel_waits {
        return Ok(());
    }
    while handle.flags().has(Flags::RUNNING) && handle.runner() != thread_identity() {
        py.detach(|| std::thread::sleep(CANCEL_POLL));
        crate::ffi::interpreter::check_signals(py)?;
    }
    Ok(())
}

fn cancelled(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let handle = Handle::of_receiver(receiver);
    if let Some(owner) = handle.owner(receiver.py()) {
        wait_for_callback(receiver.py(), inside::<EventLoop>(owner.as_borrowed()), &handle)?;
    }
    Ok(is_cancelled(receiver)?)
}

fn run_by_hand(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = receiver.py();
    let handle = Handle::of_receiver(receiver);
    if !handle.flags().has(Flags::CANCELLED) {
        run(py, &handle)?;
    }
    Ok(py.None().into_bound(py))
}

fn when(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(due(receiver)?)
}

fn context(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(own_context(receiver)?)
}

fn repr_info(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(class(receiver)?.call_method1(name!("_repr_info"), (receiver,))?)
}

fn representation(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    class(receiver)?.call_method1(name!("__repr__"), (receiver,))
}

/// asyncio's class for this handle: what `isinstance` asks when the type itself does not answer.
fn class(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = receiver.py();
    let imports = Imports::of(py)?;
    let flags = Handle::of_receiver(receiver).flags();
    let class = if flags.has(Flags::TIMER) {
        &imports.handles.timer_handle
    } else if flags.has(Flags::THREADSAFE) {
        &imports.handles.threadsafe_handle
    } else {
        &imports.handles.handle
    };
    Ok(class.bind(py).clone().into_any())
}

fn callback(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let handle = Handle::of_receiver(receiver);
    let callback = if handle.flags().has(Flags::DROPPED) { None } else { handle.callback(receiver.py()) };
    Ok(or_none(receiver.py(), callback))
}

fn arguments(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let handle = Handle::of_receiver(receiver);
    let arguments =
        if handle.flags().has(Flags::DROPPED) { None } else { handle.arguments(receiver.py())? };
    Ok(or_none(receiver.py(), arguments.map(Bound::into_any)))
}

fn own_context(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(or_none(receiver.py(), Handle::of_receiver(receiver).context(receiver.py())))
}

fn owner(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(or_none(receiver.py(), Handle::of_receiver(receiver).owner(receiver.py())))
}

fn or_none<'py>(py: Python<'py>, value: Option<Bound<'py, PyAny>>) -> Bound<'py, PyAny> {
    value.unwrap_or_else(|| py.None().into_bound(py))
}

fn is_cancelled(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    flag(receiver, Flags::CANCELLED)
}

fn scheduled(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    flag(receiver, Flags::SCHEDULED)
}

fn flag(receiver: Argument<'_>, flag: Flags) -> PyResult<Bound<'_, PyAny>> {
    Ok(truth(receiver.py(), Handle::of_receiver(receiver).flags().has(flag)))
}

fn due(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::float(receiver.py(), Handle::of_receiver(receiver).when())?)
}

fn source_traceback(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    traceback(receiver.py(), &Handle::of_receiver(receiver))
}

fn traceback<'py>(py: Python<'py>, handle: &Handle) -> PyResult<Bound<'py, PyAny>> {
    match handle.debug(py) {
        Some(kept) => kept.get_item(0),
        None => Ok(py.None().into_bound(py)),
    }
}

fn kept_representation(receiver: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    match Handle::of_receiver(receiver).debug(receiver.py()) {
        Some(kept) => kept.get_item(1),
        None => Ok(receiver.py().None().into_bound(receiver.py())),
    }
}

/// The order of timers, in asyncio's own words: by deadline, against any `asyncio.TimerHandle`.
fn compare<'py>(left: Argument<'py>, right: Argument<'py>, operator: c_int) -> PyResult<Bound<'py, PyAny>> {
    const NAMES: [&str; 6] = ["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"];
    let name = NAMES[usize::try_from(operator)?];
    let imports = Imports::of(left.py())?;
    imports.handles.timer_handle.bind(left.py()).getattr(Text(name))?.call1((left, right))
}

fn hash(receiver: Argument<'_>) -> Result<isize, ErrorSet> {
    Ok(due(receiver)?.hash()?)
}

/// The `context` dict of an exception that `details` describe, for callers without a handle.
pub(crate) fn failure<'py>(py: Python<'py>, message: &str, error: PyErr) -> PyResult<Bound<'py, PyDict>> {
    let details = make::dict(py)?;
    details.set_item(name!("message"), Text(message))?;
    details.set_item(name!("exception"), error.into_value(py))?;
    Ok(details)
}
