//! Lends memory of Rust's to a C function of Python's, as a memoryview for one call.
//!
//! It is for functions that keep no view of what they get: `read` and `write` of exactly the classes of `_ssl`. A view that
//! has a reference left is released, and one that can't be released ends the process; a view of a view would not be seen.

use std::ffi::c_int;
use std::process::abort;

use pyo3::ffi;
use pyo3::prelude::*;

use super::reference_count::is_only_reference;
use super::room::Room;
use super::this::Borrowed;
use super::trampoline::{ErrorSet, owned};
use crate::name;

/// `PyBUF_READ` and `PyBUF_WRITE` of CPython's headers.
const READ: c_int = 0x100;
const WRITE: c_int = 0x200;

/// Lends bytes to a function that reads them before it returns.
pub(crate) fn lend<R>(
    py: Python<'_>,
    bytes: &[u8],
    to: impl FnOnce(Borrowed<'_>) -> Result<R, ErrorSet>,
) -> Result<R, ErrorSet> {
    // SAFETY: nobody writes through the view, which is read-only, and it is released before this returns.
    unsafe { lend_raw(py, bytes.as_ptr().cast_mut(), bytes.len(), READ, to) }
}

/// Lends some of the rest of a room to a function that fills it from the front, and returns how many bytes it has
/// written.
pub(crate) fn lend_room(
    py: Python<'_>,
    room: &mut Room<'_>,
    at_most: usize,
    to: impl FnOnce(Borrowed<'_>) -> Result<usize, ErrorSet>,
) -> Result<usize, ErrorSet> {
    // A function of Python's may read what it has not written.
    let lent = room.initialised_rest(at_most);
    let length = lent.len();
    // SAFETY: initialised memory that nothing else uses, and the view is released before this returns.
    let count = unsafe { lend_raw(py, lent.as_mut_ptr().cast(), length, WRITE, to) }?.min(length);
    // SAFETY: all of the memory that was lent is initialised.
    unsafe { room.advance(count) };
    Ok(count)
}

/// Makes a view, passes it on and releases it.
///
/// # Safety
/// The memory is as long as said, initialised, and for writing nobody else's.
unsafe fn lend_raw<R>(
    py: Python<'_>,
    start: *mut u8,
    length: usize,
    flags: c_int,
    to: impl FnOnce(Borrowed<'_>) -> Result<R, ErrorSet>,
) -> Result<R, ErrorSet> {
    // SAFETY: the caller's duty.
    let view = unsafe { ffi::PyMemoryView_FromMemory(start.cast(), length.cast_signed(), flags) };
    // SAFETY: a new reference, or null.
    let view = unsafe { owned(py, view) }?;
    let release = Release(&view);
    let result = to(view.as_borrowed());
    drop(release);
    result
}

/// Releases a view when it is dropped, also while a panic passes. The memory of a view that somebody still uses would be
/// used after its end, so then the process ends.
struct Release<'a, 'py>(&'a Bound<'py, PyAny>);

impl Drop for Release<'_, '_> {
    fn drop(&mut self) {
        let py = self.0.py();
        // Whoever uses the memory has a reference to the view, which no thread can get from nothing: only the collector's
        // list of objects has it, and who asks that for it takes a reference.
        if is_only_reference(self.0.as_borrowed()) {
            return;
        }
        let pending = PyErr::take(py);
        if self.0.call_method0(name!("release")).is_err() {
            abort();
        }
        if let Some(pending) = pending {
            pending.restore(py);
        }
    }
}
