//! Handles that other threads post to a loop: a lock-free stack, linked through the handles themselves.
//!
//! Posting is one compare-and-swap and allocates nothing. The loop takes the whole stack at once and turns it round, so what
//! one thread posted comes out in its order. Who has to be woken is not known here: see `reactor::Wakeup`.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::prelude::*;

use super::handle_object::{Handle, HandleObject};

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

    /// Posts a handle. Any thread may.
    pub(crate) fn post(&self, handle: Handle) {
        let object = handle.into_raw().as_ptr();
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the reference inside `handle` is now the mailbox's, and the handle is not posted yet: `next` is ours.
            unsafe { (*object).next = newest };
            match self.newest.compare_exchange_weak(newest, object, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Takes out everything posted, oldest first.
    pub(crate) fn take(&self) -> Drain {
        let mut newest = self.newest.swap(null_mut(), Ordering::SeqCst);
        let mut oldest = null_mut::<HandleObject>();
        while let Some(object) = NonNull::new(newest) {
            // SAFETY: posted handles are alive, and the swap made this thread the owner of the whole list.
            newest = unsafe { std::mem::replace(&mut (*object.as_ptr()).next, oldest) };
            oldest = object.as_ptr();
        }
        Drain { oldest }
    }

    /// Shows every posted handle to the garbage collector.
    pub(crate) fn peek(&self, mut look: impl FnMut(&Handle) -> bool) {
        let mut next = self.newest.load(Ordering::Acquire);
        while let Some(object) = NonNull::new(next) {
            // SAFETY: only the loop takes letters out, and it does not run while the collector looks.
            let handle = std::mem::ManuallyDrop::new(unsafe { Handle::from_owned(object) });
            if !look(&handle) {
                return;
            }
            // SAFETY: as above.
            next = unsafe { (*object.as_ptr()).next };
        }
    }
}

impl Drop for RemoteQueue {
    fn drop(&mut self) {
        // SAFETY: a loop is deallocated by an attached thread, which `Handle` needs to be dropped.
        let _attached: Python<'_> = unsafe { Python::assume_attached() };
        self.take().for_each(drop);
    }
}

/// What was taken out of a mailbox, oldest first.
pub(crate) struct Drain {
    oldest: *mut HandleObject,
}

impl Iterator for Drain {
    type Item = Handle;

    fn next(&mut self) -> Option<Handle> {
        let object = NonNull::new(self.oldest)?;
        // SAFETY: the list belongs to this value, and its handles are alive.
        self.oldest = unsafe { std::mem::replace(&mut (*object.as_ptr()).next, null_mut()) };
        // SAFETY: the reference that was posted.
        Some(unsafe { Handle::from_owned(object) })
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
