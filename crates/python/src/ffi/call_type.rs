//! Creates an instance of a class from an argument tuple and a keyword dict that already exist.
//!
//! `type.__call__` through vectorcall would build both for every call; a loop creates futures and tasks with the same
//! keywords all the time.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::trampoline::{ErrorSet, owned};

/// Calls `class(*arguments, **keywords)` for a class without a `__call__` of a metaclass, whose `__init__` does not
/// keep the dict: asyncio's C classes.
pub(crate) fn call_type<'py>(
    class: &Bound<'py, PyType>,
    arguments: &Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = class.py();
    let raw = class.as_type_ptr();
    // SAFETY: a live type object.
    let slots = unsafe { &*raw };
    let (Some(new), Some(init)) = (slots.tp_new, slots.tp_init) else {
        return Ok(class.call(arguments, Some(keywords))?);
    };
    // SAFETY: the slots are called with live objects of the kinds they ask for.
    let made = unsafe { new(raw, arguments.as_ptr(), keywords.as_ptr()) };
    // SAFETY: a new reference, or null.
    let instance = unsafe { owned(py, made) }?;
    // SAFETY: as above; `instance` is the result of this class's `tp_new`.
    if unsafe { init(instance.as_ptr(), arguments.as_ptr(), keywords.as_ptr()) } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    Ok(instance)
}
