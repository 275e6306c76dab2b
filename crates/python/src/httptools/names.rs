//! The names of fields as `bytes` objects, of which the latest are kept: most messages have the same names, and a kept
//! one costs a comparison in place of an allocation and a copy.

use pyo3::prelude::*;

use crate::ffi::bytes::{Bytes, kept};
use crate::ffi::gil_cell::GilCell;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// Enough for the names of a server and of its clients, most of which have a place of their own.
const PLACES: usize = 256;

/// The longest name that is kept: registered names have at most 37 bytes, and what peers invent is not kept for long.
const LONGEST: usize = 40;

static KEPT: GilCell<[Option<Bytes>; PLACES]> = GilCell::new([const { None }; PLACES]);

/// Returns a name as an object.
#[inline(always)]
pub(super) fn object_of<'py>(py: Python<'py>, name: &[u8]) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let place = place_of(name);
    let found = KEPT.with(py, |kept| match &kept[place] {
        Some(known) if known.as_ref() == name => Some(known.to_object(py)),
        _ => None,
    });
    match found {
        Some(object) => object,
        None => make_object(py, name, place),
    }
}

#[cold]
fn make_object<'py>(py: Python<'py>, name: &[u8], place: usize) -> Result<Bound<'py, PyAny>, ErrorSet> {
    if name.len() > LONGEST {
        return Ok(make::bytes(py, name)?.into_any());
    }
    let made = kept(py, name)?;
    let object = made.to_object(py);
    let evicted = KEPT.with(py, |kept| kept[place].replace(made));
    drop(evicted);
    object
}

/// Mixes the length with three bytes, which tell registered names apart.
#[inline(always)]
fn place_of(name: &[u8]) -> usize {
    let byte = |index: usize| usize::from(name.get(index).copied().unwrap_or_default());
    let length = name.len();
    let mixed = byte(0) * 31 + byte(length / 2) * 7 + byte(length.wrapping_sub(1)) * 3 + length * 13;
    mixed % PLACES
}
