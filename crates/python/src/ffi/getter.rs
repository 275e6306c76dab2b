//! Computed attributes and representations: C functions made of Rust ones that take the receiver.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::method::function;
use super::this::{Held, This};
use super::trampoline::trampoline;

/// A function that computes an attribute or a representation of objects that hold a `T`.
pub(crate) trait ReadBody<T>:
    Copy + 'static + for<'py> Fn(This<'py, T>) -> PyResult<Bound<'py, PyAny>>
{
}

impl<T, F> ReadBody<T> for F where F: Copy + 'static + for<'py> Fn(This<'py, T>) -> PyResult<Bound<'py, PyAny>>
{}

/// A function that assigns to an attribute; without a value the attribute is deleted.
pub(crate) trait WriteBody<T>:
    Copy + 'static + for<'py> Fn(This<'py, T>, Option<Bound<'py, PyAny>>) -> PyResult<()>
{
}

impl<T, F> WriteBody<T> for F where
    F: Copy + 'static + for<'py> Fn(This<'py, T>, Option<Bound<'py, PyAny>>) -> PyResult<()>
{
}

/// A computed attribute of classes whose objects hold a `T`.
pub(crate) struct Getter<T> {
    pub(super) name: &'static str,
    pub(super) read: ffi::getter,
    /// The assignment; `None` if the attribute is read-only.
    pub(super) write: Option<ffi::setter>,
    receiver: PhantomData<fn(&T)>,
}

/// The `repr()` of objects that hold a `T`.
pub(crate) struct Repr<T> {
    pub(super) function: ffi::reprfunc,
    receiver: PhantomData<fn(&T)>,
}

/// Creates an attribute from a Rust function that takes the receiver.
pub(crate) fn getter<T: Held, F: ReadBody<T>>(name: &'static str, _read: F) -> Getter<T> {
    unsafe extern "C" fn entry<T: Held, F: ReadBody<T>>(
        receiver: *mut ffi::PyObject,
        _closure: *mut c_void,
    ) -> *mut ffi::PyObject {
        // SAFETY: the interpreter passes a live receiver of a class of `T`; `getter` was given an `F`.
        unsafe { read::<T, F>(receiver) }
    }
    Getter { name, read: entry::<T, F>, write: None, receiver: PhantomData }
}

/// A getter of one class does not compile in the table of another.
const _: () = {
    enum One {}
    enum Other {}
    type Read<T> = for<'py> fn(This<'py, T>) -> PyResult<Bound<'py, PyAny>>;

    const fn is_read_body<T, F: ReadBody<T>>() {}
    is_read_body::<One, Read<One>>();

    // The name below has two meanings, and is refused, if the function is one of the other class too.
    trait IsNoReadBody<A> {
        const CHECKED: () = ();
    }
    struct ReadBodyOfTheOther;
    impl<F> IsNoReadBody<()> for F {}
    impl<F: ReadBody<Other>> IsNoReadBody<ReadBodyOfTheOther> for F {}
    <Read<One> as IsNoReadBody<_>>::CHECKED
};

/// Does the same for an attribute that can be assigned: the second function takes the value, or `None`.
pub(crate) fn property<T: Held, R: ReadBody<T>, W: WriteBody<T>>(
    name: &'static str,
    read: R,
    _write: W,
) -> Getter<T> {
    unsafe extern "C" fn entry<T: Held, W: WriteBody<T>>(
        receiver: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
        _closure: *mut c_void,
    ) -> c_int {
        // SAFETY: `property` was given one.
        let body = unsafe { function::<W>() };
        // SAFETY: the interpreter calls this, so the thread is attached.
        let py = unsafe { Python::assume_attached() };
        trampoline(py, -1, || {
            // SAFETY: the interpreter passes a live receiver of a class of `T`.
            let this = unsafe { This::from_ptr(py, receiver) };
            // SAFETY: a live object, or null.
            let value = unsafe { Bound::from_borrowed_ptr_or_opt(py, value) };
            body(this, value)?;
            Ok(0)
        })
    }
    Getter { write: Some(entry::<T, W>), ..getter(name, read) }
}

/// Creates `repr()` from a Rust function that takes the receiver.
pub(crate) fn repr<T: Held, F: ReadBody<T>>(_body: F) -> Repr<T> {
    unsafe extern "C" fn entry<T: Held, F: ReadBody<T>>(receiver: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: the interpreter passes a live receiver of a class of `T`; `repr` was given an `F`.
        unsafe { read::<T, F>(receiver) }
    }
    Repr { function: entry::<T, F>, receiver: PhantomData }
}

/// Runs `F` behind the trampoline.
///
/// # Safety
/// `receiver` is a live object that holds a `T`, and there is an `F`.
unsafe fn read<T: Held, F: ReadBody<T>>(receiver: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty.
    let body = unsafe { function::<F>() };
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        // SAFETY: the caller's duty.
        let this = unsafe { This::from_ptr(py, receiver) };
        Ok(body(this)?.into_ptr())
    })
}
