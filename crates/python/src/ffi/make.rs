//! Creates strings, numbers, tuples, lists and dicts: a MemoryError if there is no memory.
//!
//! PyO3's own constructors and conversions of Rust's values panic then, so they are not used in this crate
//! (`tools/checks/panicking.py`).

use std::ptr::copy_nonoverlapping;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::trampoline::{ErrorSet, owned, owned_as};

/// Creates a string. SystemError for a text of more than half the address space, as everywhere in CPython.
pub(crate) fn text<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyString>, ErrorSet> {
    // SAFETY: the text is as long as said and is copied.
    let made = unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len().cast_signed()) };
    // SAFETY: that function makes strings.
    unsafe { owned_as(py, made) }
}

/// Creates a string of UTF-8. UnicodeDecodeError if it is not.
#[inline]
pub(crate) fn decoded<'py>(py: Python<'py>, text: &[u8]) -> Result<Bound<'py, PyString>, ErrorSet> {
    // SAFETY: the text is as long as said and is copied.
    let made = unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len().cast_signed()) };
    // SAFETY: that function makes strings.
    unsafe { owned_as(py, made) }
}

/// Creates a string of Latin-1 characters, which ASCII is a part of: cheaper than decoding UTF-8.
pub(crate) fn latin_1<'py>(py: Python<'py>, text: &[u8]) -> Result<Bound<'py, PyString>, ErrorSet> {
    let kind = ffi::PyUnicode_1BYTE_KIND.cast_signed();
    // SAFETY: the text is as long as said, of that kind, and is copied.
    let made =
        unsafe { ffi::PyUnicode_FromKindAndData(kind, text.as_ptr().cast(), text.len().cast_signed()) };
    // SAFETY: that function makes strings.
    unsafe { owned_as(py, made) }
}

/// Creates a string of ASCII, which is cheaper still. Other characters are taken as Latin-1.
#[inline]
pub(crate) fn ascii<'py>(py: Python<'py>, text: &[u8]) -> Result<Bound<'py, PyString>, ErrorSet> {
    // Strings of one character are shared by all of the interpreter.
    if text.len() < 2 || !text.is_ascii() {
        return latin_1(py, text);
    }
    // SAFETY: this thread is attached; the content of the new string is written below.
    let made = unsafe { ffi::PyUnicode_New(text.len().cast_signed(), 127) };
    // SAFETY: that function makes strings.
    let made: Bound<'py, PyString> = unsafe { owned_as(py, made) }?;
    // SAFETY: a string of ASCII, which has a byte for each character.
    let start = unsafe { ffi::PyUnicode_1BYTE_DATA(made.as_ptr()) };
    // SAFETY: the string is as long as the text, and no other code has it yet.
    unsafe { copy_nonoverlapping(text.as_ptr(), start, text.len()) };
    Ok(made)
}

/// Creates an interned string.
pub(crate) fn interned<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyString>, ErrorSet> {
    let mut made = self::text(py, text)?.into_ptr();
    // SAFETY: an owned reference to a string, which is replaced by another; without memory it stays as it is.
    unsafe { ffi::PyUnicode_InternInPlace(&raw mut made) };
    // SAFETY: the reference is to a string.
    unsafe { owned_as(py, made) }
}

/// Creates a string from the bytes of a file name, as `os.fsdecode` does.
pub(crate) fn file_name<'py>(py: Python<'py>, name: &[u8]) -> Result<Bound<'py, PyString>, ErrorSet> {
    // SAFETY: the name is as long as said and is copied.
    let made =
        unsafe { ffi::PyUnicode_DecodeFSDefaultAndSize(name.as_ptr().cast(), name.len().cast_signed()) };
    // SAFETY: that function makes strings.
    unsafe { owned_as(py, made) }
}

/// Creates a `bytes` object with a copy of the content.
#[inline(always)]
pub(crate) fn bytes<'py>(py: Python<'py>, content: &[u8]) -> Result<Bound<'py, PyBytes>, ErrorSet> {
    let length = ffi::Py_ssize_t::try_from(content.len()).map_err(PyErr::from)?;
    // SAFETY: the content is as long as said and is copied.
    let made = unsafe { ffi::PyBytes_FromStringAndSize(content.as_ptr().cast(), length) };
    // SAFETY: that function makes bytes.
    unsafe { owned_as(py, made) }
}

/// Creates an integer.
#[inline]
pub(crate) fn integer(py: Python<'_>, number: i64) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyLong_FromLongLong(number) };
    // SAFETY: a new reference, or null.
    unsafe { owned(py, made) }
}

/// Creates an integer from a count.
#[inline]
pub(crate) fn count(py: Python<'_>, count: usize) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyLong_FromSize_t(count) };
    // SAFETY: a new reference, or null.
    unsafe { owned(py, made) }
}

/// Creates a thread's identity, as in `threading.get_ident()`.
pub(crate) fn identity(py: Python<'_>, thread: u64) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyLong_FromUnsignedLongLong(thread) };
    // SAFETY: a new reference, or null.
    unsafe { owned(py, made) }
}

/// Creates a float.
#[inline]
pub(crate) fn float(py: Python<'_>, number: f64) -> Result<Bound<'_, PyAny>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyFloat_FromDouble(number) };
    // SAFETY: a new reference, or null.
    unsafe { owned(py, made) }
}

/// Creates an empty dict.
#[inline]
pub(crate) fn dict(py: Python<'_>) -> Result<Bound<'_, PyDict>, ErrorSet> {
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyDict_New() };
    // SAFETY: that function makes dicts.
    unsafe { owned_as(py, made) }
}

/// Creates a tuple of the items.
#[inline]
pub(crate) fn tuple<'py>(
    py: Python<'py>,
    items: impl IntoIterator<Item = Bound<'py, PyAny>, IntoIter: ExactSizeIterator>,
) -> Result<Bound<'py, PyTuple>, ErrorSet> {
    let items = items.into_iter();
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyTuple_New(items.len().cast_signed()) };
    // SAFETY: a new reference, or null.
    let made = unsafe { owned(py, made) }?;
    for (place, item) in (0..items.len().cast_signed()).zip(items) {
        // SAFETY: a new tuple with this place, which is empty; the reference is given to it.
        unsafe { ffi::PyTuple_SET_ITEM(made.as_ptr(), place, item.into_ptr()) };
    }
    // SAFETY: a tuple, as made above.
    Ok(unsafe { made.cast_into_unchecked() })
}

/// Creates a list of the items.
#[inline]
pub(crate) fn list<'py>(
    py: Python<'py>,
    items: impl IntoIterator<Item = Bound<'py, PyAny>, IntoIter: ExactSizeIterator>,
) -> Result<Bound<'py, PyList>, ErrorSet> {
    let items = items.into_iter();
    // SAFETY: this thread is attached.
    let made = unsafe { ffi::PyList_New(items.len().cast_signed()) };
    // SAFETY: a new reference, or null.
    let made = unsafe { owned(py, made) }?;
    for (place, item) in (0..items.len().cast_signed()).zip(items) {
        // SAFETY: a new list with this place, which is empty; the reference is given to it.
        unsafe { ffi::PyList_SET_ITEM(made.as_ptr(), place, item.into_ptr()) };
    }
    // SAFETY: a list, as made above.
    Ok(unsafe { made.cast_into_unchecked() })
}
