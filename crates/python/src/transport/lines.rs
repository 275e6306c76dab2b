//! The argument of `writelines()`: lines that never change, or the exception that asyncio raises for it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::bytes::{is_bytes_like, unchanging};
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;

/// The call to which asyncio passes the lines, and whose exceptions a caller gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineCall {
    /// `b"".join(lines)`.
    Join,
    /// `memoryview(line)`, for each.
    View,
}

/// Returns the lines. Iterating over them runs user code.
pub(crate) fn unchanging_lines(lines: Borrowed<'_>, call: LineCall) -> Result<Vec<Bytes>, ErrorSet> {
    let mut pieces = Vec::new();
    for line in iterate(lines, call)? {
        let line = line?;
        if !is_bytes_like(line.as_borrowed()) {
            return Err(wrong_type(&line, pieces.len(), call)?.into());
        }
        pieces.try_reserve(1).map_err(|_| no_memory())?;
        pieces.push(unchanging(line.as_borrowed())?);
    }
    Ok(pieces)
}

fn iterate<'py>(lines: Borrowed<'py>, call: LineCall) -> PyResult<Bound<'py, PyIterator>> {
    lines.try_iter().map_err(|error| {
        let is_replaced = call == LineCall::Join && error.is_instance_of::<PyTypeError>(lines.py());
        if is_replaced { new_error::<PyTypeError>("can only join an iterable") } else { error }
    })
}

#[cold]
fn wrong_type(line: &Bound<'_, PyAny>, index: usize, call: LineCall) -> PyResult<PyErr> {
    let name = line.get_type().name()?;
    Ok(new_error::<PyTypeError>(match call {
        LineCall::Join => format!("sequence item {index}: expected a bytes-like object, {name} found"),
        LineCall::View => format!("memoryview: a bytes-like object is required, not '{name}'"),
    }))
}
