//! Coroutines in Rust: objects that `await` takes, steps, and throws into, as it does with those of `async def`.
//!
//! The interpreter steps what is awaited by `tp_iternext` or, in Python 3.11 and for a task's own coroutine, by `am_send`;
//! both are here, and the methods that Python code calls. It knows nothing of what a step does.

use std::ffi::{CString, c_int, c_void};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::null_mut;

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::answer::none;
use super::class::Getter;
use super::error::new_error;
use super::heap_type::{Specification, getter_rows, make_type, new_object, place, slot, surface};
use super::method::{Argument, Call, Entry, Method, enter, enter_plain};
use super::native::Visit;
use super::trampoline::{ErrorSet, owned, trampoline};
use crate::name;

/// What a step comes to.
pub(crate) enum Step<'py> {
    /// The task waits for this future.
    Yield(Bound<'py, PyAny>),
    /// The end, with the result.
    Return(Bound<'py, PyAny>),
}

/// A value that is stepped. It is reached through shared references only.
pub(crate) trait Coroutine: Sized + 'static {
    /// Runs to the next future or to the end. `sends_none` is false where a value is sent in.
    fn step(object: Argument<'_>, sends_none: bool) -> Result<Step<'_>, ErrorSet>;

    /// `close()` and `throw()`: ceases to wait, and ends without a result. False if it had ended before.
    fn abandon(object: Argument<'_>) -> bool;

    /// Shows the collector every object that the value holds.
    fn visit(&self, visit: &mut Visit);

    /// Lets go of what may be part of a cycle.
    fn clear(&self, py: Python<'_>);

    /// The name to warn of, if nobody has awaited it.
    fn forgotten(&self, py: Python<'_>) -> Option<&'static str>;
}

#[repr(C)]
struct CoroutineObject<T> {
    head: ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    value: ManuallyDrop<T>,
}

/// What a class of coroutines consists of, besides what all of them have.
pub(crate) struct CoroutineClass {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) getters: Vec<Getter>,
    pub(crate) represent: ffi::reprfunc,
}

/// A class whose instances hold a `T`. It lives as long as the process.
pub(crate) struct CoroutineType<T> {
    class: *mut ffi::PyTypeObject,
    value: PhantomData<fn() -> T>,
}

// SAFETY: type objects are immortal here (the module's state holds them).
unsafe impl<T> Send for CoroutineType<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for CoroutineType<T> {}

impl<T: Coroutine> CoroutineType<T> {
    /// Makes the class and puts it into the module.
    pub(crate) fn make(module: &Bound<'_, PyModule>, class: CoroutineClass) -> PyResult<Self> {
        let made = Self::make_hidden(module, class)?;
        // SAFETY: the type lives as long as the process.
        let class = unsafe { Bound::from_borrowed_ptr(module.py(), made.class.cast()) };
        module.add(class.cast::<PyType>()?.name()?, &class)?;
        Ok(made)
    }

    /// Makes the class, which is known by its objects only.
    pub(crate) fn make_hidden(module: &Bound<'_, PyModule>, class: CoroutineClass) -> PyResult<Self> {
        let mut slots = vec![
            slot(ffi::Py_tp_dealloc, release::<T> as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<T> as ffi::traverseproc as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<T> as ffi::inquiry as *mut c_void),
            slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as ffi::getiterfunc as *mut c_void),
            slot(ffi::Py_tp_iternext, next::<T> as ffi::iternextfunc as *mut c_void),
            slot(ffi::Py_am_await, ffi::PyObject_SelfIter as ffi::unaryfunc as *mut c_void),
            slot(ffi::Py_am_send, send::<T> as ffi::sendfunc as *mut c_void),
        ];
        let members = vec![place(c"__weaklistoffset__", offset_of!(CoroutineObject<T>, weak_references))];
        let getters = getter_rows(class.getters)?;
        slots.extend(surface(class.doc, class.represent, methods::<T>(), getters, members)?);
        let specification = Specification {
            name: class.name,
            object_size: size_of::<CoroutineObject<T>>(),
            flags: ffi::Py_TPFLAGS_HAVE_GC,
            slots,
            bases: None,
        };
        let class = make_type(module.py(), Some(module), specification)?.into_ptr().cast();
        Ok(Self { class, value: PhantomData })
    }

    /// A new coroutine.
    #[inline(always)]
    pub(crate) fn instance<'py>(&self, py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let fill = |fields: &mut CoroutineObject<T>| {
            fields.weak_references = null_mut();
            fields.value = ManuallyDrop::new(value);
        };
        // SAFETY: a complete type of ours, every field of whose objects is set here.
        unsafe { new_object(py, self.class, fill) }
    }
}

