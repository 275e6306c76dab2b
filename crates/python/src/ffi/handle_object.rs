//! The object behind `Handle` and `TimerHandle`: its layout, and calling what it holds.
//!
//! One callback costs one object: up to three arguments lie inside it, and in front of them stands a free word that lets
//! the interpreter put a bound method's `self` there instead of copying the arguments (PY_VECTORCALL_ARGUMENTS_OFFSET).
//! It knows neither queues nor what to do with an exception; `crate::handle` does.

use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use super::handle_pool::Pool;
use super::make;
use super::this::Borrowed;
use super::trampoline::{ErrorSet, owned};
use crate::name;

/// Arguments that fit into the object. asyncio's own callers pass at most two; three covers nearly all of user code.
pub(super) const INLINE_ARGUMENTS: usize = 3;

/// `count` of a handle whose arguments are one tuple in the first place.
pub(super) const IN_A_TUPLE: u32 = u32::MAX;

/// What a handle has been through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// `cancel()` was called.
    pub(crate) const CANCELLED: Self = Self(1);
    /// Its callback is on the stack: what it holds must stay until the call returns.
    pub(crate) const RUNNING: Self = Self(2);
    /// Made by `call_soon_threadsafe`.
    pub(crate) const THREADSAFE: Self = Self(4);
    /// It lies in the heap of timers.
    pub(crate) const SCHEDULED: Self = Self(8);
    /// `cancel()` has returned: asyncio's handle has no callback and no arguments any more.
    pub(crate) const DROPPED: Self = Self(32);
    /// The garbage collector knows it. See `handle_pool`.
    pub(crate) const TRACKED: Self = Self(64);
    /// It is a `TimerHandle`.
    pub(crate) const TIMER: Self = Self(16);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[repr(C)]
pub(crate) struct HandleObject {
    pub(super) ob_base: ffi::PyObject,
    pub(super) flags: Flags,
    pub(super) count: u32,
    pub(super) context: *mut ffi::PyObject,
    pub(super) callback: *mut ffi::PyObject,
    pub(super) scratch: *mut ffi::PyObject,
    pub(super) arguments: [*mut ffi::PyObject; INLINE_ARGUMENTS],
    pub(super) owner: *mut ffi::PyObject,
    pub(super) pool: *const Pool,
    pub(super) when: f64,
    pub(super) runner: u64,
    pub(super) next: *mut HandleObject,
    pub(super) debug: *mut ffi::PyObject,
    pub(super) weak_references: *mut ffi::PyObject,
}

/// A strong reference to a handle. Dropping it releases the reference, so a queue of them is emptied only while attached,
/// and never inside [`GilCell::with`](super::owned::Owned::with): the last reference may run a finalizer.
pub(crate) struct Handle(NonNull<HandleObject>);

impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this value owns one reference, and handles are dropped only by attached threads.
        unsafe { ffi::Py_DECREF(self.0.as_ptr().cast()) }
    }
}

impl Handle {
    /// Takes over one reference.
    ///
    /// # Safety
    /// `object` is a live handle and the caller gives up one reference to it.
    #[inline(always)]
    pub(super) unsafe fn from_owned(object: NonNull<HandleObject>) -> Self {
        Self(object)
    }

    #[inline(always)]
    pub(super) fn into_raw(self) -> NonNull<HandleObject> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    /// One more reference to a handle that Python passed to one of its methods.
    pub(crate) fn of_receiver(receiver: Borrowed<'_>) -> Self {
        // SAFETY: method descriptors have checked the class; the object is alive, so its address is not null.
        let object = unsafe { NonNull::new_unchecked(receiver.as_ptr().cast::<HandleObject>()) };
        // SAFETY: the object is alive and this thread is attached.
        unsafe { ffi::Py_INCREF(receiver.as_ptr()) };
        Self(object)
    }

    #[inline(always)]
    pub(crate) fn clone_ref(&self, _py: Python<'_>) -> Self {
        // SAFETY: the object is alive, the token shows that this thread is attached.
        unsafe { ffi::Py_INCREF(self.0.as_ptr().cast()) };
        Self(self.0)
    }

    #[inline(always)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Shows the handle to the garbage collector from now on.
    pub(crate) fn track(&self, _py: Python<'_>) {
        if !self.flags().has(Flags::TRACKED) {
            self.set_flags(self.flags().with(Flags::TRACKED));
            // SAFETY: a live object that is not tracked, with every field that the collector visits set.
            unsafe { ffi::PyObject_GC_Track(self.0.as_ptr().cast()) };
        }
    }

    /// The end of a stay in the queue of a running loop: whoever else still holds the handle may be in a cycle with it.
    #[inline(always)]
    pub(crate) fn leave_queue(self, py: Python<'_>) {
        // SAFETY: a live object.
        if unsafe { ffi::Py_REFCNT(self.0.as_ptr().cast()) } > 1 {
            self.track(py);
        }
    }

