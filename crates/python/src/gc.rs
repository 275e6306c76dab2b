//! The objects that a loop holds, for the garbage collector. `close` releases them.

use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::handle_object::Handle;
use crate::loop_state::EventLoop;

impl EventLoop {
    /// Visits every object that the loop holds.
    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.remote_queue.visit(&visit)?;
        let mut seen = Ok(());
        let mut look = |handle: &Handle| {
            if seen.is_ok() {
                seen = handle.visit(&visit);
            }
            seen.is_ok()
        };
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
            queues.unsent.iter().try_for_each(|object| visit.call(&**object))?;
            queues.owed_ends.iter().try_for_each(|(transport, error)| {
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