/// The value inside an object whose class is known to be `T`'s.
#[inline(always)]
pub(crate) fn value_of<'py, T: Coroutine>(object: Argument<'py>) -> &'py T {
    // SAFETY: the caller knows the class; the object is alive for 'py, for the caller holds a reference.
    unsafe { &(*object.as_ptr().cast::<CoroutineObject<T>>()).value }
}

/// What Python code calls.
fn methods<T: Coroutine>() -> Vec<Method> {
    let method =
        |name, entry, signature: &str, doc| Method { name, entry, signature: signature.to_owned(), doc };
    vec![
        method(
            "send",
            Entry::Fastcall(send_entry::<T>),
            "($self, arg, /)",
            "Run to the next future that is waited for, or to the end.",
        ),
        method(
            "throw",
            Entry::Fastcall(throw_entry::<T>),
            "($self, typ, val=None, tb=None, /)",
            "Cease to wait, and raise the exception.",
        ),
        method("close", Entry::NoArguments(close_entry::<T>), "($self)", "Cease to wait."),
    ]
}

unsafe extern "C" fn send_entry<T: Coroutine>(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this with the arguments of the vectorcall convention.
    unsafe { enter(object, arguments, count, names, send_by_method::<T>) }
}

unsafe extern "C" fn throw_entry<T: Coroutine>(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as above.
    unsafe { enter(object, arguments, count, names, throw_by_method::<T>) }
}

unsafe extern "C" fn close_entry<T: Coroutine>(
    object: *mut ffi::PyObject,
    _unused: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter passes a live receiver.
    unsafe { enter_plain(object, close_by_method::<T>) }
}

fn close_by_method<T: Coroutine>(object: Argument<'_>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    T::abandon(object);
    Ok(none(object.py()))
}

/// `coroutine.send(value)`: the end comes as StopIteration.
fn send_by_method<'py, T: Coroutine>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let value = match call.positional() {
        [value] if !call.has_keywords() => *value,
        _ => return Err(new_error::<PyTypeError>("send() takes exactly one argument").into()),
    };
    match T::step(call.receiver(), value.is_none())? {
        Step::Yield(future) => Ok(future),
        Step::Return(result) => Err(stop(result.py(), &result)?),
    }
}

/// `coroutine.throw(type, value, traceback)`.
fn throw_by_method<'py, T: Coroutine>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let error = match call.positional() {
        [kind, rest @ ..] if rest.len() <= 2 && !call.has_keywords() => {
            thrown(*kind, rest.first().copied(), rest.get(1).copied())?
        }
        _ => return Err(new_error::<PyTypeError>("throw() takes one to three arguments").into()),
    };
    if T::abandon(call.receiver()) {
        return Err(error.into());
    }
    Err(new_error::<PyRuntimeError>("cannot reuse already awaited coroutine").into())
}

/// The exception that the arguments of `throw` name.
fn thrown<'py>(
    kind: Argument<'py>,
    value: Option<Argument<'py>>,
    traceback: Option<Argument<'py>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let error = if kind.is_instance_of::<PyBaseException>() {
        if value.is_some() {
            return Err(new_error::<PyTypeError>("instance exception may not have a separate value"));
        }
        kind.to_owned()
    } else if kind
        .cast::<PyType>()
        .is_ok_and(|kind| kind.is_subclass_of::<PyBaseException>().unwrap_or(false))
    {
        match value {
            None => kind.call0()?,
            Some(value) if value.is_instance(&kind)? => value.to_owned(),
            Some(value) => match value.cast::<PyTuple>() {
                Ok(arguments) => kind.call1(arguments.to_owned())?,
                Err(_) => kind.call1((value,))?,
            },
        }
    } else {
        let name = kind.get_type().name()?;
        let text = format!("exceptions must be classes or instances deriving from BaseException, not {name}");
        return Err(new_error::<PyTypeError>(text));
    };
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
        error.call_method1(name!("with_traceback"), (traceback,))?;
    }
    Ok(PyErr::from_value(error))
}

