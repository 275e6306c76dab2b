//! The names of fields as `bytes` objects, of which the latest (without the GIL the first) are kept: most messages have
//! the same names, and a kept one costs a comparison in place of an allocation and a copy.

use pyo3::prelude::*;

use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;

/// Enough for the names of a server and of its clients, most of which have a place of their own.
const PLACES: usize = 256;

/// The longest name that is kept: registered names have at most 37 bytes, and what peers invent is not kept for long.
const LONGEST: usize = 40;

/// Returns a name as an object.
#[inline(always)]
pub(super) fn object_of<'py>(py: Python<'py>, name: &[u8]) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let place = place_of(name);
    match table::find(py, place, name) {
        Some(object) => object,
        None if name.len() > LONGEST => Ok(make::bytes(py, name)?.into_any()),
        None => table::make_object(py, name, place),
    }
}

#[cfg(not(Py_GIL_DISABLED))]
mod table {
    use pyo3::prelude::*;

    use super::PLACES;
    use crate::ffi::bytes::{Bytes, kept};
    use crate::ffi::gil_cell::GilCell;
    use crate::ffi::trampoline::ErrorSet;

    /// The latest name of each place.
    static KEPT: GilCell<[Option<Bytes>; PLACES]> = GilCell::new([const { None }; PLACES]);

    #[inline(always)]
    pub(super) fn find<'py>(
        py: Python<'py>,
        place: usize,
        name: &[u8],
    ) -> Option<Result<Bound<'py, PyAny>, ErrorSet>> {
        KEPT.with(py, |kept| match &kept[place] {
            Some(known) if known.as_ref() == name => Some(known.to_object(py)),
            _ => None,
        })
    }

    #[cold]
    pub(super) fn make_object<'py>(
        py: Python<'py>,
        name: &[u8],
        place: usize,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let made = kept(py, name)?;
        let object = made.to_object(py);
        let evicted = KEPT.with(py, |kept| kept[place].replace(made));
        drop(evicted);
        object
    }
}

#[cfg(Py_GIL_DISABLED)]
mod table {
    use pyo3::prelude::*;
    use pyo3::sync::PyOnceLock;
    use pyo3::types::PyBytes;

    use super::PLACES;
    use crate::ffi::trampoline::ErrorSet;
    use crate::ffi::{immortal, make};

    /// The first name of each place: it stays, so that all threads read it without a lock.
    static KEPT: [PyOnceLock<Py<PyBytes>>; PLACES] = [const { PyOnceLock::new() }; PLACES];

    #[inline(always)]
    pub(super) fn find<'py>(
        py: Python<'py>,
        place: usize,
        name: &[u8],
    ) -> Option<Result<Bound<'py, PyAny>, ErrorSet>> {
        let known = KEPT[place].get(py)?.bind(py);
        (known.as_bytes() == name).then(|| Ok(known.clone().into_any()))
    }

    #[cold]
    pub(super) fn make_object<'py>(
        py: Python<'py>,
        name: &[u8],
        place: usize,
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        if KEPT[place].get(py).is_some() {
            return Ok(make::bytes(py, name)?.into_any());
        }
        let made = KEPT[place]
            .get_or_try_init(py, || Ok::<_, ErrorSet>(immortal::bytes(py, name)?.unbind()))?
            .bind(py);
        // Another thread may have made another one meanwhile.
        if made.as_bytes() == name {
            Ok(made.clone().into_any())
        } else {
            Ok(make::bytes(py, name)?.into_any())
        }
    }
}

/// Mixes the length with three bytes, which tell registered names apart.
#[inline(always)]
fn place_of(name: &[u8]) -> usize {
    let byte = |index: usize| usize::from(name.get(index).copied().unwrap_or_default());
    let length = name.len();
    let mixed = byte(0) * 31 + byte(length / 2) * 7 + byte(length.wrapping_sub(1)) * 3 + length * 13;
    mixed % PLACES
}
