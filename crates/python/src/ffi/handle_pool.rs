//! Where handles come from and where they go: the two types' memory, a free list per loop, and garbage collection.
//!
//! A handle in the ready queue of a running loop is not shown to the garbage collector: it is reachable, for the loop is,
//! and its stay is short. A thousand of them would otherwise be visited by each collection that a burst of callbacks sets
//! off, which costs a quarter of all (2140 instructions a callback fell to 1610, on 3.11). Whoever takes one out calls
//! `Handle::leave_queue`, and a loop that ends its run shows those that are left.
//!
//! `Pool` belongs to one loop. A handle holds its loop, so the pool outlives every handle that may return to it.

use std::ptr::{NonNull, null_mut};

use pyo3::ffi;
use pyo3::prelude::*;

use super::error::note_refused_memory;
use super::gil_cell::GilCell;
use super::handle_object::{Flags, Handle, HandleObject, IN_A_TUPLE, INLINE_ARGUMENTS};
use super::make;
use super::this::Borrowed;
use super::trampoline::ErrorSet;

/// Objects that a loop keeps for re-use: a burst of a thousand callbacks allocates nothing the second time. 140 kB at most.
const SPARE_LIMIT: usize = 1024;

/// Handles that may hold one another in a chain before their release stops recursing: 200 frames of about 200 bytes
/// leave the smallest thread stack in use (musl's 128 kB) far away. CPython's own "trashcan" uses 50 of much larger ones.
const RELEASE_DEPTH: usize = 200;

/// The classes `Handle` and `TimerHandle`, which live as long as the process.
#[derive(Clone, Copy)]
pub(crate) struct HandleTypes {
    pub(super) handle: *mut ffi::PyTypeObject,
    pub(super) timer: *mut ffi::PyTypeObject,
}

// SAFETY: type objects are immortal here (the module's state holds them) and immutable.
unsafe impl Send for HandleTypes {}
// SAFETY: as above.
unsafe impl Sync for HandleTypes {}

pub(crate) struct Pool {
    types: HandleTypes,
    bins: GilCell<Bins>,
}

struct Bins {
    /// Of handles, and of timers.
    spare: [Vec<NonNull<HandleObject>>; 2],
    postponed: Vec<NonNull<HandleObject>>,
    depth: usize,
}

/// What a new handle is to hold.
pub(crate) struct Content<'a, 'py> {
    pub(crate) owner: Borrowed<'py>,
    pub(crate) callback: Borrowed<'py>,
    pub(crate) arguments: &'a [Borrowed<'py>],
    /// `None` takes a copy of the current context, as `contextvars.copy_context()` does.
    pub(crate) context: Option<Borrowed<'py>>,
    pub(crate) flags: Flags,
    /// For a timer, when it is due.
    pub(crate) when: f64,
    /// Whether the garbage collector is to know the handle from the start: all but those in the queue of a running loop.
    pub(crate) tracked: bool,
}

impl Bins {
    /// The end of one release: at the outermost, first what deeper ones postponed.
    fn leave(&mut self) -> Option<NonNull<HandleObject>> {
        if self.depth == 1
            && let Some(next) = self.postponed.pop()
        {
            return Some(next);
        }
        self.depth -= 1;
        None
    }
}

impl Pool {
    pub(crate) fn new(types: HandleTypes) -> Self {
        Self {
            types,
            bins: GilCell::new(Bins { spare: [Vec::new(), Vec::new()], postponed: Vec::new(), depth: 0 }),
        }
    }

    /// Makes a handle. May run the garbage collector, and so any finalizer.
    #[inline(always)]
    pub(crate) fn make(&self, py: Python<'_>, content: Content<'_, '_>) -> Result<Handle, ErrorSet> {
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
        let Some(object) = self.memory(py, content.flags.has(Flags::TIMER)) else {
            note_refused_memory();
            // SAFETY: the reference taken above.
            unsafe { ffi::Py_DECREF(context) };
            return Err(ErrorSet::by_interpreter());
        };
        // SAFETY: fresh memory of a handle, whose object header the interpreter has set.
        unsafe { fill(object, self, &content, context) };
        // SAFETY: the object's first reference is ours to give.
        let handle = unsafe { Handle::from_owned(object) };
        if content.arguments.len() > INLINE_ARGUMENTS {
            pack(py, object, content.arguments)?;
        }
        if content.tracked {
            handle.track(py);
        }
        Ok(handle)
    }

