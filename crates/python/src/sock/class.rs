//! The class of operations as Python sees it: what a coroutine of `async def` has, as far as it is asked for.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::operation::{Operation, abandon};
use crate::ffi::answer::{none, truth};
use crate::ffi::class::Getter;
use crate::ffi::coroutine::{CoroutineClass, CoroutineType, send_by_method, thrown, value_of};
use crate::ffi::method::{Argument, Call, Method};
use crate::ffi::raised::Raised;
use crate::{fastcall, getter, no_arguments, represent};

static CLASS: PyOnceLock<CoroutineType<Operation>> = PyOnceLock::new();

/// Makes the class and puts it into the module.
pub(super) fn make(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CoroutineType::make(
        module,
        CoroutineClass {
            name: "SockOperation",
            doc: "A coroutine of sock_recv() or of its kin.",
            methods: methods(),
            getters: getters(),
            represent: represent!(representation),
        },
    )?;
    CLASS.get_or_init(module.py(), || class);
    Ok(())
}

/// The class that [`make`] has made.
#[inline(always)]
pub(super) fn class_of(py: Python<'_>) -> PyResult<&'static CoroutineType<Operation>> {
    CLASS.get(py).ok_or_else(|| PyTypeError::new_err("vitok._native was not initialised"))
}

fn methods() -> Vec<Method> {
    let method =
        |name, entry, signature: &str, doc| Method { name, entry, signature: signature.to_owned(), doc };
    vec![
        method(
            "send",
            fastcall!(send),
            "($self, arg, /)",
            "Run to the next future that is waited for, or to the end.",
        ),
        method(
            "throw",
            fastcall!(throw),
            "($self, typ, val=None, tb=None, /)",
            "Cease to wait, and raise the exception.",
        ),
        method("close", no_arguments!(close), "($self)", "Cease to wait."),
    ]
}

fn getters() -> Vec<Getter> {
    vec![
        getter!("__name__", name),
        getter!("__qualname__", qualified_name),
        getter!("cr_running", is_running),
    ]
}

fn send<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    match call.positional() {
        [value] if !call.has_keywords() => send_by_method::<Operation>(call.receiver(), *value),
        _ => Err(PyTypeError::new_err("send() takes exactly one argument").into()),
    }
}

fn throw<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    let error = match call.positional() {
        [kind, rest @ ..] if rest.len() <= 2 && !call.has_keywords() => {
            thrown(*kind, rest.first().copied(), rest.get(1).copied())?
        }
        _ => return Err(PyTypeError::new_err("throw() takes one to three arguments").into()),
    };
    if abandon(call.receiver()) {
        return Err(error.into());
    }
    Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine").into())
}

fn close(operation: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    abandon(operation);
    Ok(none(operation.py()))
}

fn name(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let qualified = value_of::<Operation>(operation).name();
    let name = qualified.rsplit('.').next().unwrap_or(qualified);
    Ok(name.into_pyobject(operation.py())?.into_any())
}

fn qualified_name(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(value_of::<Operation>(operation).name().into_pyobject(operation.py())?.into_any())
}

fn is_running(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = operation.py();
    Ok(truth(py, value_of::<Operation>(operation).is_running(py)))
}

fn representation(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let name = value_of::<Operation>(operation).name();
    let text = format!("<coroutine object {name} at {:#x}>", operation.as_ptr().addr());
    Ok(text.into_pyobject(operation.py())?.into_any())
}
