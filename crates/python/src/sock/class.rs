//! The class of operations as Python sees it: what a coroutine of `async def` has, as far as it is asked for.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::operation::Operation;
use crate::ffi::answer::truth;
use crate::ffi::class::Getter;
use crate::ffi::coroutine::{CoroutineClass, CoroutineType, value_of};
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::{getter, represent};

static CLASS: PyOnceLock<CoroutineType<Operation>> = PyOnceLock::new();

/// Makes the class and puts it into the module.
pub(super) fn make(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CoroutineType::make(
        module,
        CoroutineClass {
            name: "SockOperation",
            doc: "A coroutine of sock_recv() or of its kin.",
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
    CLASS.get(py).ok_or_else(|| new_error::<PyTypeError>("vitok._native was not initialised"))
}

fn getters() -> Vec<Getter> {
    vec![
        getter!("__name__", name),
        getter!("__qualname__", qualified_name),
        getter!("cr_running", is_running),
    ]
}

fn name(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let qualified = value_of::<Operation>(operation).name();
    let name = qualified.rsplit('.').next().unwrap_or(qualified);
    Ok(make::text(operation.py(), name)?.into_any())
}

fn qualified_name(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(operation.py(), value_of::<Operation>(operation).name())?.into_any())
}

fn is_running(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let py = operation.py();
    Ok(truth(py, value_of::<Operation>(operation).is_running(py)))
}

fn representation(operation: Argument<'_>) -> PyResult<Bound<'_, PyAny>> {
    let name = value_of::<Operation>(operation).name();
    let text = format!("<coroutine object {name} at {:#x}>", operation.as_ptr().addr());
    Ok(make::text(operation.py(), &text)?.into_any())
}