    #[inline(always)]
    fn memory(&self, py: Python<'_>, is_timer: bool) -> Option<NonNull<HandleObject>> {
        if let Some(spare) = self.bins.with(py, |bins| bins.spare[usize::from(is_timer)].pop()) {
            // A spare object keeps its class and its reference to it; only the count of references starts anew.
            // SAFETY: memory of a handle that nobody else knows.
            unsafe { revive(spare) };
            return Some(spare);
        }
        let class = if is_timer { self.types.timer } else { self.types.handle };
        // SAFETY: the class is a complete heap type of the collected kind.
        NonNull::new(unsafe { ffi::PyObject_GC_New::<HandleObject>(class) })
    }

    /// Takes back the memory of a handle that nobody refers to.
    #[inline(always)]
    fn keep(&self, py: Python<'_>, object: NonNull<HandleObject>, is_timer: bool) {
        let kept = self.bins.with(py, |bins| {
            let spare = &mut bins.spare[usize::from(is_timer)];
            let room = spare.len() < SPARE_LIMIT;
            if room {
                spare.push(object);
            }
            room
        });
        if !kept {
            // SAFETY: untracked memory that `PyObject_GC_New` gave and nobody refers to.
            unsafe { give_back(object) };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: a loop is deallocated by an attached thread.
        let py = unsafe { Python::assume_attached() };
        for object in self.bins.with(py, |bins| std::mem::take(&mut bins.spare)).into_iter().flatten() {
            // SAFETY: untracked memory that `PyObject_GC_New` gave and nobody refers to.
            unsafe { give_back(object) };
        }
    }
}

/// Gives the one reference of a new object to a spare one.
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
        // SAFETY: the caller's duty.
        let class = unsafe { (*object.as_ptr()).ob_base.ob_type };
        // SAFETY: sets the counts and takes one more reference to the class than the spare object had kept.
        unsafe { ffi::PyObject_Init(object.as_ptr().cast(), class) };
        // SAFETY: the class is alive.
        unsafe { ffi::Py_DECREF(class.cast()) };
    }
}

