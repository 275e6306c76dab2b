//! Objects whose content is changed on its way into them: `bytes`, and `str` of ASCII.

use std::ptr::copy_nonoverlapping;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::make;
use super::trampoline::{ErrorSet, owned_as};

/// Creates a `bytes` object with a copy of the content, after `change`.
#[inline]
pub(crate) fn bytes<'py>(
    py: Python<'py>,
    content: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Result<Bound<'py, PyBytes>, ErrorSet> {
    let made = make::bytes(py, content)?;
    // Empty ones, and those of one byte, are shared by all of the interpreter.
    if content.len() < 2 {
        let mut content = [0; 1];
        let content = &mut content[..made.as_bytes().len()];
        content.copy_from_slice(made.as_bytes());
        change(content);
        return make::bytes(py, content);
    }
    // SAFETY: a live bytes object that no other code has yet.
    let start = unsafe { ffi::PyBytes_AsString(made.as_ptr()) };
    // SAFETY: its content, which only this function uses until the object is returned.
    change(unsafe { std::slice::from_raw_parts_mut(start.cast(), content.len()) });
    Ok(made)
}

/// Creates a string with a copy of the content, which `change` makes ASCII.
///
/// # Panics
///
/// If it does not.
#[inline]
pub(crate) fn ascii<'py>(
    py: Python<'py>,
    content: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Result<Bound<'py, PyString>, ErrorSet> {
    // The empty string is shared by all of the interpreter.
    if content.is_empty() {
        return make::text(py, "");
    }
    // SAFETY: this thread is attached; the content of a new string is written below.
    let made = unsafe { ffi::PyUnicode_New(content.len().cast_signed(), 127) };
    // SAFETY: that function makes strings.
    let made: Bound<'py, PyString> = unsafe { owned_as(py, made) }?;
    // SAFETY: a string of ASCII, which has a byte for each character.
    let start = unsafe { ffi::PyUnicode_1BYTE_DATA(made.as_ptr()) };
    // SAFETY: the string is as long as the content, and no other code has it yet.
    unsafe { copy_nonoverlapping(content.as_ptr(), start, content.len()) };
    // SAFETY: initialised just now, and used only here until the string is returned.
    let text = unsafe { std::slice::from_raw_parts_mut(start, content.len()) };
    change(text);
    assert!(text.is_ascii(), "a string of ASCII has no other characters");
    Ok(made)
}
