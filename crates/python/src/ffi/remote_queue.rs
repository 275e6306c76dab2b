//! Handles that other threads post to a loop: a lock-free stack, linked through the handles themselves.
//!
//! Posting is one compare-and-swap and allocates nothing. The loop takes the whole stack at once and reverses it, so
//! handles of one thread keep their order. Waking is done by `reactor::Wakeup`.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::handle_object::Handle;
use super::handle_value::HandleObject;
use super::trampoline::attached;

pub(crate) struct RemoteQueue {
    newest: AtomicPtr<HandleObject>,
}

impl RemoteQueue {
    pub(crate) const fn new() -> Self {
        Self { newest: AtomicPtr::new(null_mut()) }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.load(Ordering::Acquire).is_null()
    }

    /// Posts a handle, unless it is already posted. Any thread may call this.
    pub(crate) fn post(&self, _py: Python<'_>, handle: Handle) {
        if !handle.start_posting() {
            return;
        }
        let object = handle.into_raw();
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the queue owns the reference of `handle` now, and `POSTED` keeps other code away from `next`.
            unsafe { next(object) }.set(newest);
            match self.newest.compare_exchange_weak(
                newest,
                object.as_ptr(),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Takes out everything posted, oldest first.
    pub(crate) fn take(&self, _py: Python<'_>) -> Drain {
        let mut newest = self.newest.swap(null_mut(), Ordering::SeqCst);
        let mut oldest = null_mut::<HandleObject>();
        while let Some(object) = NonNull::new(newest) {
            // SAFETY: posted handles are alive, and the swap made this thread the owner of the whole list.
            newest = unsafe { next(object) }.replace(oldest);
            oldest = object.as_ptr();
        }
        Drain { oldest }
    }

    /// Visits every posted handle for the garbage collector. Only the loop removes handles, and it does not run
    /// meanwhile.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut posted = self.newest.load(Ordering::Acquire);
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
