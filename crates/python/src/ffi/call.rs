//! Calls a method of a user's object by name, also in a context of `contextvars`.
//!
//! The name is looked up at each call, as the interpreter does: if a protocol's method is replaced meanwhile, the new
//! one is called. No tuple is built. Protocols are not known here.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::trampoline::{ErrorSet, owned};

unsafe extern "C" {
    // pyo3's bindings omit both.
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// The most arguments of a call: a protocol's methods have two.
const ARGUMENTS: usize = 2;

/// `object.name(*arguments)`. More than two arguments do not compile.
#[inline(always)]
pub(crate) fn call_method<'py, const COUNT: usize>(
    object: Borrowed<'_, 'py, PyAny>,
    name: &Py<PyString>,
    arguments: &[Borrowed<'_, '_, PyAny>; COUNT],
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    const { assert!(COUNT <= ARGUMENTS) };
    // The first word is scratch room for the callee.
    let mut stack = [null_mut(); ARGUMENTS + 2];
    stack[1] = object.as_ptr();
    for (place, argument) in stack[2..].iter_mut().zip(arguments) {
        *place = argument.as_ptr();
    }
    let count = (1 + COUNT) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    let first = stack[1..].as_ptr();
    // SAFETY: live objects from `first` on, as many as `count` says, behind a word that may be overwritten.
    let result = unsafe { ffi::PyObject_VectorcallMethod(name.as_ptr(), first, count, null_mut()) };
    // SAFETY: a new reference, or null.
    unsafe { owned(object.py(), result) }
}

/// Calls `callable()`.
pub(crate) fn call_plain<'py>(callable: Borrowed<'_, 'py, PyAny>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    // SAFETY: a live object, and no arguments.
    let result = unsafe { ffi::PyObject_Vectorcall(callable.as_ptr(), std::ptr::null(), 0, null_mut()) };
    // SAFETY: a new reference, or null.
    unsafe { owned(callable.py(), result) }
}

/// Calls `callable(argument)`.
#[inline(always)]
pub(crate) fn call_one<'py>(
    callable: Borrowed<'_, 'py, PyAny>,
    argument: Borrowed<'_, '_, PyAny>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    // The first word is scratch room for the callee.
    let stack = [null_mut(), argument.as_ptr()];
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: a live callable; a live object behind a word that may be overwritten.
    let result =
        unsafe { ffi::PyObject_Vectorcall(callable.as_ptr(), stack[1..].as_ptr(), count, null_mut()) };
    // SAFETY: a new reference, or null.
    unsafe { owned(callable.py(), result) }
}

/// Calls `callable(first, second)`.
#[inline(always)]
pub(crate) fn call_two<'py>(
    callable: Borrowed<'_, 'py, PyAny>,
    arguments: [Borrowed<'_, '_, PyAny>; 2],
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    call_several(callable, arguments)
}

/// Calls `callable(first, second, third)`.
#[inline(always)]
pub(crate) fn call_three<'py>(
    callable: Borrowed<'_, 'py, PyAny>,
    arguments: [Borrowed<'_, '_, PyAny>; 3],
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    call_several(callable, arguments)
}

#[inline(always)]
fn call_several<'py, const COUNT: usize>(
    callable: Borrowed<'_, 'py, PyAny>,
    arguments: [Borrowed<'_, '_, PyAny>; COUNT],
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    const { assert!(COUNT <= 3) };
    // The first word is scratch room for the callee.
    let mut stack = [null_mut(); 4];
    for (place, argument) in stack[1..].iter_mut().zip(&arguments) {
        *place = argument.as_ptr();
    }
    let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: a live callable; as many live objects behind a word that may be overwritten.
    let result =
        unsafe { ffi::PyObject_Vectorcall(callable.as_ptr(), stack[1..].as_ptr(), count, null_mut()) };
    // SAFETY: a new reference, or null.
    unsafe { owned(callable.py(), result) }
}

/// Runs `body` in a context, as `context.run(...)` does. RuntimeError if the context is entered already.
#[inline(always)]
pub(crate) fn in_context<R>(
    context: Borrowed<'_, '_, PyAny>,
    body: impl FnOnce() -> Result<R, ErrorSet>,
) -> Result<R, ErrorSet> {
    // SAFETY: a live object; the call refuses what is no context.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    let on_panic = ExitOnPanic(context);
    let result = body();
    std::mem::forget(on_panic);
    // SAFETY: entered above on this thread.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    result
}

/// Exits a context when a panic passes it. On all other paths the value is forgotten.
struct ExitOnPanic<'a, 'py>(Borrowed<'a, 'py, PyAny>);

impl Drop for ExitOnPanic<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: this thread entered the context before this value was created.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } != 0 {
            // The panic becomes the exception that is raised.
            drop(PyErr::take(self.0.py()));
        }
    }
}

/// Returns a copy of the current context: `contextvars.copy_context()`.
#[inline(always)]
pub(crate) fn copy_context(py: Python<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyContext_CopyCurrent() };
    // SAFETY: a new reference, or null.
    unsafe { owned(py, made) }
}

/// Returns the function behind a bound method of a class written in Python.
#[inline(always)]
pub(crate) fn bound_function<'a, 'py>(method: Borrowed<'a, 'py, PyAny>) -> Option<Borrowed<'a, 'py, PyAny>> {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(method.as_ptr()) };
    if class != &raw mut PyMethod_Type {
        return None;
    }
    // SAFETY: it was just seen to be a bound method.
    let function = unsafe { PyMethod_Function(method.as_ptr()) };
    // SAFETY: the method holds its function for as long as it lives.
    Some(unsafe { Borrowed::from_ptr(method.py(), function) })
}
