//! The memory of handles: both types, a free list per loop, and garbage collection.
//!
//! A handle in the ready queue of a running loop is not tracked by the garbage collector: it is reachable, for the loop
//! is, and its stay is short. A thousand of them would otherwise be visited by each collection that a burst of
//! callbacks sets off, which costs a quarter of the time (2140 instructions per callback fell to 1610, on 3.11). Code
//! that takes one out calls `Handle::leave_queue`, and a loop that ends its run shows those that are left.
//!
//! A `Pool` belongs to one loop. A handle holds its loop, so the pool outlives every handle that may return to it. Only the
//! thread that runs the loop uses it; in others, and between two runs, handles are allocated and freed.

use std::any::TypeId;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

use pyo3::ffi;
use pyo3::prelude::*;

use super::error::note_refused_memory;
use super::gil_cell::ClassCell;
use super::handle_object::Handle;
use super::handle_release::release;
use super::handle_state::State;
use super::handle_value::{Bins, Flags, HandleObject, HandleValue, IN_A_TUPLE, INLINE_ARGUMENTS, Memory};
pub(crate) use super::handle_value::{Pool, PoolOwner};
use super::instance::{Class, ClassValue, Visit, Weak};
use super::make;
use super::this::{Borrowed, Layout as _, This};
use super::trampoline::{ErrorSet, attached};

/// The objects that a loop keeps for reuse: a burst of a thousand callbacks allocates nothing the second time. 140 kB
/// at most.
const SPARE_LIMIT: usize = 1024;

/// The contents of a new handle.
pub(crate) struct Content<'a, 'py> {
    pub(crate) callback: Borrowed<'py>,
    pub(crate) arguments: &'a [Borrowed<'py>],
    /// `None` takes a copy of the current context, as `contextvars.copy_context()` does.
    pub(crate) context: Option<Borrowed<'py>>,
    pub(crate) flags: Flags,
    /// When a timer is due.
    pub(crate) when: f64,
    /// Whether the garbage collector tracks the handle from the start: all but those in the queue of a running loop.
    pub(crate) tracked: bool,
}

/// Creates a handle of a loop. The garbage collector may run, and so may any finalizer.
#[inline(always)]
pub(crate) fn make_handle<O: PoolOwner>(
    owner: This<'_, O>,
    content: Content<'_, '_>,
) -> Result<Handle, ErrorSet> {
    let py = owner.py();
    let memory = &owner.value().pool().0;
    let context = match content.context {
        // SAFETY: a live object.
        Some(context) => unsafe { ffi::Py_NewRef(context.as_ptr()) },
        // SAFETY: this thread is attached.
        None => unsafe { ffi::PyContext_CopyCurrent() },
    };
    if context.is_null() {
        note_refused_memory();
        return Err(ErrorSet::by_interpreter());
    }
    let object = match memory.take(py, content.flags.has(Flags::TIMER)) {
        Ok(object) => object,
        Err(raised) => {
            note_refused_memory();
            // SAFETY: the reference taken above.
            unsafe { ffi::Py_DECREF(context) };
            return Err(raised);
        }
    };
    // SAFETY: this is fresh memory of a handle, whose object header is set; the pool belongs to the owner.
    unsafe { fill(object, memory, owner.object(), &content, context) };
    // SAFETY: the object's first reference belongs to this function.
    let handle = unsafe { Handle::from_owned(object) };
    if content.arguments.len() > INLINE_ARGUMENTS {
        pack(py, &handle, content.arguments)?;
    }
    if content.tracked {
        handle.track(py);
    }
    Ok(handle)
}

impl<O: PoolOwner> Pool<O> {
    pub(crate) fn new() -> Self {
        let bins = Bins::default();
        Self(Memory { owner: TypeId::of::<O>(), bins: ClassCell::new_unowned(bins) }, PhantomData)
    }
}

impl<O> Pool<O> {
    /// Makes the calling thread the one that uses the pool.
    #[inline(always)]
    pub(crate) fn claim(&self, py: Python<'_>) {
        self.0.bins.claim(py);
    }

    /// Ends that, so that another thread can.
    pub(crate) fn give_up(&self, py: Python<'_>) {
        self.0.bins.give_up(py);
    }
}

impl Memory {
    #[inline(always)]
    fn take(&self, py: Python<'_>, is_timer: bool) -> Result<NonNull<HandleObject>, ErrorSet> {
        let spare = self.bins.with_if_owner(py, |bins| bins.spare[usize::from(is_timer)].pop());
        if let Some(spare) = spare.flatten() {
            // A spare object keeps its class and its reference to it; only the reference count starts again.
            // SAFETY: memory of a handle that no other code has.
            unsafe { revive(spare) };
            return Ok(spare);
        }
        HandleValue::classes()[usize::from(is_timer)].allocate()
    }