/// StopIteration with the result. It is made here, because the interpreter would take a tuple for its arguments.
fn stop(py: Python<'_>, result: &Bound<'_, PyAny>) -> Result<ErrorSet, ErrorSet> {
    let class = py.get_type::<PyStopIteration>();
    // SAFETY: live objects.
    let stop = owned(py, unsafe { ffi::PyObject_CallOneArg(class.as_ptr(), result.as_ptr()) })?;
    // SAFETY: an exception of that class.
    unsafe { ffi::PyErr_SetObject(class.as_ptr(), stop.as_ptr()) };
    Ok(ErrorSet::by_interpreter())
}

/// `tp_iternext`. The end without an exception is the end with None.
unsafe extern "C" fn next<T: Coroutine>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    trampoline(null_mut(), |py| {
        // SAFETY: the interpreter passes a live object of ours.
        let object = unsafe { Borrowed::from_ptr(py, object) };
        match T::step(object, true)? {
            Step::Yield(future) => Ok(future.into_ptr()),
            Step::Return(result) if result.is_none() => Ok(null_mut()),
            Step::Return(result) => Err(stop(py, &result)?),
        }
    })
}

/// `am_send`.
unsafe extern "C" fn send<T: Coroutine>(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    let (outcome, produced) = trampoline((ffi::PySendResult::PYGEN_ERROR, null_mut()), |py| {
        // SAFETY: the interpreter passes a live object of ours.
        let object = unsafe { Borrowed::from_ptr(py, object) };
        // SAFETY: the interpreter passes a live object.
        let value = unsafe { Borrowed::<PyAny>::from_ptr(py, value) };
        Ok(match T::step(object, value.is_none())? {
            Step::Yield(future) => (ffi::PySendResult::PYGEN_NEXT, future.into_ptr()),
            Step::Return(result) => (ffi::PySendResult::PYGEN_RETURN, result.into_ptr()),
        })
    });
    // SAFETY: the interpreter passes a place for the result.
    unsafe { *result = produced };
    outcome
}

/// `tp_dealloc`.
unsafe extern "C" fn release<T: Coroutine>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    let coroutine = object.cast::<CoroutineObject<T>>();
    // SAFETY: as above.
    if unsafe { !(*coroutine).weak_references.is_null() } {
        // SAFETY: as above; runs weak reference callbacks.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: nobody refers to the object any more, so this is the only borrow.
    let fields = unsafe { &mut *coroutine };
    trampoline((), |py| {
        if let Some(name) = fields.value.forgotten(py) {
            warn_of_forgotten(py, name)?;
        }
        Ok(())
    });
    // SAFETY: the value is dropped once, here.
    unsafe { ManuallyDrop::drop(&mut fields.value) };
    let class = fields.head.ob_type;
    // SAFETY: memory that `PyObject_GC_New` gave.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// What the interpreter warns of where a coroutine of `async def` was never awaited. An exception that is on its way stays.
#[cold]
fn warn_of_forgotten(py: Python<'_>, name: &str) -> Result<(), ErrorSet> {
    let pending = PyErr::take(py);
    let text = CString::new(format!("coroutine '{name}' was never awaited")).map_err(PyErr::from)?;
    if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
        error.write_unraisable(py, None);
    }
    if let Some(pending) = pending {
        pending.restore(py);
    }
    Ok(())
}

/// `tp_traverse`.
unsafe extern "C" fn traverse<T: Coroutine>(
    object: *mut ffi::PyObject,
    function: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    let mut visit = Visit { function, argument, stopped: 0 };
    // SAFETY: the collector passes a live object of ours and lets nobody change it meanwhile.
    let fields = unsafe { &*object.cast::<CoroutineObject<T>>() };
    visit.raw(fields.head.ob_type.cast());
    fields.value.visit(&mut visit);
    visit.stopped
}

/// `tp_clear`.
unsafe extern "C" fn clear<T: Coroutine>(object: *mut ffi::PyObject) -> c_int {
    trampoline(0, |py| {
        // SAFETY: the collector passes a live object of ours.
        let fields = unsafe { &*object.cast::<CoroutineObject<T>>() };
        fields.value.clear(py);
        Ok(0)
    })
}
