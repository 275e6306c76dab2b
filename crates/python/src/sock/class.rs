//! The class of operations as Python sees it: what a coroutine of `async def` has, as far as it is asked for.

use pyo3::prelude::*;

use super::operation::Operation;
use crate::ffi::answer::truth;
use crate::ffi::class::Definition;
use crate::ffi::coroutine;
use crate::ffi::getter::{Getter, Repr};
use crate::ffi::instance::ClassValue as _;
use crate::ffi::make;
use crate::ffi::method::Argument;
use crate::ffi::this::value_of;
use crate::{getter, represent};

/// Makes the class and puts it into the module.
pub(super) fn make(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition {
        getters: getters().into_iter().map(Getter::of).collect(),
        repr: Some(Repr::old(represent!(representation))),
        ..Definition::new("SockOperation", "A coroutine of sock_recv() or of its kin.")
    };
    coroutine::make_class(module, Operation::class(), definition).map(drop)
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
