//! Handles that other threads post to a loop: a [`Mailbox`] that is linked through the handles themselves.
//!
//! Posting is one compare-and-swap and allocates nothing. Waking is done by `reactor::Wakeup`.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use threads::Mailbox;

use super::handle_object::Handle;
use super::handle_value::HandleObject;
use super::trampoline::attached;

pub(crate) struct RemoteQueue(Mailbox<HandleObject>);

impl RemoteQueue {
    pub(crate) const fn new() -> Self {
        Self(Mailbox::new())
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Posts a handle, unless it is already posted. Any thread may call this.
    pub(crate) fn post(&self, _py: Python<'_>, handle: Handle) {
        if !handle.start_posting() {
            return;
        }
        let object = handle.into_raw();
        // SAFETY: the queue owns the reference of `handle` now, and `POSTED` keeps other code away from `next`.
        self.0.post(object, |older| unsafe { next(object) }.set(older));
    }

    /// Takes out everything posted, oldest first.
    pub(crate) fn take(&self, _py: Python<'_>) -> Drain {
        // SAFETY: posted handles are alive, and who has taken the list is the owner of the whole of it.
        Drain { oldest: self.0.take(|object, newer| unsafe { next(object) }.replace(newer)) }
    }

    /// Visits every posted handle for the garbage collector. Only the loop removes handles, and it does not run
    /// meanwhile.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut posted = self.0.newest();
        while let Some(object) = NonNull::new(posted) {
            // SAFETY: the queue owns the reference and keeps it.
            let handle = ManuallyDrop::new(unsafe { Handle::from_owned(object) });
            handle.visit(visit)?;
            posted = handle.next.get();
        }
        Ok(())
    }
}

/// Returns the link to the next handle.
///
/// # Safety
/// The handle lives for `'a`, and is in a list of this module.
unsafe fn next<'a>(object: NonNull<HandleObject>) -> &'a Cell<*mut HandleObject> {
    // SAFETY: the caller's duty.
    &unsafe { HandleObject::value_of(object) }.next
}

impl Drop for RemoteQueue {
    fn drop(&mut self) {
        if let Some(py) = attached() {
            self.take(py).for_each(drop);
        }
    }
}

/// The handles that were removed from a queue, oldest first.
pub(crate) struct Drain {
    oldest: *mut HandleObject,
}

impl Iterator for Drain {
    type Item = Handle;

    fn next(&mut self) -> Option<Handle> {
        let object = NonNull::new(self.oldest)?;
        // SAFETY: the list belongs to this value, and its handles are alive.
        self.oldest = unsafe { next(object) }.replace(null_mut());
        // SAFETY: the reference that was posted.
        let handle = unsafe { Handle::from_owned(object) };
        handle.end_posting();
        Some(handle)
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
