//! References to Python objects that are known to hold a value of a given Rust type.
//!
//! [`This`] is the proof: it is made by a checked cast, by the C function of a method table of the value's own class,
//! and from PyO3's typed references, which only this folder can make for a class of this crate. Particular classes are
//! not known here.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::Deref;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::{PyClass, PyTypeCheck};

use super::reference_count::is_only_reference;

/// A reference to any object, borrowed for `'py`: an argument on the caller's stack, a field of a live object.
pub(crate) type Borrowed<'py> = pyo3::Borrowed<'py, 'py, PyAny>;

/// A type whose values are in Python objects.
pub(crate) trait Held: Sized + Sync + 'static {
    type Layout: Layout<Self>;
}

/// The place of a `T` in the objects that hold one.
///
/// # Safety
/// [`holds`](Self::holds) is true only of objects in which [`value`](Self::value) finds a live `T`, for as long as they live.
pub(crate) unsafe trait Layout<T> {
    /// Returns whether the object holds a `T`.
    fn holds(object: Borrowed<'_>) -> bool;

    /// Returns the address of the value.
    ///
    /// # Safety
    /// The object holds a `T`.
    unsafe fn value(object: *mut ffi::PyObject) -> *const T;
}

/// The layout of the objects of a `#[pyclass]`.
pub(crate) struct ByPyO3;

// SAFETY: an instance of the class or of a subclass holds a `T`, which is never moved and only ever shared.
unsafe impl<T: PyClass<Frozen = True> + Sync> Layout<T> for ByPyO3 {
    #[inline(always)]
    fn holds(object: Borrowed<'_>) -> bool {
        T::type_check(&object)
    }

    #[inline(always)]
    unsafe fn value(object: *mut ffi::PyObject) -> *const T {
        // SAFETY: the caller's duty; methods are called while attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: as above.
        let object = unsafe { Borrowed::from_ptr(py, object) };
        // SAFETY: as above.
        unsafe { object.cast_unchecked::<T>() }.get()
    }
}

/// A borrowed reference to an object that holds a `T`.
pub(crate) struct This<'py, T>(Borrowed<'py>, PhantomData<&'py T>);

impl<T> Clone for This<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for This<'_, T> {}

impl<'py, T: Held> This<'py, T> {
    /// Returns the object as one that holds a `T`, if it does.
    #[inline(always)]
    pub(crate) fn cast(object: Borrowed<'py>) -> Option<Self> {
        T::Layout::holds(object).then_some(Self(object, PhantomData))
    }

    /// Wraps the receiver of a method.
    ///
    /// # Safety
    /// `object` points to an object that holds a `T` and lives for `'py`.
    #[inline(always)]
    pub(super) unsafe fn from_ptr(py: Python<'py>, object: *mut ffi::PyObject) -> Self {
        // SAFETY: the caller's duty.
        Self(unsafe { Borrowed::from_ptr(py, object) }, PhantomData)
    }

    /// Returns the value, for as long as the object is borrowed.
    #[inline(always)]
    pub(crate) fn value(self) -> &'py T {
        // SAFETY: a `This` is made of objects that hold a `T`.
        let value = unsafe { T::Layout::value(self.0.as_ptr()) };
        // SAFETY: the object, and the value with it, lives for `'py`.
        unsafe { &*value }
    }
}

impl<'py, T> This<'py, T> {
    /// Returns the object as Python sees it.
    #[inline(always)]
    pub(crate) fn object(self) -> Borrowed<'py> {
        self.0
    }

    #[inline(always)]
    pub(crate) fn py(self) -> Python<'py> {
        self.0.py()
    }

    /// Returns whether there is, or may be, a further reference to the object than the one that keeps it.
    #[inline(always)]
    pub(crate) fn is_shared(self) -> bool {
        !is_only_reference(self.0)
    }

    /// Returns one more reference to the object.
    #[inline(always)]
    pub(crate) fn to_owned(self) -> Bound<'py, T> {
        // SAFETY: a `Bound` of a class of ours says what a `This` says; for PyO3's classes `holds` has asked PyO3.
        unsafe { self.0.to_owned().cast_into_unchecked() }
    }
}

impl<T: Held> Deref for This<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.value()
    }
}

/// As an argument of a call, it is the object.
impl<'py, T> IntoPyObject<'py> for This<'py, T> {
    type Target = PyAny;
    type Output = Borrowed<'py>;
    type Error = Infallible;

    #[inline(always)]
    fn into_pyobject(self, _py: Python<'py>) -> Result<Borrowed<'py>, Infallible> {
        Ok(self.0)
    }
}

impl<'py, T: Held> From<pyo3::Borrowed<'py, 'py, T>> for This<'py, T> {
    #[inline(always)]
    fn from(object: pyo3::Borrowed<'py, 'py, T>) -> Self {
        // SAFETY: everything is an object.
        Self(unsafe { object.cast_unchecked() }, PhantomData)
    }
}

impl<'py, T: Held> From<&'py Bound<'py, T>> for This<'py, T> {
    #[inline(always)]
    fn from(object: &'py Bound<'py, T>) -> Self {
        object.as_borrowed().into()
    }
}
