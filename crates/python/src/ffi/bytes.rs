//! `bytes` objects: shared without copying, or created from what the kernel delivers.
//!
//! Only exact `bytes` and `str` are shared: they never change, and releasing one runs no user code.

use std::ffi::c_char;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;

use super::error::no_memory;
use super::make;
use super::this::Borrowed;
use super::trampoline::{ErrorSet, owned};

unsafe extern "C" {
    /// Shrinks or grows a bytes object with one reference. pyo3's bindings omit it.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, length: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// Bytes that never change, inside an exact `bytes` object or an exact `str` (its UTF-8), and a strong reference to that.
/// It is dropped by attached threads only, which runs no user code, so it may be dropped anywhere. Any thread may drop
/// it: without the GIL a count that another thread owns is changed by an atomic operation.
pub(crate) struct Bytes {
    object: NonNull<ffi::PyObject>,
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the content never changes, and a shared reference does not touch the reference count.
unsafe impl Sync for Bytes {}
// SAFETY: any attached thread may release the reference, and code that is not attached can hold none
// (`super::detached`).
unsafe impl Send for Bytes {}

impl Bytes {
    /// Returns a reference to the object if it is exactly `bytes`.
    #[inline(always)]
    pub(crate) fn of(object: Borrowed<'_>) -> Option<Self> {
        // SAFETY: a live object.
        if unsafe { ffi::PyBytes_CheckExact(object.as_ptr()) } == 0 {
            return None;
        }
        // SAFETY: a live bytes object.
        let start = unsafe { ffi::PyBytes_AS_STRING(object.as_ptr()) };
        // SAFETY: as above.
        let length = unsafe { ffi::Py_SIZE(object.as_ptr()) };
        Self::inside(object, start, length)
    }

    /// Does the same for a reference of another type.
    #[inline(always)]
    pub(crate) fn of_borrowed(object: &pyo3::Borrowed<'_, '_, PyAny>) -> Option<Self> {
        // SAFETY: a live object, for the length of the call.
        Self::of(unsafe { Borrowed::from_ptr(object.py(), object.as_ptr()) })
    }

    /// Returns the UTF-8 of an object if it is exactly `str`: without a copy if it is ASCII, otherwise with one that the
    /// object keeps. UnicodeEncodeError for a text with surrogates, which has no UTF-8.
    #[inline]
    pub(crate) fn of_text(object: Borrowed<'_>) -> Result<Option<Self>, ErrorSet> {
        // SAFETY: a live object.
        if unsafe { ffi::PyUnicode_CheckExact(object.as_ptr()) } == 0 {
            return Ok(None);
        }
        let mut length = 0;
        // SAFETY: a live string.
        let start = unsafe { ffi::PyUnicode_AsUTF8AndSize(object.as_ptr(), &raw mut length) };
        if start.is_null() {
            return Err(ErrorSet::by_interpreter());
        }
        Ok(Self::inside(object, start, length))
    }

    #[inline(always)]
    fn inside(object: Borrowed<'_>, start: *const c_char, length: ffi::Py_ssize_t) -> Option<Self> {
        let start = NonNull::new(start.cast_mut().cast())?;
        // SAFETY: a live object; the new reference is this value's.
        let object = NonNull::new(unsafe { ffi::Py_NewRef(object.as_ptr()) })?;
        Some(Self { object, start, length: length.unsigned_abs() })
    }

    /// Returns one more reference to the same bytes.
    #[inline]
    pub(crate) fn clone_ref(&self) -> Self {
        // SAFETY: a live object, which this value holds.
        unsafe { ffi::Py_INCREF(self.object.as_ptr()) };
        Self { object: self.object, start: self.start, length: self.length }
    }

    /// Returns a `bytes` object for a call of Python: the object itself, unless it is a string.
    pub(crate) fn to_object<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        // SAFETY: a live object.
        if unsafe { ffi::PyBytes_CheckExact(self.object.as_ptr()) } == 0 {
            return Ok(make::bytes(py, self.as_ref())?.into_any());
        }
        // SAFETY: a live object.
        Ok(unsafe { Bound::from_borrowed_ptr(py, self.object.as_ptr()) })
    }
}

impl AsRef<[u8]> for Bytes {
    #[inline(always)]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the object's content, which never changes and lives as long as the reference.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Bytes {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this value owns one reference; see the type.
        unsafe { ffi::Py_DECREF(self.object.as_ptr()) }
    }
}

/// Returns a copy of `content` as a reference that is kept.
#[inline(always)]
pub(crate) fn kept(py: Python<'_>, content: &[u8]) -> Result<Bytes, ErrorSet> {
    let object = make::bytes(py, content)?.into_any();
    Bytes::of_borrowed(&object.as_borrowed()).ok_or_else(ErrorSet::by_interpreter)
}

/// Returns a new `bytes` object with the bytes that `fill` writes, or `None` if it writes none.
///
/// `fill` gets room for `capacity` bytes and returns those that it has initialised, from the start.
///
/// # Panics
///
/// If `fill` returns bytes from elsewhere.
pub(crate) fn filled<'py>(
    py: Python<'py>,
    capacity: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]>,
) -> Result<io::Result<Option<Bound<'py, PyAny>>>, ErrorSet> {
    let length = ffi::Py_ssize_t::try_from(capacity).map_err(|_| no_memory())?;
    // SAFETY: without a source the content is left uninitialised, to be written below.
    let mut object = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), length) };
    if object.is_null() {
        return Err(ErrorSet::by_interpreter());
    }
    // SAFETY: a live bytes object that no other code has yet.
    let start = unsafe { ffi::PyBytes_AsString(object) };
    // SAFETY: its content, which only this function uses until the object is returned.
    let room = unsafe { std::slice::from_raw_parts_mut(start.cast::<MaybeUninit<u8>>(), capacity) };
    let written = match fill(room) {
        Ok(written) if !written.is_empty() => {
            // What begins where the room begins is a part of it, since no other object of Rust's is there.
            assert!(std::ptr::eq(written.as_ptr(), start.cast()), "bytes that are not in the room");
            written.len()
        }
        outcome => {
            // SAFETY: the reference made above.
            unsafe { ffi::Py_DECREF(object) };
            return Ok(outcome.map(|_| None));
        }
    };
    let written = ffi::Py_ssize_t::try_from(written).map_err(PyErr::from)?;
    // SAFETY: the object has one reference, so it may be resized; it is null afterwards if there was no memory.
    if written != length && unsafe { _PyBytes_Resize(&raw mut object, written) } != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    // SAFETY: a new reference, or null.
    unsafe { owned(py, object) }.map(|object| Ok(Some(object)))
}
