//! The class of operations as Python sees it: the attributes of a coroutine of `async def` that programs use.

use pyo3::prelude::*;

use super::operation::{Operation, Stage};
use crate::ffi::class::Definition;
use crate::ffi::constants::truth;
use crate::ffi::coroutine;
use crate::ffi::getter::getter;
use crate::ffi::instance::ClassValue as _;
use crate::ffi::this::This;

/// Creates the class and adds it to the module.
pub(super) fn make(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        getters: vec![getter("cr_running", is_running)],
        ..Definition::new("SockOperation", "A coroutine of sock_recv() or of its kin.")
    };
    coroutine::make_class(module, Operation::class(), definition).map(drop)
}

fn is_running(operation: This<'_, Operation>) -> PyResult<Bound<'_, PyAny>> {
    let py = operation.py();
    Ok(truth(py, operation.inner.with(py, |inner| matches!(inner.stage, Stage::Running))))
}
