//! The class of operations as Python sees it: the attributes of a coroutine of `async def` that programs use.

use pyo3::prelude::*;

use super::operation::{Operation, Stage};
use crate::ffi::class::Definition;
use crate::ffi::constants::truth;
use crate::ffi::coroutine;
use crate::ffi::getter::{getter, repr};
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::this::This;

/// Creates the class and adds it to the module.
pub(super) fn make(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        getters: vec![
            getter("__name__", name),
            getter("__qualname__", qualified_name),
            getter("cr_running", is_running),
        ],
        repr: Some(repr(representation)),
        ..Definition::new("SockOperation", "A coroutine of sock_recv() or of its kin.")
    };
    coroutine::make_class(module, Operation::class(), definition).map(drop)
}

fn name(operation: This<'_, Operation>) -> PyResult<Bound<'_, PyAny>> {
    let qualified = operation.name();
    let name = qualified.rsplit('.').next().unwrap_or(qualified);
    Ok(make::text(operation.py(), name)?.into_any())
}

fn qualified_name(operation: This<'_, Operation>) -> PyResult<Bound<'_, PyAny>> {
    Ok(make::text(operation.py(), operation.name())?.into_any())
}

fn is_running(operation: This<'_, Operation>) -> PyResult<Bound<'_, PyAny>> {
    let py = operation.py();
    Ok(truth(py, operation.inner.with(py, |inner| matches!(inner.stage, Stage::Running))))
}

fn representation(operation: This<'_, Operation>) -> PyResult<Bound<'_, PyAny>> {
    let name = operation.name();
    let text = format!("<coroutine object {name} at {:#x}>", operation.object().as_ptr().addr());
    Ok(make::text(operation.py(), &text)?.into_any())
}
