//! Futures that callers wait for, and the counts of a server at which they are done.

use pyo3::prelude::*;

use crate::ffi::call::call_method;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The counts of a server.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) connections: usize,
    pub(super) running: usize,
    /// The requests that have ended so far.
    pub(super) ended: u64,
}

/// A condition on the counts.
pub(super) enum Until {
    /// No connection is open.
    Disconnected,
    /// No connection is open, and no request runs.
    Drained,
    /// So many requests have ended.
    Ended(u64),
}

impl Until {
    pub(super) const fn holds(&self, counts: Counts) -> bool {
        match *self {
            Self::Disconnected => counts.connections == 0,
            Self::Drained => counts.connections == 0 && counts.running == 0,
            Self::Ended(count) => counts.ended >= count,
        }
    }
}

/// The futures that wait, each for its condition.
#[derive(Default)]
pub(super) struct Waiters(pub(super) Vec<(Until, Object)>);

impl Waiters {
    /// Removes the futures whose condition holds.
    #[cold]
    pub(super) fn take(&mut self, counts: Counts) -> Vec<Object> {
        self.0.extract_if(.., |(until, _)| until.holds(counts)).map(|(_, future)| future).collect()
    }

    /// Removes the futures that nobody waits for any more: cancelled ones. One whose state can't be read stays.
    pub(super) fn drop_cancelled(&mut self, py: Python<'_>) {
        self.0.retain(|(_, future)| {
            let is_done = is_done(future.bind_borrowed(py)).map_err(|raised| raised.take(py));
            !is_done.is_ok_and(|is_done| is_done)
        });
    }
}

/// Wakes the waiters of these futures: all of them, whatever one raises.
pub(super) fn wake(py: Python<'_>, futures: Vec<Object>) -> Result<(), ErrorSet> {
    let mut outcome = Ok(());
    for future in futures {
        if let Err(raised) = wake_one(future.bind_borrowed(py)) {
            outcome = Err(raised.take(py));
        }
    }
    Ok(outcome?)
}

fn wake_one(future: Borrowed<'_>) -> Result<(), ErrorSet> {
    if !is_done(future)? {
        call_method(future, name!("set_result"), &[future.py().None().bind_borrowed(future.py())])?;
    }
    Ok(())
}

fn is_done(future: Borrowed<'_>) -> Result<bool, ErrorSet> {
    Ok(call_method(future, name!("done"), &[])?.is_truthy()?)
}
