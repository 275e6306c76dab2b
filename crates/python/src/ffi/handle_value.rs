//! The value inside `Handle` and `TimerHandle`: its layout, and calling its callback.
//!
//! One callback costs one object: up to three arguments are stored inside it. A free word precedes them, so that the
//! interpreter can put a bound method's `self` there instead of copying the arguments (PY_VECTORCALL_ARGUMENTS_OFFSET).
//! The module does not know queues or the treatment of exceptions; `crate::handle` does.

use std::any::TypeId;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil_cell::ClassCell;
use super::instance::Instance;
use super::make;
use super::this::{Held, This};
use super::trampoline::{ErrorSet, owned};
use crate::name;

/// The arguments that fit into the object. asyncio's own callers pass two at most; three covers nearly all of user
/// code.
pub(super) const INLINE_ARGUMENTS: usize = 3;

/// The `count` of a handle whose arguments are one tuple in the first place.
pub(super) const IN_A_TUPLE: u32 = u32::MAX;

/// The history of a handle, one bit per event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// `cancel()` was called.
    pub(crate) const CANCELLED: Self = Self(1);
    /// Its callback is on the stack: callback and arguments must stay until the call returns.
    pub(crate) const RUNNING: Self = Self(2);
    /// `call_soon_threadsafe` created the handle.
    pub(crate) const THREADSAFE: Self = Self(4);
    /// The heap of timers contains the handle.
    pub(crate) const SCHEDULED: Self = Self(8);
    /// `cancel()` has returned: callback and arguments are gone, as in asyncio's handle.
    pub(crate) const DROPPED: Self = Self(32);
    /// The garbage collector tracks it. See `handle_pool`.
    pub(crate) const TRACKED: Self = Self(64);
    /// It is a `TimerHandle`.
    pub(crate) const TIMER: Self = Self(16);
    /// The callback and its arguments are released.
    const RELEASED: Self = Self(128);
    /// A remote queue contains the handle.
    pub(super) const POSTED: Self = Self(256);
    /// The flags that other modules may set.
    const MARKS: Self = Self(Self::CANCELLED.0 | Self::SCHEDULED.0 | Self::DROPPED.0);

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

/// A field that is null or owns a reference.
pub(super) type Field = Cell<*mut ffi::PyObject>;

/// The memory that a call passes to the interpreter. The callee may overwrite the first word.
#[repr(C)]
pub(super) struct Stack {
    pub(super) scratch: Field,
    pub(super) arguments: [Field; INLINE_ARGUMENTS],
}

#[repr(C)]
pub(crate) struct HandleValue {
    pub(super) flags: Cell<Flags>,
    pub(super) count: Cell<u32>,
    pub(super) context: *mut ffi::PyObject,
    pub(super) callback: Field,
    pub(super) stack: Stack,
    /// The loop, which is set as long as the object lives.
    pub(super) owner: *mut ffi::PyObject,
    /// The memory of that loop's pool.
    pub(super) memory: *const Memory,
    pub(super) when: f64,
    pub(super) runner: Cell<u64>,
    pub(super) next: Cell<*mut HandleObject>,
    pub(super) debug: Field,
}

pub(super) type HandleObject = Instance<HandleValue>;

// SAFETY: only attached threads reach a value, one at a time.
unsafe impl Sync for HandleValue {}

/// The memory of the handles of one loop. A handle owns a reference to its loop, so the pool lives longer than every
/// handle whose memory returns to it.
pub(super) struct Memory {
    /// The type of the loop's value.
    pub(super) owner: TypeId,
    pub(super) bins: ClassCell<Bins>,
}

/// The memory for the handles of a loop whose value is an `O`.
pub(crate) struct Pool<O>(pub(super) Memory, pub(super) PhantomData<fn(&O)>);

/// A value that owns a pool, which lives as long as the value.
pub(crate) trait PoolOwner: Held {
    fn pool(&self) -> &Pool<Self>;
}

pub(super) struct Bins {
    /// The spare objects: handles first, timers second.
    pub(super) spare: [Vec<NonNull<HandleObject>>; 2],
    pub(super) postponed: Vec<NonNull<HandleObject>>,
    pub(super) depth: usize,
}

