//! Checks operations whose sockets are closed while they wait: the kernel forgets such a descriptor without a report.
//!
//! asyncio waits for ever then. Here all waiting operations are checked before the loop sleeps, once a second at most
//! and only if any code ran since the last check; so an idle loop wakes once for it and then stays asleep.

use std::time::Duration;

use pyo3::prelude::*;
use reactor::Timeout;

use super::operation::fail_if_closed;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{ClosedCheck, EventLoop};

/// The longest time before the loop notices that a socket was closed: a check costs 40 ns for each waiting operation,
/// which for ten thousand is less than a thousandth of a second.
const INTERVAL: Duration = Duration::from_secs(1);

/// Checks the operations before a sleep of this length, or returns when the loop has to wake for that. `last_ns` is the
/// time of the last check, on the clock of the loop.
pub(crate) fn limit_sleep(
    py: Python<'_>,
    state: &EventLoop,
    timeout: Timeout,
    last_ns: u64,
) -> Result<Timeout, ErrorSet> {
    let now_ns = reactor::monotonic_ns();
    let left = INTERVAL.saturating_sub(Duration::from_nanos(now_ns.saturating_sub(last_ns)));
    if left.is_zero() {
        check_operations(py, state, now_ns)?;
        let is_busy = state.queues.with(py, |queues| queues.is_busy());
        return Ok(if is_busy { Timeout::Now } else { timeout });
    }
    Ok(match timeout {
        Timeout::Never => Timeout::After(left),
        Timeout::After(wait) => Timeout::After(wait.min(left)),
        Timeout::Now => Timeout::Now,
    })
}

fn check_operations(py: Python<'_>, state: &EventLoop, now_ns: u64) -> Result<(), ErrorSet> {
    let (operations, orphans) = state.registry.with(py, |registry| {
        let operations: Vec<_> =
            registry.table.operations().map(|operation| operation.clone_ref(py)).collect();
        (operations, std::mem::take(&mut registry.table.orphans))
    });
    let closed_check = ClosedCheck { has_waits: !operations.is_empty(), is_due: false, last_ns: now_ns };
    state.queues.with(py, |queues| queues.closed_check = closed_check);
    drop(orphans);
    operations.iter().try_for_each(|operation| fail_if_closed(operation.bind_borrowed(py)))
}
