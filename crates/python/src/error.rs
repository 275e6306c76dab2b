//! Where the kernel's errors become Python's, with their errno kept. It knows no caller.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::PyOSError;

/// The `OSError` that Python's own `socket` methods raise: the errno and its text, and no more.
pub(crate) fn plain_os_error(error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            PyOSError::new_err((number, text.split(" (os error").next().unwrap_or_default().to_owned()))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// An `OSError` of the subclass that the errno asks for, as `OSError(errno, text)` makes it. `what` names who was refused.
pub(crate) fn os_error(error: &io::Error, what: &str) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            PyOSError::new_err((number, format!("{text}: {what}")))
        }
        None => PyOSError::new_err(format!("{error}: {what}")),
    }
}
