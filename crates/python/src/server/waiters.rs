//! Futures that callers wait for, and the counts of a server at which they are done.

use pyo3::prelude::*;

use crate::ffi::call::call_method;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::{ErrorSet, take_all};
use crate::name;
use crate::tasks;

/// A condition on the counts.
pub(super) enum Until {
    /// No connection is open.
    Disconnected,
    /// No connection is open, and no request runs.
    Drained,
    /// So many requests have ended.
    Ended(u64),
}

/// Wakes the waiters of these futures: all of them, whatever one raises.
pub(super) fn wake(py: Python<'_>, futures: Vec<Object>) -> Result<(), ErrorSet> {
    take_all(py, futures.into_iter().map(|future| wake_one(future.bind_borrowed(py))))
}

fn wake_one(future: Borrowed<'_>) -> Result<(), ErrorSet> {
    if !tasks::is_done(future)? {
        call_method(future, name!("set_result"), &[future.py().None().bind_borrowed(future.py())])?;
    }
    Ok(())
}
