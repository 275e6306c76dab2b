//! The events of a wait: watchers' handles become ready, events of transports are queued, and rare events (signals,
//! closed descriptors, events without a receiver) are handled at once.
//!
//! `event_loop` decides when queued events are delivered.

use std::io;

use pyo3::prelude::*;
use reactor::{Event, Token};

use crate::error::os_error;
use crate::ffi::interpreter::check_signals;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Queues};
use crate::rebuild::{rebuild, report_refused};
use crate::registry::{Entry, Evicted, ReadyEvent, Recipient, Registry, SIGNALS, Waits, is_live};
use crate::signals;

/// Takes the events of a wait: callbacks of watched descriptors are added to the ready queue, in the order of the
/// events.
pub(crate) fn take_events(this: &Bound<'_, EventLoop>, outcome: io::Result<usize>) -> Result<(), ErrorSet> {
    let py = this.py();
    let count = match outcome {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            // The descriptors were not polled, and signal handlers may do anything.
            this.get().queues.with(py, |queues| queues.has_acted = true);
            return check_signals(py);
        }
        Err(error) => return Err(os_error(&error).into()),
    };
    let state = this.get();
    state.counters.events.add(count);
    let mut found = Found::default();
    state.registry.with(py, |registry| {
        if registry.is_unsettled() {
            found.refused = registry.settle();
        }
        state.queues.with(py, |queues| found.collect(py, registry, count, queues));
    });
    if found.is_plain() { Ok(()) } else { found.handle_rest(this) }
}

/// The result of a wait besides callbacks.
#[derive(Default)]
struct Found {
    signals: bool,
    stale: u32,
    cancelled: bool,
    refused: Vec<(Entry, io::Error)>,
    /// Events of sockets that were waited on and are no longer.
    idle: Vec<Event>,
}

impl Found {
    /// Adds watchers' handles to the ready queue; events of transports and listeners wait for their place in the turn.
    fn collect(&mut self, py: Python<'_>, registry: &Registry, count: usize, queues: &mut Queues) {
        let Some(poller) = registry.poller.as_ref() else {
            return;
        };
        for index in 0..count {
            let event = poller.event(index);
            if event.token == Token::WAKER {
                continue;
            }
            if event.token == SIGNALS {
                self.signals = true;
            } else if let Some(entry) = registry.table.get(event.token) {
                for source in entry.due_sources(event.readiness) {
                    queues.due.push(ReadyEvent {
                        recipient: Recipient::Source(source.kind),
                        object: source.object.clone_ref(py),
                        readiness: event.readiness,
                    });
                }
                if let Some(waits) = &entry.waits {
                    self.collect_operations(py, waits, &event, &mut queues.due);
                }
                for handle in entry.callbacks.handles.due(event.readiness) {
                    if is_live(handle) {
                        queues.ready.push_back(handle.clone_ref(py));
                    } else {
                        self.cancelled = true;
                    }
                }
            } else {
                self.stale += 1;
            }
        }
    }

    fn collect_operations(
        &mut self,
        py: Python<'_>,
        waits: &Waits,
        event: &Event,
        due: &mut Vec<ReadyEvent>,
    ) {
        for operation in waits.operations.due(event.readiness) {
            let object = operation.clone_ref(py);
            due.push(ReadyEvent { recipient: Recipient::Operation, object, readiness: event.readiness });
        }
        if waits.is_idle(event.readiness) {
            self.idle.push(*event);
        }
    }

    fn is_plain(&self) -> bool {
        !self.signals && !self.cancelled && self.stale == 0 && self.refused.is_empty() && self.idle.is_empty()
    }

    #[cold]
    fn handle_rest(self, this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
        let py = this.py();
        let state = this.get();
        state.queues.with(py, |queues| queues.has_acted = true);
        report_refused(this, self.refused)?;
        let mut evicted = Evicted::default();
        state.registry.with(py, |registry| {
            for event in &self.idle {
                // An error of the kernel is reported when an operation waits there again.
                drop(registry.end_lingering(event.token, event.readiness, &mut evicted));
            }
            if self.cancelled {
                registry.drop_cancelled(&mut evicted);
            }
        });
        drop(evicted);
        if self.stale > 0 && state.registry.with(py, |registry| registry.note_stale(self.stale)) {
            // Without descriptors for a new object the old one stays in use; the next stale events try again.
            if let Ok(refused) = rebuild(py, state) {
                report_refused(this, refused)?;
            }
        }
        if self.signals { signals::deliver(py, this) } else { Ok(()) }
    }
}
