//! `create_future` and `create_task`: asyncio's own C objects, created without building keywords for each.
//!
//! Everything but the plain case (a task factory, keywords, a class that replaces asyncio's) goes to CPython's own
//! method.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple, PyType};

use crate::ffi::arguments::Call;
use crate::ffi::call::{call_method, call_one};
use crate::ffi::call_type::call_type;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall, no_arguments};
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::handle;
use crate::imports::{Imports, attribute};
use crate::loop_state::{EventLoop, Modes};
use crate::name;

pub(crate) fn methods(py: Python<'_>) -> PyResult<Vec<Method<EventLoop>>> {
    let inherited = Imports::of(py)?.base_loop.bind(py).getattr(name!("create_task"))?;
    let signature: String = attribute(py, "inspect", "signature")?.call1((inherited,))?.str()?.extract()?;
    Ok(vec![
        Method {
            name: "create_future",
            entry: no_arguments(create_future),
            signature: "($self)".to_owned(),
            doc: "Return a new asyncio.Future of this loop.",
        },
        Method {
            name: "create_task",
            entry: fastcall(create_task),
            signature: signature.replacen("(self", "($self", 1),
            doc: "Schedule a coroutine as an asyncio.Task, or what the task factory makes of it, and return that.\n\n\
                  Further arguments go to the task. RuntimeError on a closed loop, TypeError for what is no coroutine.",
        },
    ])
}

fn create_future(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    let state = this.value();
    let class = named_class(py, &state.imports.tasks.futures_dict, name!("Future"))?;
    let keywords = kept_keywords(this.object(), state, false)?;
    if state.imports.tasks.c_future.as_ref().is_some_and(|known| known.is(&class)) {
        return call_type(class.cast().map_err(PyErr::from)?, &PyTuple::empty(py), &keywords);
    }
    Ok(class.call((), Some(&keywords))?)
}

fn create_task<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let state = call.this().value();
    let [coroutine] = call.positional() else { return inherited(call, state) };
    if state.modes.any(Modes::CLOSED | Modes::DEBUG) {
        return inherited(call, state);
    }
    let factory =
        state.settings.with(py, |settings| settings.task_factory.as_ref().map(|it| it.clone_ref(py)));
    let class = named_class(py, &state.imports.tasks.tasks_dict, name!("Task"))?;
    let is_plain = state.imports.tasks.c_task.as_ref().is_some_and(|known| known.is(&class));
    let is_eager = is_same(factory.as_ref(), state.imports.tasks.eager_task_factory.as_ref());
    if !is_plain
        || (factory.is_some() && !is_eager)
        || (call.has_keywords() && !state.imports.hooks.tasks_take_keywords)
    {
        return inherited(call, state);
    }
    let class: &Bound<'py, PyType> = class.cast().map_err(PyErr::from)?;
    let arguments = make::tuple(py, [(*coroutine).to_owned()])?;
    let asks_eager = call
        .only_keyword(&state.imports.keywords.eager_start)
        .is_some_and(|value| value.is(PyBool::new(py, true)));
    if !call.has_keywords() || (asks_eager && !is_eager) {
        let keywords = kept_keywords(call.receiver(), state, is_eager || asks_eager)?;
        return call_type(class, &arguments, &keywords);
    }
    let keywords = make::dict(py)?;
    keywords.set_item(name!("loop"), call.receiver())?;
    if is_eager {
        keywords.set_item(name!("eager_start"), true)?;
    }
    for (name, value) in call.keywords() {
        keywords.set_item(name, value)?;
    }
    call_type(class, &arguments, &keywords)
}

/// Returns a task whose coroutine takes its first step before this returns, if no factory or class replaces asyncio's;
/// otherwise what `loop.create_task()` returns.
#[inline(always)]
pub(crate) fn start<'py>(
    owner: &Bound<'py, EventLoop>,
    coroutine: Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = owner.py();
    let state = owner.get();
    let tasks = &state.imports.tasks;
    let class = named_class(py, &tasks.tasks_dict, name!("Task"))?;
    let has_factory = state.settings.with(py, |settings| {
        settings.task_factory.is_some()
            && !is_same(settings.task_factory.as_ref(), tasks.eager_task_factory.as_ref())
    });
    let is_plain = tasks.c_task.as_ref().is_some_and(|known| known.is(&class));
    if !is_plain || has_factory || state.modes.any(Modes::CLOSED | Modes::DEBUG) {
        return Ok(owner.call_method1(name!("create_task"), (coroutine,))?);
    }
    let class: &Bound<'py, PyType> = class.cast().map_err(PyErr::from)?;
    let is_eager = tasks.eager_task_factory.is_some();
    let arguments = make::tuple(py, [coroutine])?;
    let keywords = kept_keywords(owner.as_any().as_borrowed(), state, is_eager)?;
    if is_eager {
        return call_type(class, &arguments, &keywords);
    }
    let queued = state.queues.with(py, |queues| queues.ready.len());
    let task = call_type(class, &arguments, &keywords)?;
    take_first_step(owner, queued)?;
    Ok(task)
}

