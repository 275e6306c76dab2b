//! Where the kernel's errors become Python's, with their errno kept. It knows no caller.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::PyOSError;

use crate::ffi::error::{new_error, new_numbered_error};

/// The `OSError` that Python's own `socket` methods raise: the errno and its text, and no more.
pub(crate) fn plain_os_error(error: &io::Error) -> PyErr {
    with_text(error, str::to_owned)
}

/// An `OSError` of the subclass that the errno asks for, as `OSError(errno, text)` makes it. `what` names who was refused.
pub(crate) fn os_error(error: &io::Error, what: &str) -> PyErr {
    with_text(error, |text| format!("{text}: {what}"))
}

/// What is said is made of the kernel's text, to which Rust adds the number.
fn with_text(error: &io::Error, say: impl FnOnce(&str) -> String) -> PyErr {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            new_numbered_error::<PyOSError>(number, say(text.split(" (os error").next().unwrap_or_default()))
        }
        None => new_error::<PyOSError>(say(&text)),
    }
}
