//! Coroutines in Rust: objects that `await` accepts, steps, and throws into, like those of `async def`.
//!
//! The interpreter steps an awaited object by `tp_iternext` or, in Python 3.11 and for a task's own coroutine, by
//! `am_send`. Both are here, and the methods that Python code calls. The steps themselves are in other modules.

use std::ffi::{CString, c_void};
use std::ptr::null_mut;

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::class::Definition;
use super::constants::none;
use super::error::new_error;
use super::getter::{getter, repr};
use super::heap_type::slot;
use super::instance::{Class, ClassValue};
use super::make;
use super::method::{Call, Method, fastcall, no_arguments};
use super::this::{Borrowed, This};
use super::trampoline::{ErrorSet, owned, trampoline};
use crate::name;

/// The result of a step.
pub(crate) enum Step<'py> {
    /// The task waits for this future.
    Yield(Bound<'py, PyAny>),
    /// The coroutine ends with this result.
    Return(Bound<'py, PyAny>),
}

/// A value that can be stepped.
pub(crate) trait Coroutine: ClassValue {
    /// Runs to the next future or to the end. `sends_none` is false if a value is sent in.
    fn step(this: This<'_, Self>, sends_none: bool) -> Result<Step<'_>, ErrorSet>;

    /// Stops waiting, and ends without a result, for `close()` and `throw()`. Returns false if it had ended before.
    fn abandon(this: This<'_, Self>) -> bool;

    /// Returns `__qualname__`: the name of the function that was called, with its class if that has one.
    fn qualified_name(this: This<'_, Self>) -> &'static str;
}

/// Creates a class of coroutines, with what all of them have added to the definition.
pub(crate) fn make_class<'py, T: Coroutine>(
    module: &Bound<'py, PyModule>,
    class: &'static Class<T>,
    mut definition: Definition<'py, T>,
) -> PyResult<Bound<'py, PyType>> {
    definition.methods.extend(methods::<T>());
    definition.getters.extend([getter("__name__", name::<T>), getter("__qualname__", qualified_name::<T>)]);
    definition.repr = Some(repr(representation::<T>));
    definition.more.slots.extend([
        slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as ffi::getiterfunc as *mut c_void),
        slot(ffi::Py_tp_iternext, next::<T> as ffi::iternextfunc as *mut c_void),
        slot(ffi::Py_am_await, ffi::PyObject_SelfIter as ffi::unaryfunc as *mut c_void),
        slot(ffi::Py_am_send, send::<T> as ffi::sendfunc as *mut c_void),
    ]);
    definition.make(module, class)
}

fn name<T: Coroutine>(this: This<'_, T>) -> PyResult<Bound<'_, PyAny>> {
    let qualified = T::qualified_name(this);
    Ok(make::text(this.py(), qualified.rsplit('.').next().unwrap_or(qualified))?.into_any())
}

fn qualified_name<T: Coroutine>(this: This<'_, T>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(this.py(), T::qualified_name(this))?.into_any())
}

fn representation<T: Coroutine>(this: This<'_, T>) -> PyResult<Bound<'_, PyAny>> {
    let text =
        format!("<coroutine object {} at {:#x}>", T::qualified_name(this), this.object().as_ptr().addr());
    Ok(make::text(this.py(), &text)?.into_any())
}

/// The methods that Python code calls.
fn methods<T: Coroutine>() -> Vec<Method<T>> {
    let method = Method::new;
    vec![
        method(
            "send",
            fastcall(send_by_method::<T>),
            "($self, arg, /)",
            "Run to the next future that is waited for, or to the end.",
        ),
        method(
            "throw",
            fastcall(throw_by_method::<T>),
            "($self, typ, val=None, tb=None, /)",
            "Cease to wait, and raise the exception.",
        ),
        method("close", no_arguments(close_by_method::<T>), "($self)", "Cease to wait."),
    ]
}

fn close_by_method<T: Coroutine>(this: This<'_, T>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    T::abandon(this);
    Ok(none(this.py()))
}

/// Implements `coroutine.send(value)`: the end is a StopIteration.
fn send_by_method<'py, T: Coroutine>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let value = match call.positional() {
        [value] if !call.has_keywords() => *value,
        _ => return Err(new_error::<PyTypeError>("send() takes exactly one argument").into()),
    };
    match T::step(call.this(), value.is_none())? {
        Step::Yield(future) => Ok(future),
        Step::Return(result) => Err(stop(result.py(), &result)?),
    }
}

/// Implements `coroutine.throw(type, value, traceback)`.
fn throw_by_method<'py, T: Coroutine>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = match call.positional() {
        [kind, rest @ ..] if rest.len() <= 2 && !call.has_keywords() => {
            thrown(*kind, rest.first().copied(), rest.get(1).copied())?
        }
        _ => return Err(new_error::<PyTypeError>("throw() takes one to three arguments").into()),
    };
    if T::abandon(call.this()) {
        return Err(error.into());
    }
    Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
}

