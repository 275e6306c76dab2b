//! Converts the kernel's errors to Python's, with their errno.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::PyOSError;

use crate::ffi::error::{new_error, new_numbered_error, no_memory};

/// Returns the `OSError` that Python's own functions raise: of the subclass for the errno, with the errno and the
/// kernel's text, without the number that Rust appends.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::OutOfMemory {
        return no_memory();
    }
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            let text = text.split(" (os error").next().unwrap_or_default();
            new_numbered_error::<PyOSError>(number, text.to_owned())
        }
        None => new_error::<PyOSError>(text),
    }
}