impl HandleValue {
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        self.flags.get()
    }

    #[inline(always)]
    pub(super) fn set_flags(&self, flags: Flags) {
        self.flags.set(flags);
    }

    /// Sets the flags for cancelled, scheduled or dropped.
    #[inline(always)]
    pub(crate) fn mark(&self, flags: Flags) {
        self.set_flags(self.flags().with(Flags(flags.0 & Flags::MARKS.0)));
    }

    /// Clears these flags.
    #[inline(always)]
    pub(crate) fn unmark(&self, flags: Flags) {
        self.set_flags(self.flags().without(Flags(flags.0 & Flags::MARKS.0)));
    }

    /// The identity of the thread in which a thread-safe handle's callback runs.
    pub(crate) fn runner(&self) -> u64 {
        self.runner.get()
    }

    pub(crate) fn set_runner(&self, thread: u64) {
        self.runner.set(thread);
    }

    /// When a timer is due, in seconds of the loop's clock.
    #[inline(always)]
    pub(crate) fn when(&self) -> f64 {
        self.when
    }

    /// Returns the loop of the handle.
    pub(crate) fn owner<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.owner)
    }

    /// Returns the loop as an object of a known type.
    #[inline(always)]
    pub(crate) fn owner_of_type<'a, O: PoolOwner>(&'a self, py: Python<'a>) -> Option<This<'a, O>> {
        // SAFETY: the handle keeps the owner alive, and the owner keeps the pool.
        let memory = unsafe { &*self.memory };
        // SAFETY: the memory is a `Pool<O>`'s, so a handle in it was made for an object that holds an `O`.
        (memory.owner == TypeId::of::<O>()).then(|| unsafe { This::from_ptr(py, self.owner) })
    }

    pub(crate) fn callback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.callback.get())
    }

    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.context)
    }

    /// Returns the arguments as the tuple that is asyncio's `Handle._args`; `None` once they were released.
    pub(crate) fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        if self.flags().has(Flags::RELEASED) {
            return Ok(None);
        }
        let arguments = &self.stack.arguments;
        if self.count.get() == IN_A_TUPLE {
            let tuple = borrowed(py, arguments[0].get());
            return Ok(tuple.map(|tuple| tuple.cast_into()).transpose()?);
        }
        let inline = &arguments[..self.count.get() as usize];
        let inline: Vec<_> = inline.iter().filter_map(|argument| borrowed(py, argument.get())).collect();
        Ok(Some(make::tuple(py, inline)?))
    }

    /// The value kept in debug mode: the traceback of the handle's creation and, once cancelled, its representation.
    pub(crate) fn debug<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.debug.get())
    }

    pub(crate) fn set_debug(&self, value: Bound<'_, PyAny>) {
        let old = self.debug.replace(value.into_ptr());
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(old) };
    }

    /// Releases the callback and its arguments, unless the callback runs. The fields are empty before anything is
    /// released, because a finalizer may use this handle.
    pub(crate) fn release_call(&self, py: Python<'_>) {
        if self.flags().has(Flags::RUNNING) {
            return;
        }
        self.set_flags(self.flags().with(Flags::RELEASED));
        // A handle without a callback can still be called.
        let callback = self.callback.replace(py.None().into_ptr());
        let arguments = self.stack.arguments.each_ref().map(|argument| argument.replace(null_mut()));
        self.count.set(0);
        // SAFETY: the field owned one reference.
        unsafe { ffi::Py_DECREF(callback) };
        for argument in arguments {
            // SAFETY: the field owned one reference, or was null.
            unsafe { ffi::Py_XDECREF(argument) };
        }
    }

    /// Calls the callback in the handle's context. While it runs, `cancel()` leaves callback and arguments in place.
    #[inline(always)]
    pub(crate) fn invoke<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let context = self.context;
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
        let result = self.call();
        if !before.has(Flags::RUNNING) {
            self.set_flags(self.flags().without(Flags::RUNNING));
        }
        // SAFETY: entered above on this thread; the handle still owns the context.
        let left = unsafe { ffi::PyContext_Exit(context) };
        // SAFETY: a new reference, or null.
        let result = unsafe { owned(py, result) };
        if left != 0 {
            return Err(ErrorSet::by_interpreter());
        }
        result
    }

    /// Calls the callback in an object with `run()`, which asyncio accepts as a context.
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

impl HandleValue {
    /// Calls the callback with its arguments.
    #[inline(always)]
    fn call(&self) -> *mut ffi::PyObject {
        let (callback, count) = (self.callback.get(), self.count.get());
        // SAFETY: the address follows the scratch word and is within the stack.
        let arguments = unsafe { (&raw const self.stack).cast::<*mut ffi::PyObject>().add(1) };
        if count == IN_A_TUPLE {
            // SAFETY: the first place holds the tuple.
            let tuple = unsafe { *arguments };
            // SAFETY: callback and tuple are live objects, and RUNNING keeps them in place.
            return unsafe { ffi::PyObject_Call(callback, tuple, null_mut()) };
        }
        let count = count as usize | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        // SAFETY: there are `count` live references, and RUNNING keeps them in place. The word before them may be
        // overwritten.
        unsafe { ffi::PyObject_Vectorcall(callback, arguments, count, null_mut()) }
    }
}

#[inline(always)]
fn borrowed(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: fields of handles are null or own a reference; the result takes one of its own.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
}
