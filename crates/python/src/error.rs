//! Where the kernel's errors become Python's, with their errno kept. It knows no caller.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::PyOSError;

use crate::ffi::error::{new_error, new_numbered_error, no_memory};

/// The `OSError` that Python's own functions raise: of the subclass that the errno asks for, with the errno and the kernel's
/// text, to which Rust adds the number.
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
