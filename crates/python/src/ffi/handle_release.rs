//! The end of a handle: releasing what it holds, and giving its memory back.
//!
//! A handle may hold another one, which is then released within the release of the first, and so on. The depth is
//! limited: deeper ones are postponed to the end of the outermost release. With the GIL the pool of the loop counts;
//! without it each thread does, for handles may end in any.

use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;

use super::handle_value::{Flags, HandleObject, Memory};

/// The longest chain of handles holding one another that is released recursively: 200 frames of about 200 bytes fit in
/// the smallest thread stack in use (musl's 128 kB) with room to spare. CPython's own "trashcan" uses 50 of much larger
/// ones.
const RELEASE_DEPTH: usize = 200;

/// Releases a handle without references.
///
/// # Safety
/// `handle` has no references, and the collector does not track it.
#[inline(always)]
pub(super) unsafe fn release(py: Python<'_>, handle: NonNull<HandleObject>) {
    // SAFETY: no reference to the object exists, so its value can be read.
    let value = unsafe { HandleObject::value_of(handle) };
    // SAFETY: the object's loop is alive, because the object still holds it.
    let memory = unsafe { &*value.memory };
    if !depth::enter(py, memory, handle) {
        return;
    }
    // SAFETY: the object has no references any more. The loop, and with it the pool, stays until `owner` is released.
    let owner = unsafe { empty(py, memory, handle) };
    while let Some(next) = depth::leave(py, memory) {
        // SAFETY: it was put there, without references, by a deeper call of this function.
        let value = unsafe { HandleObject::value_of(next) };
        // SAFETY: the handle still holds its loop.
        let memory = unsafe { &*value.memory };
        // SAFETY: as above.
        let its_owner = unsafe { empty(py, memory, next) };
        // SAFETY: the reference that the postponed handle owned; `owner` is another one.
        unsafe { ffi::Py_DECREF(its_owner) };
    }
    // SAFETY: the reference that the handle owned.
    unsafe { ffi::Py_DECREF(owner) };
}

/// Releases the contents of a dead handle, keeps its memory, and returns its reference to the loop to the caller.
///
/// # Safety
/// `object` is an untracked handle without references, and `memory` that of its loop.
#[inline(always)]
unsafe fn empty(py: Python<'_>, memory: &Memory, object: NonNull<HandleObject>) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty.
    let value = unsafe { HandleObject::value_of(object) };
    // SAFETY: the field owns one reference or is null; the same holds for each line below.
    unsafe { ffi::Py_XDECREF(value.callback.get()) };
    for argument in &value.stack.arguments {
        // SAFETY: see above.
        unsafe { ffi::Py_XDECREF(argument.get()) };
    }
    // SAFETY: see above.
    unsafe { ffi::Py_XDECREF(value.context) };
    // SAFETY: see above.
    unsafe { ffi::Py_XDECREF(value.debug.get()) };
    let owner = value.owner;
    memory.keep(py, object, value.flags().has(Flags::TIMER));
    owner
}

#[cfg(not(Py_GIL_DISABLED))]
mod depth {
    use super::{HandleObject, Memory, NonNull, Python, RELEASE_DEPTH};

    /// Begins a release. Returns false if it is postponed.
    #[inline(always)]
    pub(super) fn enter(py: Python<'_>, memory: &Memory, handle: NonNull<HandleObject>) -> bool {
        memory.bins.with(py, |bins| {
            if bins.depth == RELEASE_DEPTH {
                bins.postponed.push(handle);
                return false;
            }
            bins.depth += 1;
            true
        })
    }

    /// Ends one release; the outermost first handles those that deeper ones postponed.
    #[inline(always)]
    pub(super) fn leave(py: Python<'_>, memory: &Memory) -> Option<NonNull<HandleObject>> {
        memory.bins.with(py, |bins| {
            if bins.depth == 1
                && let Some(next) = bins.postponed.pop()
            {
                return Some(next);
            }
            bins.depth -= 1;
            None
        })
    }
}

#[cfg(Py_GIL_DISABLED)]
mod depth {
    use std::cell::Cell;
    use std::ptr::null_mut;

    use super::{HandleObject, Memory, NonNull, Python, RELEASE_DEPTH};

    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
        /// The handles that were postponed, linked by `next`, which no queue uses any more.
        static POSTPONED: Cell<*mut HandleObject> = const { Cell::new(null_mut()) };
    }

    #[inline(always)]
    pub(super) fn enter(_py: Python<'_>, _memory: &Memory, handle: NonNull<HandleObject>) -> bool {
        let depth = DEPTH.get();
        if depth == RELEASE_DEPTH {
            // SAFETY: the caller's handle, without references.
            let value = unsafe { HandleObject::value_of(handle) };
            value.next.set(POSTPONED.replace(handle.as_ptr()));
            return false;
        }
        DEPTH.set(depth + 1);
        true
    }

    #[inline(always)]
    pub(super) fn leave(_py: Python<'_>, _memory: &Memory) -> Option<NonNull<HandleObject>> {
        let depth = DEPTH.get();
        if depth == 1
            && let Some(next) = NonNull::new(POSTPONED.get())
        {
            // SAFETY: a handle of the list, which nobody else has.
            POSTPONED.set(unsafe { HandleObject::value_of(next) }.next.get());
            return Some(next);
        }
        DEPTH.set(depth - 1);
        None
    }
}