    /// Takes back the memory of a handle without references.
    #[inline(always)]
    pub(super) fn keep(&self, py: Python<'_>, object: NonNull<HandleObject>, is_timer: bool) {
        let kept = self.bins.with_if_owner(py, |bins| {
            let spare = &mut bins.spare[usize::from(is_timer)];
            let room = spare.len() < SPARE_LIMIT;
            if room {
                spare.push(object);
            }
            room
        });
        if kept != Some(true) {
            // SAFETY: untracked memory from `PyObject_GC_New` without references.
            unsafe { give_back(object) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(py) = attached() else { return };
        for object in self.bins.with(py, |bins| std::mem::take(&mut bins.spare)).into_iter().flatten() {
            // SAFETY: untracked memory from `PyObject_GC_New` without references.
            unsafe { give_back(object) };
        }
    }
}

/// Gives a spare object the one reference of a new object.
///
/// # Safety
/// `object` is memory of a handle without references, which nobody else knows.
#[inline(always)]
unsafe fn revive(object: NonNull<HandleObject>) {
    #[cfg(not(Py_GIL_DISABLED))]
    {
        // SAFETY: the caller's duty. The count is zero since the object was released, so this makes it one.
        unsafe { ffi::Py_INCREF(object.as_ptr().cast()) };
    }
    #[cfg(Py_GIL_DISABLED)]
    {
        // SAFETY: the caller's duty. It sets both counts, the thread that owns the object and its other words, but not
        // the class.
        unsafe { _Py_NewReference(object.as_ptr().cast()) };
    }
}

#[cfg(Py_GIL_DISABLED)]
unsafe extern "C" {
    // pyo3's bindings omit it.
    fn _Py_NewReference(object: *mut ffi::PyObject);
}

/// Frees the memory of a spare object.
///
/// # Safety
/// `object` is untracked memory of a handle without references.
unsafe fn give_back(object: NonNull<HandleObject>) {
    // SAFETY: the caller's duty.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr().cast()) };
    // SAFETY: as above.
    unsafe { ffi::PyObject_GC_Del(object.as_ptr().cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// Writes every field except the object header.
///
/// # Safety
/// `object` is memory of a handle with its header set; the object takes over the reference `context`; the pool lives as
/// long as the owner.
#[inline(always)]
unsafe fn fill(
    object: NonNull<HandleObject>,
    memory: &Memory,
    owner: Borrowed<'_>,
    content: &Content<'_, '_>,
    context: *mut ffi::PyObject,
) {
    // SAFETY: the caller's duty.
    unsafe { HandleObject::reset_head(object) };
    // SAFETY: the caller's duty.
    let value = unsafe { HandleObject::value(object.as_ptr().cast()) }.cast_mut();
    // SAFETY: no other code can reach this memory yet, and no field needs a drop.
    let value = unsafe { &mut *value };
    value.state = State::new(content.flags);
    value.context = context;
    // SAFETY: live objects of the caller.
    value.callback = Cell::new(unsafe { ffi::Py_NewRef(content.callback.as_ptr()) });
    // SAFETY: as above.
    value.owner = unsafe { ffi::Py_NewRef(owner.as_ptr()) };
    value.memory = memory;
    value.when = content.when;
    value.runner = AtomicU64::new(0);
    value.next = Cell::new(null_mut());
    value.debug = Cell::new(null_mut());
    value.stack.scratch = Cell::new(null_mut());
    value.stack.arguments = [const { Cell::new(null_mut()) }; INLINE_ARGUMENTS];
    let mut count = 0;
    if content.arguments.len() <= INLINE_ARGUMENTS {
        for (place, argument) in value.stack.arguments.iter().zip(content.arguments) {
            // SAFETY: as above.
            place.set(unsafe { ffi::Py_NewRef(argument.as_ptr()) });
            count += 1;
        }
    }
    value.count = Cell::new(count);
}

/// Stores more arguments than fit into the handle, as one tuple.
#[cold]
fn pack(py: Python<'_>, handle: &Handle, arguments: &[Borrowed<'_>]) -> Result<(), ErrorSet> {
    let tuple = make::tuple(py, arguments.iter().map(|argument| (*argument).to_owned()))?;
    handle.stack.arguments[0].set(tuple.into_ptr());
    handle.count.set(IN_A_TUPLE);
    Ok(())
}

impl ClassValue for HandleValue {
    type Head = Weak;

    /// The classes `Handle` and `TimerHandle`.
    fn classes() -> &'static [Class<Self>] {
        static CLASSES: [Class<HandleValue>; 2] = [Class::new(), Class::new()];
        &CLASSES
    }

    fn visit(&self, visit: &mut Visit) {
        let fields = [self.callback.get(), self.context, self.owner, self.debug.get()];
        fields.into_iter().for_each(|field| visit.raw(field));
        self.stack.arguments.iter().for_each(|argument| visit.raw(argument.get()));
    }

    /// Releases the callback and its arguments. The loop stays, because the memory returns to its pool. The context
    /// stays too, because it clears itself.
    fn clear(&self, py: Python<'_>) {
        self.state.add(Flags::CANCELLED);
        self.release_call(py);
    }

    #[inline(always)]
    fn is_tracked(&self) -> bool {
        self.flags().has(Flags::TRACKED)
    }

    /// Returns the memory to the pool of the loop.
    #[inline(always)]
    unsafe fn deallocate(py: Python<'_>, handle: NonNull<HandleObject>) {
        // SAFETY: the caller's duty.
        unsafe { release(py, handle) };
    }
}
