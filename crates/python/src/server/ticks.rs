//! The server's clock: a tick is a part of its shortest limit, and once a tick the peers that are too late are handled.
//!
//! No connection has a timer. Without connections the loop is not woken, unless memory was refused and requests wait.

use pyo3::prelude::*;
use wire::{Ticks, Wire as _};

use super::shared::{HttpServer, date};
use super::{driver, following, streams};
use crate::ffi::error::was_memory_refused;
use crate::ffi::trampoline::{ErrorSet, and_also};
use crate::name;

/// Makes the server tick while there are connections.
pub(super) fn keep_ticking(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let begins = http_server.get().shared.with(http_server.py(), |shared| {
        if shared.is_ticking {
            return false;
        }
        shared.date = date();
        !std::mem::replace(&mut shared.is_ticking, true)
    });
    if begins { schedule(http_server) } else { Ok(()) }
}

fn schedule(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let server = http_server.get();
    let tick = http_server.getattr(name!("_tick")).map_err(ErrorSet::from);
    let scheduled = tick.and_then(|tick| server.call_after_tick(tick));
    // A tick that could not be scheduled does not come: the next connection schedules it again.
    scheduled.inspect_err(|_| server.shared.with(http_server.py(), |shared| shared.is_ticking = false))
}

/// Runs a tick.
pub(super) fn tick(http_server: &Bound<'_, HttpServer>) -> Result<(), ErrorSet> {
    let py = http_server.py();
    let (goes_on, now) = http_server.get().shared.with(py, |shared| {
        shared.now = shared.now.after(Ticks(1));
        shared.date = date();
        shared.is_ticking =
            !shared.connections.is_empty() || (was_memory_refused() && !shared.tasks.is_empty());
        (shared.is_ticking, shared.now)
    });
    let scheduled = if goes_on { schedule(http_server) } else { Ok(()) };
    let ended = and_also(py, scheduled, || following::end_forgotten(http_server));
    and_also(py, ended, || {
        streams::for_each(http_server.get(), py, |protocol| {
            let is_late = protocol.state.with(py, |state| state.wire.is_late(now));
            if is_late { driver::expire(protocol) } else { Ok(()) }
        })
    })
}