    /// The handle as Python sees it.
    #[inline(always)]
    pub(crate) fn to_object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: a live object; the new `Bound` takes a reference of its own.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr().cast()) }
    }

    /// Shows the handle to the garbage collector.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector calls this attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: a live object; the reference stays with this value, for the copy is never dropped.
        let object = ManuallyDrop::new(unsafe { Bound::from_owned_ptr(py, self.0.as_ptr().cast()) });
        visit.call(object.as_unbound())
    }

    #[inline(always)]
    fn object(&self) -> &HandleObject {
        // SAFETY: the reference that this value owns keeps the object alive; writes go through `object_mut` only.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        self.object().flags
    }

    #[inline(always)]
    pub(crate) fn set_flags(&self, flags: Flags) {
        // SAFETY: a field of a live object; the GIL (or the loop's own thread) makes this the only writer.
        unsafe { (*self.0.as_ptr()).flags = flags };
    }

    /// The identity of the thread that a thread-safe handle's callback runs in.
    pub(crate) fn runner(&self) -> u64 {
        self.object().runner
    }

    pub(crate) fn set_runner(&self, thread: u64) {
        // SAFETY: a field of a live object; the GIL makes this the only writer.
        unsafe { (*self.0.as_ptr()).runner = thread };
    }

    /// When a timer is due, in seconds of the loop's clock.
    #[inline(always)]
    pub(crate) fn when(&self) -> f64 {
        self.object().when
    }

    /// The loop that the handle belongs to.
    pub(crate) fn owner<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.object().owner)
    }

    pub(crate) fn callback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.object().callback)
    }

    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.object().context)
    }

    /// The arguments as the tuple that asyncio's `Handle._args` is; `None` once they were released.
    pub(crate) fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let object = self.object();
        if object.callback.is_null() {
            return Ok(None);
        }
        if object.count == IN_A_TUPLE {
            let tuple = borrowed(py, object.arguments[0]);
            return Ok(tuple.map(|tuple| tuple.cast_into()).transpose()?);
        }
        let inline = &object.arguments[..object.count as usize];
        let inline: Vec<_> = inline.iter().filter_map(|&argument| borrowed(py, argument)).collect();
        Ok(Some(make::tuple(py, inline)?))
    }

    /// What debug mode keeps: the traceback of the handle's making and, once cancelled, its representation.
    pub(crate) fn debug<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.object().debug)
    }

    pub(crate) fn set_debug(&self, value: Bound<'_, PyAny>) {
        // SAFETY: a field of a live object; the old value is released after the new one stands.
        let old = unsafe { std::mem::replace(&mut (*self.0.as_ptr()).debug, value.into_ptr()) };
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(old) };
    }

    /// Lets go of the callback and its arguments. The fields are empty before anything is released, because a finalizer
    /// may come back to this handle.
    pub(crate) fn release_call(&self, _py: Python<'_>) {
        // SAFETY: the fields of a live object; no other borrow of them is alive.
        let object = unsafe { &mut *self.0.as_ptr() };
        let callback = std::mem::replace(&mut object.callback, null_mut());
        let arguments = std::mem::replace(&mut object.arguments, [null_mut(); INLINE_ARGUMENTS]);
        object.count = 0;
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(callback) };
        for argument in arguments {
            // SAFETY: as above.
            unsafe { ffi::Py_XDECREF(argument) };
        }
    }

    /// Calls the callback in the handle's context. While it runs, `cancel()` leaves what the handle holds in place.
    #[inline(always)]
    pub(crate) fn invoke<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let object = self.0.as_ptr();
        // SAFETY: a live object's field.
        let context = unsafe { (*object).context };
        // SAFETY: `context` is a live object owned by the handle.
        if unsafe { ffi::PyContext_CheckExact(context) } == 0 {
            return self.invoke_elsewhere(py);
        }
        // SAFETY: it was just seen to be a context.
        if unsafe { ffi::PyContext_Enter(context) } != 0 {
            return Err(ErrorSet::by_interpreter());
        }
        let before = self.flags();
        self.set_flags(before.with(Flags::RUNNING));
        // SAFETY: RUNNING keeps callback and arguments in place until the call returns, and our own reference the object.
        let result = unsafe { call(object) };
        if !before.has(Flags::RUNNING) {
            self.set_flags(self.flags().without(Flags::RUNNING));
        }
        // SAFETY: entered above on this thread; the handle still owns the context.
        let left = unsafe { ffi::PyContext_Exit(context) };
        let result = owned(py, result);
        if left != 0 {
            return Err(ErrorSet::by_interpreter());
        }
        result
    }

    /// asyncio takes any object with `run()` for a context.
    #[cold]
    fn invoke_elsewhere<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let context = self.context(py).unwrap_or_else(|| py.None().into_bound(py));
        let callback = self.callback(py).unwrap_or_else(|| py.None().into_bound(py));
        let mut all = vec![callback];
        if let Some(arguments) = self.arguments(py)? {
            all.extend(arguments.iter());
        }
        Ok(context.getattr(name!("run"))?.call1(make::tuple(py, all)?)?)
    }
}

/// Calls what the handle holds.
///
/// # Safety
/// `object` is a live handle whose callback and arguments stay in place during the call.
#[inline(always)]
unsafe fn call(object: *mut HandleObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty.
    let fields = unsafe { &*object };
    let (callback, count) = (fields.callback, fields.count);
    // SAFETY: the array lies inside the live object, behind a scratch word of the object's own.
    let arguments = unsafe { (&raw mut (*object).arguments).cast::<*mut ffi::PyObject>() };
    if count == IN_A_TUPLE {
        // SAFETY: the first place holds the tuple.
        let tuple = unsafe { *arguments };
        // SAFETY: callback and tuple are live objects.
        return unsafe { ffi::PyObject_Call(callback, tuple, std::ptr::null_mut()) };
    }
    let count = count as usize | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: `count` live references, and the word before them (`scratch`) may be overwritten by the callee.
    unsafe { ffi::PyObject_Vectorcall(callback, arguments, count, std::ptr::null_mut()) }
}

#[inline(always)]
fn borrowed(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: fields of handles are null or own a reference; the result takes one of its own.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
}
