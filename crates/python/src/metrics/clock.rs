//! The time of each callback and of each poll: in the mode `TIMED` and in debug mode.
//!
//! The end of a callback is the start of the next one, so that the clock is read once per callback. User code may run
//! after any callback: the hook of slow ones.

use pyo3::prelude::*;

use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::registry::{ReadyEvent, Recipient, SourceKind};
use crate::tls::Tls;
use crate::transport::alive;
use crate::{handle, name};

/// The clock of a turn, in a loop that measures or is in debug mode; in others it does nothing.
pub(crate) struct Clock<const TIMED: bool> {
    /// The end of what was measured last, in nanoseconds.
    at: u64,
}

impl Clock<false> {
    pub(crate) const fn off() -> Self {
        Self { at: 0 }
    }
}

impl Clock<true> {
    /// Starts the clock at the end of the part of a turn that waits for events, and began at `started`.
    pub(crate) fn after_poll(state: &EventLoop, started: u64) -> Self {
        let mut clock = Self { at: started };
        let took = clock.lap();
        if state.modes.any(Modes::TIMED) {
            state.counters.in_polls.add_ns(took);
        }
        clock
    }
}

impl<const TIMED: bool> Clock<TIMED> {
    /// Ends the delivery of an event, which counts as a callback.
    #[inline(always)]
    pub(crate) fn end_event(
        &mut self,
        this: &Bound<'_, EventLoop>,
        event: &ReadyEvent,
    ) -> Result<(), ErrorSet> {
        if !TIMED {
            return Ok(());
        }
        let took = self.lap();
        if note_callback(this.get(), took) {
            let handle = handle_of(this, event)?;
            self.report(this, &handle, took)?;
        }
        Ok(())
    }

    /// Returns the nanoseconds since the last call.
    fn lap(&mut self) -> u64 {
        let now = reactor::monotonic_ns();
        now.saturating_sub(std::mem::replace(&mut self.at, now))
    }

    /// Reports a slow callback. The time of the report belongs to no callback.
    #[cold]
    fn report(&mut self, this: &Bound<'_, EventLoop>, handle: &Handle, took: u64) -> Result<(), ErrorSet> {
        let py = this.py();
        let seconds = make::float(py, reactor::seconds(took))?;
        this.get().imports.hooks.report_slow_callback(py, this, handle.to_object(py), seconds)?;
        self.at = reactor::monotonic_ns();
        Ok(())
    }
}

/// Calls a handle and measures it. Debug mode also records which handle runs.
#[cold]
pub(crate) fn call<const TIMED: bool>(
    this: &Bound<'_, EventLoop>,
    next: &Handle,
    clock: &mut Clock<TIMED>,
) -> Result<(), ErrorSet> {
    let (py, state) = (this.py(), this.get());
    let is_debug = state.modes.any(Modes::DEBUG);
    if is_debug {
        let object = next.to_object(py).unbind();
        let previous = state.settings.with(py, |settings| settings.current_handle.replace(object));
        drop(previous);
        if next.flags().has(Flags::CANCELLED) {
            return Ok(());
        }
    }
    if !TIMED {
        // Debug mode was turned on in this turn.
        clock.at = reactor::monotonic_ns();
    }
    let outcome = handle::run(py, next);
    let took = clock.lap();
    if is_debug {
        let current = state.settings.with(py, |settings| settings.current_handle.take());
        drop(current);
    }
    let is_slow = note_callback(state, took);
    outcome?;
    if is_slow { clock.report(this, next, took) } else { Ok(()) }
}

/// Records the time of a callback, and returns whether that is slow.
fn note_callback(state: &EventLoop, took: u64) -> bool {
    if state.modes.any(Modes::TIMED) {
        state.counters.note_callback(took);
    }
    state.counters.is_slow(took)
}

/// Returns a handle that stands for the delivery of an event, which has none: its callback is the method of the
/// protocol, or the object that the event was for.
#[cold]
fn handle_of(this: &Bound<'_, EventLoop>, event: &ReadyEvent) -> Result<Handle, ErrorSet> {
    let py = this.py();
    let object = event.object.bind(py).clone();
    let callback = match event.recipient {
        Recipient::Source(kind) => method_of(&object, kind).unwrap_or(object),
        Recipient::Operation => object,
    };
    handle::make_unscheduled(This::from(this), callback.as_borrowed(), &[], None)
}

/// Returns the method of a transport's protocol that an event calls, unless there is none: user code may answer
/// anything.
fn method_of<'py>(object: &Bound<'py, PyAny>, kind: SourceKind) -> Option<Bound<'py, PyAny>> {
    let names: &[_] = match kind {
        SourceKind::Stream | SourceKind::ReadPipe => &[name!("data_received"), name!("buffer_updated")],
        SourceKind::Datagram => &[name!("datagram_received")],
        SourceKind::Listener | SourceKind::WritePipe => return None,
    };
    let mut protocol = alive(object.clone())?.call_method0(name!("get_protocol")).ok()?;
    // A stream below TLS has the TLS transport as its protocol. A protocol of a program may have such a method as well.
    while This::<Tls>::cast(protocol.as_borrowed()).is_some() {
        protocol = protocol.call_method0(name!("get_protocol")).ok()?;
    }
    names.iter().find_map(|name| protocol.getattr(*name).ok())
}
