//! Computed attributes and representations: C functions made of Rust ones that take the receiver.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::arguments::AnyObject;
use super::method::function;
use super::this::{Borrowed, Held, This};
use super::trampoline::trampoline;

/// A function that computes an attribute or a representation of the objects that hold a `T`.
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

/// A computed attribute of the classes whose objects hold a `T`.
pub(crate) struct Getter<T = AnyObject> {
    pub(super) name: &'static str,
    pub(super) read: ffi::getter,
    /// What an assignment does; without one there is none.
    pub(super) write: Option<ffi::setter>,
    receiver: PhantomData<fn(&T)>,
}

impl Getter {
    /// For the macros that make functions which take any receiver.
    pub(crate) fn old(name: &'static str, read: ffi::getter, write: Option<ffi::setter>) -> Self {
        Self { name, read, write, receiver: PhantomData }
    }

    /// As [`old`](Self::old).
    pub(crate) fn write_old(self, write: ffi::setter) -> Self {
        Self { write: Some(write), ..self }
    }

    /// What takes any receiver takes one that holds a `T`.
    pub(crate) fn of<T>(self) -> Getter<T> {
        Getter { name: self.name, read: self.read, write: self.write, receiver: PhantomData }
    }
}

/// `repr()` of the objects that hold a `T`.
pub(crate) struct Repr<T> {
    pub(super) function: ffi::reprfunc,
    receiver: PhantomData<fn(&T)>,
}

impl<T> Repr<T> {
    /// For the macro that makes a function which takes any receiver.
    pub(crate) fn old(function: ffi::reprfunc) -> Self {
        Self { function, receiver: PhantomData }
    }
}

/// An attribute out of a Rust function that takes the receiver.
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

#[expect(dead_code, reason = "the transports' attributes are not converted yet")]
/// The same for an attribute that may be assigned: the second function takes what is assigned, or nothing.
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
        trampoline(-1, |py| {
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

/// `repr()` out of a Rust function that takes the receiver.
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
    trampoline(null_mut(), |py| {
        // SAFETY: the caller's duty.
        let this = unsafe { This::from_ptr(py, receiver) };
        Ok(body(this)?.into_ptr())
    })
}

/// Runs the body of an attribute, of `repr()` or of a method without arguments behind the border.
///
/// # Safety
/// `receiver` is the live object that the interpreter passed.
pub(crate) unsafe fn read_old(
    receiver: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(Borrowed<'py>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    trampoline(null_mut(), |py| {
        // SAFETY: the caller's duty.
        let receiver = unsafe { Borrowed::from_ptr(py, receiver) };
        Ok(body(receiver)?.into_ptr())
    })
}

/// Runs the body of an assignment to an attribute behind the border; there is no value if the attribute is deleted.
///
/// # Safety
/// `receiver` is the live object that the interpreter passed, and so is `value`, or it is null.
pub(crate) unsafe fn assign(
    receiver: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(Borrowed<'py>, Option<Bound<'py, PyAny>>) -> PyResult<()>,
) -> c_int {
    trampoline(-1, |py| {
        // SAFETY: the caller's duty.
        let receiver = unsafe { Borrowed::from_ptr(py, receiver) };
        // SAFETY: as above.
        let value = unsafe { Bound::from_borrowed_ptr_or_opt(py, value) };
        body(receiver, value)?;
        Ok(0)
    })
}

/// Makes the C function of a computed attribute out of a Rust one that takes the receiver; a second one takes the receiver
/// and what is assigned.
#[macro_export]
macro_rules! getter {
    ($name:literal, $body:path) => {{
        unsafe extern "C" fn entry(
            receiver: *mut pyo3::ffi::PyObject,
            _closure: *mut std::ffi::c_void,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: the interpreter passes a live receiver.
            unsafe { $crate::ffi::getter::read_old(receiver, $body) }
        }
        $crate::ffi::getter::Getter::old($name, entry, None)
    }};
    ($name:literal, $body:path, $assign:path) => {{
        unsafe extern "C" fn write_entry(
            receiver: *mut pyo3::ffi::PyObject,
            value: *mut pyo3::ffi::PyObject,
            _closure: *mut std::ffi::c_void,
        ) -> std::ffi::c_int {
            // SAFETY: the interpreter passes a live receiver, and a live value or null.
            unsafe { $crate::ffi::getter::assign(receiver, value, $assign) }
        }
        $crate::ffi::getter::Getter::write_old($crate::getter!($name, $body), write_entry)
    }};
}

/// Makes `tp_repr` out of a Rust function that takes the receiver.
#[macro_export]
macro_rules! represent {
    ($body:path) => {{
        unsafe extern "C" fn entry(receiver: *mut pyo3::ffi::PyObject) -> *mut pyo3::ffi::PyObject {
            // SAFETY: the interpreter passes a live receiver.
            unsafe { $crate::ffi::getter::read_old(receiver, $body) }
        }
        entry
    }};
}
