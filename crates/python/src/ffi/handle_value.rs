//! The value inside `Handle` and `TimerHandle`: its layout, and calling what it holds.
//!
//! One callback costs one object: up to three arguments lie inside it, and in front of them stands a free word that lets
//! the interpreter put a bound method's `self` there instead of copying the arguments (PY_VECTORCALL_ARGUMENTS_OFFSET).
//! It knows neither queues nor what to do with an exception; `crate::handle` does.

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
    /// Callback and arguments are gone.
    const RELEASED: Self = Self(128);
    /// It lies in a remote queue.
    pub(super) const POSTED: Self = Self(256);
    /// What others than the handle's own code may note.
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

/// What a call passes to the interpreter: the first word is scratch room of the callee's.
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
    /// The loop: set as long as the object lives.
    pub(super) owner: *mut ffi::PyObject,
    /// The memory of that loop's pool.
    pub(super) memory: *const Memory,
    pub(super) when: f64,
    pub(super) runner: Cell<u64>,
    pub(super) next: Cell<*mut HandleObject>,
    pub(super) debug: Field,
}

pub(super) type HandleObject = Instance<HandleValue>;

// SAFETY: a value is reached by attached threads only, one at a time.
unsafe impl Sync for HandleValue {}

/// The memory that the handles of one loop come from and return to. A handle holds its loop, so the pool outlives every
/// handle that may return to it.
pub(super) struct Memory {
    /// The type of the loop's value.
    pub(super) owner: TypeId,
    pub(super) bins: ClassCell<Bins>,
}

/// The memory for the handles of a loop whose value is an `O`.
pub(crate) struct Pool<O>(pub(super) Memory, pub(super) PhantomData<fn(&O)>);

/// A value with a pool, which lives as long as the value does.
pub(crate) trait PoolOwner: Held {
    fn pool(&self) -> &Pool<Self>;
}

pub(super) struct Bins {
    /// Of handles, and of timers.
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

    /// Notes that it is cancelled, scheduled or dropped.
    #[inline(always)]
    pub(crate) fn mark(&self, flags: Flags) {
        self.set_flags(self.flags().with(Flags(flags.0 & Flags::MARKS.0)));
    }

    /// Notes that it is not.
    #[inline(always)]
    pub(crate) fn unmark(&self, flags: Flags) {
        self.set_flags(self.flags().without(Flags(flags.0 & Flags::MARKS.0)));
    }

    /// The identity of the thread that a thread-safe handle's callback runs in.
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

    /// The loop that the handle belongs to.
    pub(crate) fn owner<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.owner)
    }

    /// The same as a value of a known type.
    #[inline(always)]
    pub(crate) fn owner_of_type<'a, O: PoolOwner>(&'a self, py: Python<'a>) -> Option<This<'a, O>> {
        // SAFETY: the owner is alive, for the handle holds it, and the pool with it.
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

    /// The arguments as the tuple that asyncio's `Handle._args` is; `None` once they were released.
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

    /// What debug mode keeps: the traceback of the handle's making and, once cancelled, its representation.
    pub(crate) fn debug<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.debug.get())
    }

    pub(crate) fn set_debug(&self, value: Bound<'_, PyAny>) {
        let old = self.debug.replace(value.into_ptr());
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(old) };
    }

    /// Lets go of the callback and its arguments, unless the callback runs. They are out of their places before anything is
    /// released, because a finalizer may come back to this handle.
    pub(crate) fn release_call(&self, py: Python<'_>) {
        if self.flags().has(Flags::RUNNING) {
            return;
        }
        self.set_flags(self.flags().with(Flags::RELEASED));
        // What has no callback any more can still be called.
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

    /// Calls the callback in the handle's context. While it runs, `cancel()` leaves what the handle holds in place.
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

impl HandleValue {
    /// Calls what the handle holds.
    #[inline(always)]
    fn call(&self) -> *mut ffi::PyObject {
        let (callback, count) = (self.callback.get(), self.count.get());
        // SAFETY: behind the scratch word, within the stack.
        let arguments = unsafe { (&raw const self.stack).cast::<*mut ffi::PyObject>().add(1) };
        if count == IN_A_TUPLE {
            // SAFETY: the first place holds the tuple.
            let tuple = unsafe { *arguments };
            // SAFETY: callback and tuple are live objects, which RUNNING keeps in place.
            return unsafe { ffi::PyObject_Call(callback, tuple, null_mut()) };
        }
        let count = count as usize | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        // SAFETY: `count` live references, which RUNNING keeps in place; the word before them may be overwritten.
        unsafe { ffi::PyObject_Vectorcall(callback, arguments, count, null_mut()) }
    }
}

#[inline(always)]
fn borrowed(py: Python<'_>, pointer: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: fields of handles are null or own a reference; the result takes one of its own.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
}
