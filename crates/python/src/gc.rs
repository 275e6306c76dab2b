//! Everything that a loop holds, at once: shown to the garbage collector, and let go of at the end.
//!
//! What is taken out is dropped outside every borrow: a finalizer may come back to the loop.

use std::io;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::handle_object::{Flags, Handle};
use crate::loop_state::EventLoop;

impl EventLoop {
    /// Empties every queue. What they held is dropped here, outside every borrow.
    pub(crate) fn discard(&self, py: Python<'_>) {
        let letters = self.remote_queue.take();
        let (ready, timers, unsent, due) = self.queues.with(py, |queues| {
            let (ready, timers) = (std::mem::take(&mut queues.ready), queues.drain_timers());
            // An exception can leave a run between a poll and the delivery of what it brought.
            let owed = std::mem::take(&mut queues.owed_ends);
            (ready, timers, (std::mem::take(&mut queues.unsent), owed), std::mem::take(&mut queues.due))
        });
        let registered = self.registry.with(py, |registry| registry.drain());
        let settings = self.settings.with(py, std::mem::take);
        for timer in &timers {
            timer.set_flags(timer.flags().without(Flags::SCHEDULED));
        }
        drop((letters, ready, timers, unsent, due, registered, settings));
    }

    pub(crate) fn close_descriptors(&self, py: Python<'_>) -> io::Result<()> {
        // A thread that sleeps in it, which close() does not know of, finds the loop closed.
        let rung = self.wakeup.ring();
        let closed = self.registry.with(py, |registry| (registry.poller.take(), registry.signals.take()));
        drop(closed);
        self.wakeup.disconnect();
        rung
    }

    /// Shows the collector every object that the loop holds.
    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut seen = Ok(());
        let mut look = |handle: &Handle| {
            if seen.is_ok() {
                seen = handle.visit(&visit);
            }
            seen.is_ok()
        };
        self.remote_queue.peek(&mut look);
        self.queues.peek(|queues| {
            let _all = queues.ready.iter().chain(queues.timers.iter()).all(&mut look);
        });
        self.registry.peek(|registry| {
            let _all =
                registry.table.entries().flat_map(|entry| entry.callbacks.handles.iter()).all(&mut look);
        });
        seen?;
        let objects = self
            .registry
            .peek(|registry| registry.table.objects().try_for_each(|object| visit.call(&**object)));
        objects.unwrap_or(Ok(()))?;
        let in_line = self.queues.peek(|queues| {
            queues.unsent.iter().try_for_each(|(_, object)| visit.call(&**object))?;
            queues.owed_ends.iter().try_for_each(|(_, transport, error)| {
                visit.call(&**transport)?;
                visit.call(&**error)
            })?;
            queues.due.iter().try_for_each(|event| visit.call(&*event.object))
        });
        in_line.unwrap_or(Ok(()))?;
        self.asyncgen_hooks_before.peek(|hooks| visit.call(hooks)).unwrap_or(Ok(()))?;
        self.settings.peek(|settings| settings.visit(&visit)).unwrap_or(Ok(()))
    }
}
