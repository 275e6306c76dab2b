//! The value inside `Handle` and `TimerHandle`: its layout, and calling its callback.
//!
//! One callback costs one object: up to three arguments are stored inside it. A free word precedes them, so that the
//! interpreter can put a bound method's `self` there instead of copying the arguments (PY_VECTORCALL_ARGUMENTS_OFFSET).
//! Who may touch the fields is the matter of `handle_state`. Queues and the treatment of exceptions are not known here;
//! `crate::handle` knows them.

use std::any::TypeId;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil_cell::ClassCell;
pub(crate) use super::handle_state::Flags;
use super::handle_state::{Claim, State};
use super::instance::Instance;
use super::interpreter::thread_identity;
use super::make;
use super::this::{Held, This};
use super::trampoline::{ErrorSet, owned};
use crate::name;

/// The arguments that fit into the object. asyncio's own callers pass two at most; three covers nearly all of user
/// code.
pub(super) const INLINE_ARGUMENTS: usize = 3;

/// The `count` of a handle whose arguments are one tuple in the first place.
pub(super) const IN_A_TUPLE: u32 = u32::MAX;

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
    pub(super) state: State,
    pub(super) count: Cell<u32>,
    pub(super) context: *mut ffi::PyObject,
    pub(super) callback: Field,
    pub(super) stack: Stack,
    /// The loop, which is set as long as the object lives.
    pub(super) owner: *mut ffi::PyObject,
    /// The memory of that loop's pool.
    pub(super) memory: *const Memory,
    pub(super) when: f64,
    /// The identity of the thread in which a thread-safe handle's callback runs.
    pub(super) runner: AtomicU64,
    /// The next handle of a list: of posted handles, and of dead ones whose release was postponed.
    pub(super) next: Cell<*mut HandleObject>,
    pub(super) debug: Field,
}

pub(super) type HandleObject = Instance<HandleValue>;

// SAFETY: only attached threads reach a value. `callback`, `count` and `stack` are read by a claimed run, replaced by
// the one thread to which `State::release` gives them, and read by others within `State::locked`, as is `debug`. `next`
// belongs to who has set `POSTED`. The other fields are set before anyone can reach the value.
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

#[derive(Default)]
pub(super) struct Bins {
    /// The spare objects: handles first, timers second.
    pub(super) spare: [Vec<NonNull<HandleObject>>; 2],
    #[cfg(not(Py_GIL_DISABLED))]
    pub(super) postponed: Vec<NonNull<HandleObject>>,
    #[cfg(not(Py_GIL_DISABLED))]
    pub(super) depth: usize,
}

// SAFETY: memory that no other code has, which any attached thread may use or free.
unsafe impl Send for Bins {}

impl HandleValue {
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        self.state.get()
    }

    /// Sets the flags for scheduled, dropped or counted.
    #[inline(always)]
    pub(crate) fn mark(&self, flags: Flags) {
        self.state.add(flags.marks());
    }

    /// Clears these flags.
    #[inline(always)]
    pub(crate) fn unmark(&self, flags: Flags) {
        self.state.remove(flags.marks());
    }

    /// Records that `cancel()` was called, and sets these flags as well. Returns the flags from before, or `None` if the
    /// handle is to be left as it is while another thread calls it, and one does.
    #[inline(always)]
    pub(crate) fn note_cancelled(&self, flags: Flags, waits_for_run: bool) -> Option<Flags> {
        let flags = Flags::CANCELLED.with(flags.marks());
        self.state.add_if(flags, |now| !(waits_for_run && self.runs_elsewhere(now)))
    }

    /// Returns whether another thread calls the callback of a thread-safe handle that has these flags.
    pub(crate) fn runs_elsewhere(&self, flags: Flags) -> bool {
        flags.has(Flags::RUNNING) && self.runner.load(Ordering::Relaxed) != thread_identity()
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

    /// Returns the callback; `None` once it was released.
    pub(crate) fn callback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.state.locked(|flags| self.callback_unless(flags, py))
    }

    fn callback_unless<'py>(&self, flags: Flags, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if flags.has(Flags::RELEASED) { None } else { borrowed(py, self.callback.get()) }
    }

    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        borrowed(py, self.context)
    }

    /// Returns the arguments as the tuple that is asyncio's `Handle._args`; `None` once they were released.
    pub(crate) fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let places = self.state.locked(|flags| {
            let fields = &self.stack.arguments;
            (!flags.has(Flags::RELEASED))
                .then(|| (self.count.get(), fields.each_ref().map(|field| borrowed(py, field.get()))))
        });
        let Some((count, places)) = places else { return Ok(None) };
        if count == IN_A_TUPLE {
            let [tuple, ..] = places;
            return Ok(tuple.map(|tuple| tuple.cast_into()).transpose()?);
        }
        let inline: Vec<_> = places.into_iter().flatten().collect();
        Ok(Some(make::tuple(py, inline)?))
    }

    /// The value kept in debug mode: the traceback of the handle's creation and, once cancelled, its representation.
    pub(crate) fn debug<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.state.locked(|_| borrowed(py, self.debug.get()))
    }

    pub(crate) fn set_debug(&self, value: Bound<'_, PyAny>) {
        let value = value.into_ptr();
        let old = self.state.locked(|_| self.debug.replace(value));
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(old) };
    }

    /// Releases the callback and its arguments of a handle that was cancelled, unless the callback runs. The fields are
    /// empty before anything is released, because a finalizer may use this handle.
    pub(crate) fn release_call(&self, py: Python<'_>) {
        if !self.state.release() {
            return;
        }
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
    ///
    /// `is_alone`: whether no other code has the handle.
    #[inline(always)]
    pub(super) fn invoke<'py>(
        &self,
        py: Python<'py>,
        is_alone: impl Fn() -> bool,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let context = self.context;
        // SAFETY: `context` is a live object owned by the handle.
        if unsafe { ffi::PyContext_CheckExact(context) } == 0 {
            return self.invoke_elsewhere(py);
        }
        // SAFETY: it was just seen to be a context.
        if unsafe { ffi::PyContext_Enter(context) } != 0 {
            return Err(ErrorSet::by_interpreter());
        }
        let claim = self.state.claim(&is_alone);
        let result = match claim {
            Claim::First => {
                if self.state.get().has(Flags::THREADSAFE) {
                    self.runner.store(thread_identity(), Ordering::Relaxed);
                }
                let result = self.call();
                self.state.end(&is_alone);
                result
            }
            Claim::Further => self.call_again(py),
            Claim::Refused => py.None().into_ptr(),
        };
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
        let Some((callback, arguments)) = self.taken_call(py)? else { return Ok(py.None().into_bound(py)) };
        let mut all = vec![callback];
        all.extend(arguments.iter());
        Ok(context.getattr(name!("run"))?.call1(make::tuple(py, all)?)?)
    }

    /// Calls the callback a further time while it runs, by references of its own: the other run may end first.
    #[cold]
    fn call_again(&self, py: Python<'_>) -> *mut ffi::PyObject {
        match self.taken_call(py) {
            Ok(None) => py.None().into_ptr(),
            // SAFETY: live objects, a tuple among them.
            Ok(Some((callback, arguments))) => unsafe {
                ffi::PyObject_Call(callback.as_ptr(), arguments.as_ptr(), null_mut())
            },
            Err(error) => {
                error.restore(py);
                null_mut()
            }
        }
    }

    /// Returns callback and arguments, unless they were released.
    fn taken_call<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>> {
        let callback = self.callback(py);
        Ok(callback.zip(self.arguments(py)?))
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
