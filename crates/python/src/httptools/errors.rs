//! The exceptions that a parser raises. They are Python classes, which `vitok.httptools` tells once.

use std::sync::OnceLock;

use http::{MessageError, MessageErrorKind};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The classes, by their names without `HttpParser`.
struct Errors {
    error: Py<PyType>,
    callback: Py<PyType>,
    status: Py<PyType>,
    method: Py<PyType>,
    url: Py<PyType>,
    upgrade: Py<PyType>,
}

static ERRORS: OnceLock<Errors> = OnceLock::new();

/// Set the exceptions that parsers raise, in the order of httptools' own list. The first call counts.
#[pyfunction]
#[pyo3(signature = (error, callback, status, method, url, upgrade, /))]
pub(super) fn know_httptools_errors(
    error: Bound<'_, PyType>,
    callback: Bound<'_, PyType>,
    status: Bound<'_, PyType>,
    method: Bound<'_, PyType>,
    url: Bound<'_, PyType>,
    upgrade: Bound<'_, PyType>,
) {
    ERRORS.get_or_init(|| Errors {
        error: error.unbind(),
        callback: callback.unbind(),
        status: status.unbind(),
        method: method.unbind(),
        url: url.unbind(),
        upgrade: upgrade.unbind(),
    });
}

fn known() -> Result<&'static Errors, ErrorSet> {
    ERRORS.get().ok_or_else(|| {
        new_error::<PyRuntimeError>("vitok.httptools has to be imported before a parser is used").into()
    })
}

/// Sets the error that a message is refused with.
#[cold]
pub(super) fn refused(py: Python<'_>, error: MessageError) -> ErrorSet {
    raised(py, error.because(), |errors| match error.kind() {
        MessageErrorKind::Method => &errors.method,
        MessageErrorKind::Target => &errors.url,
        MessageErrorKind::Status => &errors.status,
        MessageErrorKind::Other => &errors.error,
    })
}

/// Sets an HttpParserError with this text.
#[cold]
pub(super) fn misused(py: Python<'_>, text: &str) -> ErrorSet {
    raised(py, text, |errors| &errors.error)
}

/// Sets an HttpParserInvalidURLError with this text.
#[cold]
pub(super) fn invalid_url(py: Python<'_>, text: &str) -> ErrorSet {
    raised(py, text, |errors| &errors.url)
}

/// Sets the error for a callback that has raised, with what it raised as context.
#[cold]
pub(super) fn callback_failed(py: Python<'_>, text: &str, context: Option<PyErr>) -> ErrorSet {
    let error = match known().and_then(|errors| made(py, &errors.callback, text)) {
        Ok(error) => error,
        Err(raised) => return raised,
    };
    let Some(context) = context else { return PyErr::from_value(error).into() };
    match error.setattr(name!("__context__"), context.into_value(py)) {
        Ok(()) => PyErr::from_value(error).into(),
        Err(failure) => failure.into(),
    }
}

/// Sets the exception that tells where the bytes of another protocol begin.
#[cold]
pub(super) fn upgraded(py: Python<'_>, offset: usize) -> ErrorSet {
    let error = known().and_then(|errors| {
        let offset = make::count(py, offset)?;
        Ok(errors.upgrade.bind(py).call1((offset,))?)
    });
    match error {
        Ok(error) => PyErr::from_value(error).into(),
        Err(raised) => raised,
    }
}

fn raised(py: Python<'_>, text: &str, class: impl FnOnce(&Errors) -> &Py<PyType>) -> ErrorSet {
    match known().and_then(|errors| made(py, class(errors), text)) {
        Ok(error) => PyErr::from_value(error).into(),
        Err(raised) => raised,
    }
}

fn made<'py>(py: Python<'py>, class: &Py<PyType>, text: &str) -> Result<Bound<'py, PyAny>, ErrorSet> {
    Ok(class.bind(py).call1((Text(text),))?)
}
