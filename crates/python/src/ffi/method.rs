//! Methods: C functions made from Rust ones that take the receiver or the whole call, without a tuple or a dict per
//! call.
//!
//! Their meaning, and how they are added to a class, is not known here.

use std::ffi::CString;
use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

pub(crate) use super::arguments::{Call, Keyword};
use super::this::{Held, This};
use super::trampoline::{ErrorSet, owned, trampoline};

/// The C signature of a method that takes positional arguments and keyword names from the stack.
pub(crate) type Fastcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// The C signature of a method without arguments.
pub(crate) type NoArguments =
    unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

/// Runs the body of a vectorcall method behind the trampoline.
///
/// # Safety
/// The interpreter passes what follows the vectorcall convention, and a receiver that holds a `T`.
#[inline(always)]
pub(crate) unsafe fn enter<T>(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet>,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty.
    unsafe { enter_with(receiver, arguments, positional, names, |call| body(call).map(Bound::into_ptr)) }
}

/// Does the same for a body that may return no object without an error.
///
/// # Safety
/// As of [`enter`].
#[inline(always)]
pub(super) unsafe fn enter_with<T>(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Call<'py, T>) -> Result<*mut ffi::PyObject, ErrorSet>,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, std::ptr::null_mut(), || {
        // SAFETY: the caller's duty.
        body(&unsafe { Call::new(py, receiver, arguments, positional, names) })
    })
}

/// The body of a vectorcall method of objects that hold a `T`.
pub(crate) trait CallBody<T>:
    Copy + 'static + for<'a, 'py> Fn(&'a Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet>
{
}

impl<T, F> CallBody<T> for F where
    F: Copy + 'static + for<'a, 'py> Fn(&'a Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet>
{
}

/// Creates a vectorcall method from a Rust function that takes its [`Call`].
pub(crate) fn fastcall<T: 'static, F: CallBody<T>>(_body: F) -> Entry<T> {
    unsafe extern "C" fn entry<T, F: CallBody<T>>(
        receiver: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: `fastcall` was given one.
        let body = unsafe { function::<F>() };
        // SAFETY: the interpreter follows the vectorcall convention; `Entry<T>` belongs to the classes of `T`.
        unsafe { enter(receiver, arguments, count, names, body) }
    }
    Entry::new(Function::Fastcall(entry::<T, F>))
}

/// Creates a method without arguments from a Rust function that takes the receiver.
pub(crate) fn no_arguments<T, F>(_body: F) -> Entry<T>
where
    T: Held,
    F: Copy + 'static + for<'py> Fn(This<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet>,
{
    unsafe extern "C" fn entry<T, F>(
        receiver: *mut ffi::PyObject,
        _unused: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject
    where
        T: Held,
        F: Copy + 'static + for<'py> Fn(This<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet>,
    {
        // SAFETY: `no_arguments` was given one.
        let body = unsafe { function::<F>() };
        // SAFETY: the interpreter calls this, so the thread is attached.
        let py = unsafe { Python::assume_attached() };
        trampoline(py, std::ptr::null_mut(), || {
            // SAFETY: the interpreter passes a live receiver; `Entry<T>` belongs to the classes of `T`.
            let this = unsafe { This::from_ptr(py, receiver) };
            body(this).map(Bound::into_ptr)
        })
    }
    Entry::new(Function::NoArguments(entry::<T, F>))
}

/// Returns a function that is known by its type: the item itself, or a closure without captures.
///
/// # Safety
/// The caller has received such a function as a value.
#[inline(always)]
pub(super) unsafe fn function<F: Copy + 'static>() -> F {
    const { assert!(size_of::<F>() == 0, "a pointer to a function, or a closure that captures") };
    // SAFETY: a value of no size that the caller has seen one of, and that may be copied.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}

/// The C function behind a method.
#[derive(Clone, Copy)]
pub(crate) enum Function {
    Fastcall(Fastcall),
    NoArguments(NoArguments),
}

/// The C function behind a method of classes whose objects hold a `T`.
pub(crate) struct Entry<T> {
    function: Function,
    receiver: PhantomData<fn(&T)>,
}

impl<T> Entry<T> {
    /// Wraps a function for receivers that hold a `T`.
    pub(super) fn new(function: Function) -> Self {
        Self { function, receiver: PhantomData }
    }
}

/// A method for a class whose objects hold a `T`: its name, its C function, its signature line and its docstring.
pub(crate) struct Method<T> {
    pub(crate) name: &'static str,
    pub(crate) entry: Entry<T>,
    pub(crate) signature: String,
    pub(crate) doc: &'static str,
}

impl<T> Method<T> {
    pub(crate) fn new(name: &'static str, entry: Entry<T>, signature: &str, doc: &'static str) -> Self {
        Self { name, entry, signature: signature.to_owned(), doc }
    }

    pub(super) fn leak(self) -> PyResult<&'static mut ffi::PyMethodDef> {
        let doc = CString::new(format!("{}{}\n--\n\n{}", self.name, self.signature, self.doc))?;
        let (pointer, flags) = match self.entry.function {
            Function::Fastcall(function) => (
                ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
                ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ),
            Function::NoArguments(function) => {
                (ffi::PyMethodDefPointer { PyCFunction: function }, ffi::METH_NOARGS)
            }
        };
        // The interpreter keeps pointers to definitions for as long as a type lives, and types live as long as the process.
        Ok(Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: CString::new(self.name)?.into_raw(),
            ml_meth: pointer,
            ml_flags: flags,
            ml_doc: doc.into_raw(),
        })))
    }
}

/// Returns whether `callable` is the C function of `entry`, a method without arguments, bound to some object.
pub(crate) fn is_entry<T>(callable: &Bound<'_, PyAny>, entry: &Entry<T>) -> bool {
    let Function::NoArguments(own) = entry.function else { return false };
    // SAFETY: `callable` is a live object.
    if unsafe { ffi::PyCFunction_Check(callable.as_ptr()) } == 0 {
        return false;
    }
    // SAFETY: it was just seen to be a C function.
    let function = unsafe { ffi::PyCFunction_GetFunction(callable.as_ptr()) };
    function.is_some_and(|function| std::ptr::fn_addr_eq(function, own))
}

/// A function that is bound to objects that hold a `T`: the result of reading a method of such an object in Python.
pub(crate) struct BoundFunction<T>(&'static ffi::PyMethodDef, PhantomData<fn(&T)>);

// SAFETY: the definition is leaked and never written to.
unsafe impl<T> Send for BoundFunction<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for BoundFunction<T> {}

impl<T> BoundFunction<T> {
    /// Keeps the definition of a method for the life of the process.
    pub(crate) fn new(method: Method<T>) -> PyResult<Self> {
        Ok(Self(method.leak()?, PhantomData))
    }
}

impl<T: Held> BoundFunction<T> {
    /// Returns the function, bound to `this`.
    #[inline(always)]
    pub(crate) fn bind<'py>(&self, this: This<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let definition = std::ptr::from_ref(self.0).cast_mut();
        let receiver = this.object().as_ptr();
        // SAFETY: the definition is leaked, and the interpreter only reads it; the receiver is alive.
        let function = unsafe { ffi::PyCFunction_NewEx(definition, receiver, std::ptr::null_mut()) };
        // SAFETY: a new reference, or null.
        unsafe { owned(this.py(), function) }
    }
}