/// Returns the exception that the arguments of `throw` specify.
fn thrown<'py>(
    kind: Borrowed<'py>,
    value: Option<Borrowed<'py>>,
    traceback: Option<Borrowed<'py>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let error = if kind.is_instance_of::<PyBaseException>() {
        if value.is_some() {
            return Err(new_error::<PyTypeError>("instance exception may not have a separate value"));
        }
        kind.to_owned()
    } else if kind
        .cast::<PyType>()
        .is_ok_and(|kind| kind.is_subclass_of::<PyBaseException>().unwrap_or(false))
    {
        match value {
            None => kind.call0()?,
            Some(value) if value.is_instance(&kind)? => value.to_owned(),
            Some(value) => match value.cast::<PyTuple>() {
                Ok(arguments) => kind.call1(arguments.to_owned())?,
                Err(_) => kind.call1((value,))?,
            },
        }
    } else {
        let name = kind.get_type().name()?;
        let text = format!("exceptions must be classes or instances deriving from BaseException, not {name}");
        return Err(new_error::<PyTypeError>(text));
    };
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
        error.call_method1(name!("with_traceback"), (traceback,))?;
    }
    Ok(PyErr::from_value(error))
}

/// Returns StopIteration with the result. It is created here, because the interpreter would take a tuple for its
/// arguments.
fn stop(py: Python<'_>, result: &Bound<'_, PyAny>) -> Result<ErrorSet, ErrorSet> {
    let class = py.get_type::<PyStopIteration>();
    // SAFETY: live objects.
    let made = unsafe { ffi::PyObject_CallOneArg(class.as_ptr(), result.as_ptr()) };
    // SAFETY: a new reference, or null.
    let stop = unsafe { owned(py, made) }?;
    // SAFETY: an exception of that class.
    unsafe { ffi::PyErr_SetObject(class.as_ptr(), stop.as_ptr()) };
    Ok(ErrorSet::by_interpreter())
}

/// Implements `tp_iternext`. The end without an exception is the end with None.
unsafe extern "C" fn next<T: Coroutine>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        // SAFETY: the interpreter passes a live object of ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        match T::step(this, true)? {
            Step::Yield(future) => Ok(future.into_ptr()),
            Step::Return(result) if result.is_none() => Ok(null_mut()),
            Step::Return(result) => Err(stop(py, &result)?),
        }
    })
}

/// Implements `am_send`.
unsafe extern "C" fn send<T: Coroutine>(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    let (outcome, produced) = trampoline(py, (ffi::PySendResult::PYGEN_ERROR, null_mut()), || {
        // SAFETY: the interpreter passes a live object of ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        // SAFETY: the interpreter passes a live object.
        let value = unsafe { Borrowed::from_ptr(py, value) };
        Ok(match T::step(this, value.is_none())? {
            Step::Yield(future) => (ffi::PySendResult::PYGEN_NEXT, future.into_ptr()),
            Step::Return(result) => (ffi::PySendResult::PYGEN_RETURN, result.into_ptr()),
        })
    });
    // SAFETY: the interpreter passes a place for the result.
    unsafe { *result = produced };
    outcome
}

/// Warns as the interpreter does of a coroutine of `async def` that was never awaited. An exception that is being
/// raised is kept.
#[cold]
pub(crate) fn warn_of_forgotten(py: Python<'_>, name: &str) -> Result<(), ErrorSet> {
    let pending = PyErr::take(py);
    let text = CString::new(format!("coroutine '{name}' was never awaited")).map_err(PyErr::from)?;
    if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
        error.write_unraisable(py, None);
    }
    if let Some(pending) = pending {
        pending.restore(py);
    }
    Ok(())
}