/// Frees a spare object's memory.
///
/// # Safety
/// `object` is untracked memory of a handle without references.
unsafe fn give_back(object: NonNull<HandleObject>) {
    // SAFETY: the caller's duty.
    let class = unsafe { (*object.as_ptr()).ob_base.ob_type };
    // SAFETY: as above.
    unsafe { ffi::PyObject_GC_Del(object.as_ptr().cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// Writes every field but the object header.
///
/// # Safety
/// `object` is memory of a handle with its header set; `context` is a reference that the object takes over.
#[inline(always)]
unsafe fn fill(
    object: NonNull<HandleObject>,
    pool: &Pool,
    content: &Content<'_, '_>,
    context: *mut ffi::PyObject,
) {
    // SAFETY: the caller's duty: nobody else sees this memory yet.
    let object = unsafe { &mut *object.as_ptr() };
    object.flags = content.flags;
    object.context = context;
    // SAFETY: live objects of the caller.
    object.callback = unsafe { ffi::Py_NewRef(content.callback.as_ptr()) };
    // SAFETY: as above.
    object.owner = unsafe { ffi::Py_NewRef(content.owner.as_ptr()) };
    object.pool = pool;
    object.when = content.when;
    object.runner = 0;
    object.next = null_mut();
    object.debug = null_mut();
    object.weak_references = null_mut();
    object.scratch = null_mut();
    object.count = 0;
    object.arguments = [null_mut(); INLINE_ARGUMENTS];
    if content.arguments.len() <= INLINE_ARGUMENTS {
        for (place, argument) in object.arguments.iter_mut().zip(content.arguments) {
            // SAFETY: as above.
            *place = unsafe { ffi::Py_NewRef(argument.as_ptr()) };
            object.count += 1;
        }
    }
}

/// Gives a handle more arguments than fit into it, as one tuple.
#[cold]
fn pack(py: Python<'_>, object: NonNull<HandleObject>, arguments: &[Borrowed<'_>]) -> Result<(), ErrorSet> {
    let tuple = make::tuple(py, arguments.iter().map(|argument| (*argument).to_owned()))?;
    // SAFETY: a live object that nobody else refers to yet.
    let fields = unsafe { &mut *object.as_ptr() };
    fields.arguments[0] = tuple.into_ptr();
    fields.count = IN_A_TUPLE;
    Ok(())
}

/// `tp_dealloc` of both classes.
pub(super) unsafe extern "C" fn release(object: *mut ffi::PyObject) {
    let handle = object.cast::<HandleObject>();
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    if unsafe { (*handle).flags }.has(Flags::TRACKED) {
        // SAFETY: as above.
        unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    }
    // SAFETY: as above.
    if unsafe { !(*handle).weak_references.is_null() } {
        // SAFETY: as above; runs weak reference callbacks.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: the object's loop is alive, because the object still holds it.
    let pool = unsafe { (*handle).pool };
    // SAFETY: as above.
    let pool = unsafe { &*pool };
    // SAFETY: objects are deallocated by attached threads.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: an object of ours cannot lie at address zero.
    let handle = unsafe { NonNull::new_unchecked(handle) };
    let postponed = pool.bins.with(py, |bins| {
        let deep = bins.depth == RELEASE_DEPTH;
        if deep {
            bins.postponed.push(handle);
        } else {
            bins.depth += 1;
        }
        deep
    });
    if postponed {
        return;
    }
    // SAFETY: nobody refers to the object any more. The loop, and with it the pool, stays until `owner` is released.
    let owner = unsafe { empty(py, pool, handle) };
    while let Some(next) = pool.bins.with(py, Bins::leave) {
        // SAFETY: it was put there, without references, by a deeper call of this function.
        let same_owner = unsafe { empty(py, pool, next) };
        // SAFETY: the reference that the postponed handle owned; `owner` is another one.
        unsafe { ffi::Py_DECREF(same_owner) };
    }
    // SAFETY: the reference that the handle owned.
    unsafe { ffi::Py_DECREF(owner) };
}

/// Releases what a dead handle holds, keeps its memory, and hands its reference to the loop to the caller.
///
/// # Safety
/// `object` is an untracked handle without references.
#[inline(always)]
unsafe fn empty(py: Python<'_>, pool: &Pool, object: NonNull<HandleObject>) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty: this is the only borrow.
    let fields = unsafe { &mut *object.as_ptr() };
    // SAFETY: the field owns one reference or is null; the same holds for each line below.
    unsafe { ffi::Py_XDECREF(fields.callback) };
    for argument in fields.arguments {
        // SAFETY: see above.
        unsafe { ffi::Py_XDECREF(argument) };
    }
    // SAFETY: see above.
    unsafe { ffi::Py_XDECREF(fields.context) };
    // SAFETY: see above.
    unsafe { ffi::Py_XDECREF(fields.debug) };
    let owner = fields.owner;
    pool.keep(py, object, fields.flags.has(Flags::TIMER));
    owner
}

/// `tp_traverse` of both classes.
pub(super) unsafe extern "C" fn traverse(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut std::ffi::c_void,
) -> std::ffi::c_int {
    // SAFETY: the collector passes a live object of ours and lets nobody change it meanwhile.
    let handle = unsafe { &*object.cast::<HandleObject>() };
    let class = handle.ob_base.ob_type.cast::<ffi::PyObject>();
    let fields = [handle.callback, handle.context, handle.owner, handle.debug, class];
    for field in fields.into_iter().chain(handle.arguments) {
        if !field.is_null() {
            // SAFETY: the collector's own function, called as it asks to be.
            let stop = unsafe { visit(field, argument) };
            if stop != 0 {
                return stop;
            }
        }
    }
    0
}

/// `tp_clear` of both classes: callback and arguments go. The loop stays, for the memory returns to its pool, and so does
/// the context, which clears itself.
pub(super) unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> std::ffi::c_int {
    // SAFETY: the collector calls this attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the collector passes a live object of ours.
    let object = unsafe { Borrowed::from_ptr(py, object) };
    let handle = Handle::of_receiver(object);
    handle.set_flags(handle.flags().with(Flags::CANCELLED));
    handle.release_call(py);
    0
}