/// Takes the first step of a task that was created just now, before which this many handles were in the queue: runs the
/// handle that the task has scheduled. Before Python 3.12 that is the only way; there it is an argument of the class.
///
/// The step is left to the next turn while another task runs, within which asyncio refuses to enter one, and if other
/// handles were queued meanwhile.
fn take_first_step(owner: &Bound<'_, EventLoop>, queued: usize) -> Result<(), ErrorSet> {
    let py = owner.py();
    let state = owner.get();
    let is_in_task = match &state.imports.tasks.current_tasks {
        // Nearly always no task of any loop is running.
        Some(current) => {
            let current = current.bind(py);
            !current.is_empty() && current.get_item(owner)?.is_some()
        }
        None => true,
    };
    if is_in_task {
        return Ok(());
    }
    let step = state.queues.with(py, |queues| {
        let is_last = queues.ready.len() == queued + 1;
        if is_last { queues.ready.pop_back() } else { None }
    });
    let Some(step) = step else { return Ok(()) };
    let outcome = handle::run(py, &step);
    step.leave_queue(py);
    outcome
}

/// Returns whether a task has ended, or any other future is done.
#[inline]
pub(crate) fn is_done(task: Borrowed<'_>) -> Result<bool, ErrorSet> {
    let done = match methods_of(task)? {
        Some([done, _]) => call_one(done.bind_borrowed(task.py()), task)?,
        None => call_method(task, name!("done"), &[])?,
    };
    Ok(done.is_truthy()?)
}

/// Returns the exception of a task that has ended, or None; CancelledError for one that was cancelled.
#[inline]
pub(crate) fn exception(task: Borrowed<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    match methods_of(task)? {
        Some([_, exception]) => call_one(exception.bind_borrowed(task.py()), task),
        None => call_method(task, name!("exception"), &[]),
    }
}

/// Returns the result of a task that has ended, or raises its exception.
#[inline]
pub(crate) fn result(task: Borrowed<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    call_method(task, name!("result"), &[])
}

/// Returns the methods of asyncio's own tasks.
#[inline]
fn methods_of(task: Borrowed<'_>) -> PyResult<Option<&'static [Py<PyAny>; 2]>> {
    let tasks = &Imports::of(task.py())?.tasks;
    let is_plain = tasks.c_task.as_ref().is_some_and(|class| task.get_type().is(class));
    Ok(tasks.c_task_methods.as_ref().filter(|_| is_plain))
}

fn is_same(one: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.is(other))
}

/// Calls `BaseEventLoop.create_task` of the running Python.
fn inherited<'py>(call: &Call<'py, EventLoop>, state: &EventLoop) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let (arguments, options) = call.unbound()?;
    let method = state.imports.base_loop.bind(py).getattr(name!("create_task"))?;
    Ok(method.call(make::tuple(py, arguments)?, Some(&options))?)
}

/// Returns the class that has this name in a module of asyncio now: some tools replace it.
#[inline(always)]
fn named_class<'py>(
    py: Python<'py>,
    module: &Py<PyDict>,
    name: &Py<PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    match module.bind(py).get_item(name)? {
        Some(class) => Ok(class),
        None => Err(new_error::<pyo3::exceptions::PyAttributeError>(name.to_string())),
    }
}

/// Returns `{"loop": self}`, with `"eager_start": True` for an eager task: created once per run, and kept while the
/// loop runs.
#[inline(always)]
fn kept_keywords<'py>(
    receiver: pyo3::Borrowed<'_, 'py, PyAny>,
    state: &EventLoop,
    eager: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let py = receiver.py();
    let place = usize::from(eager);
    let kept =
        state.settings.with(py, |settings| settings.keywords[place].as_ref().map(|kept| kept.clone_ref(py)));
    if let Some(kept) = kept {
        return Ok(kept.into_bound(py));
    }
    let keywords = make::dict(py)?;
    keywords.set_item(name!("loop"), receiver)?;
    if eager {
        keywords.set_item(name!("eager_start"), true)?;
    }
    if state.is_running() {
        let copy = keywords.clone().unbind();
        let before = state.settings.with(py, |settings| settings.keywords[place].replace(copy));
        drop(before);
    }
    Ok(keywords)
}
