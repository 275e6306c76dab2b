//! Items of a dict: several found by one walk over it, and one set.
//!
//! Code that makes a small dict has its keys as literals, which the compiler interns if they look like identifiers: then
//! a key is known by its address, and a missing one costs no search.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::PyDict;

use super::interned::Name;
use super::trampoline::ErrorSet;

/// Returns the values of interned keys, or `None` if the dict has any other key, which may be equal to one of them.
#[inline]
pub(crate) fn items<'py, const COUNT: usize>(
    dict: Borrowed<'_, 'py, PyDict>,
    names: [&Name; COUNT],
) -> Option<[Option<Bound<'py, PyAny>>; COUNT]> {
    let names = names.map(|name| name.as_ptr());
    let mut found = [const { None }; COUNT];
    // Without the GIL other threads can't change the dict meanwhile: nothing in here waits, so the section is not left.
    with_critical_section(&dict, || {
        let (mut place, mut key, mut value) = (0, null_mut(), null_mut());
        // Counted, so that no further step has to find that there is nothing left.
        for _ in 0..dict.len() {
            // SAFETY: a live dict, which does not change meanwhile: no code of Python's runs.
            if unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut place, &raw mut key, &raw mut value) } == 0 {
                break;
            }
            let index = names.iter().position(|name| *name == key)?;
            // SAFETY: a live object, which the dict holds; the result takes a reference of its own.
            found[index] = Some(unsafe { Bound::from_borrowed_ptr(dict.py(), value) });
        }
        Some(())
    })?;
    Some(found)
}

/// Sets the item of an interned key.
#[inline(always)]
pub(crate) fn set<'py>(
    dict: &Bound<'py, PyDict>,
    name: &Name,
    value: &Bound<'py, impl Sized>,
) -> Result<(), ErrorSet> {
    // SAFETY: a live dict, which takes references of its own to a live key and a live value.
    match unsafe { ffi::PyDict_SetItem(dict.as_ptr(), name.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(ErrorSet::by_interpreter()),
    }
}
