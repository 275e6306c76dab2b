//! What both parsers have in common: the state between two calls, the protocol, the leniencies.

use http::{MessageLimits, MessageParser, Role};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::callbacks::Callbacks;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::this::{ByPyO3, Held};

/// httptools has no limits. These leave room for what programs behind it send, and bound what a peer can make them keep.
const LIMITS: MessageLimits = MessageLimits {
    // What parse_url takes.
    start_line_bytes: 65_535,
    // Several large cookies and tokens.
    head_bytes: 256 * 1024,
    fields: 256,
    // Extensions are hardly ever used.
    chunk_extension_bytes: 4096,
};

/// What a parser knows between two calls.
pub(super) struct State {
    pub(super) parser: MessageParser,
    /// Absent before `__init__`, and while `feed_data()` uses them.
    pub(super) callbacks: Option<Box<Callbacks>>,
    /// The text of the error of a callback that has raised.
    pub(super) failure: Option<&'static str>,
    /// Whether `feed_data()` runs.
    pub(super) is_feeding: bool,
    /// Whether neither `__init__` nor `feed_data()` was called.
    pub(super) is_new: bool,
}

impl State {
    fn new(role: Role) -> Self {
        Self {
            parser: MessageParser::new(role, &LIMITS),
            callbacks: None,
            failure: None,
            is_feeding: false,
            is_new: true,
        }
    }
}

/// What both parsers have in common.
#[pyclass(frozen, subclass, weakref, module = "vitok._native")]
pub(crate) struct HttpParser {
    role: Role,
    pub(super) state: ClassCell<State>,
}

impl Held for HttpParser {
    type Layout = ByPyO3;
}

impl HttpParser {
    pub(super) fn new(role: Role) -> Self {
        Self { role, state: ClassCell::new(State::new(role)) }
    }
}

#[pymethods]
impl HttpParser {
    fn __init__(&self, py: Python<'_>, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        let callbacks = Box::new(Callbacks::of(protocol, self.role == Role::Response)?);
        let replaced = self.state.with(py, |state| {
            // A parser that was used begins anew.
            let fresh = (!state.is_new).then(|| State::new(self.role));
            let is_feeding = state.is_feeding;
            let replaced = fresh.map(|fresh| std::mem::replace(state, fresh));
            (state.callbacks, state.is_feeding, state.is_new) = (Some(callbacks), is_feeding, false);
            replaced
        });
        drop(replaced);
        Ok(())
    }

    /// Allow what is not allowed otherwise. Of httptools' leniencies there are three: for folded lines in headers, and
    /// for data after a message that is the last on its connection.
    #[pyo3(signature = (
        lenient_headers = None,
        lenient_chunked_length = None,
        lenient_keep_alive = None,
        lenient_transfer_encoding = None,
        lenient_version = None,
        lenient_data_after_close = None,
        lenient_optional_lf_after_cr = None,
        lenient_optional_cr_before_lf = None,
        lenient_optional_crlf_after_chunk = None,
        lenient_spaces_after_chunk_size = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "the signature is httptools'")]
    fn set_dangerous_leniencies(
        &self,
        py: Python<'_>,
        lenient_headers: Option<bool>,
        lenient_chunked_length: Option<bool>,
        lenient_keep_alive: Option<bool>,
        lenient_transfer_encoding: Option<bool>,
        lenient_version: Option<bool>,
        lenient_data_after_close: Option<bool>,
        lenient_optional_lf_after_cr: Option<bool>,
        lenient_optional_cr_before_lf: Option<bool>,
        lenient_optional_crlf_after_chunk: Option<bool>,
        lenient_spaces_after_chunk_size: Option<bool>,
    ) -> PyResult<()> {
        let refused = [
            ("lenient_chunked_length", lenient_chunked_length),
            ("lenient_transfer_encoding", lenient_transfer_encoding),
            ("lenient_version", lenient_version),
            ("lenient_optional_lf_after_cr", lenient_optional_lf_after_cr),
            ("lenient_optional_cr_before_lf", lenient_optional_cr_before_lf),
            ("lenient_optional_crlf_after_chunk", lenient_optional_crlf_after_chunk),
            ("lenient_spaces_after_chunk_size", lenient_spaces_after_chunk_size),
        ];
        if let Some((name, _)) = refused.iter().find(|(_, value)| *value == Some(true)) {
            return Err(new_error::<PyValueError>(format!(
                "{name} is not supported: it allows request smuggling"
            )));
        }
        self.state.with(py, |state| {
            if let Some(allow) = lenient_headers {
                state.parser.allow_folds(allow);
            }
            if let Some(go_on) = lenient_keep_alive {
                state.parser.go_on_after_close(go_on);
            }
            if let Some(discard) = lenient_data_after_close {
                state.parser.discard_after_close(discard);
            }
        });
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let visited = self.state.peek(|state| match &state.callbacks {
            Some(callbacks) => callbacks.traverse(&visit),
            None => Ok(()),
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let callbacks = self.state.with(py, |state| state.callbacks.take());
        drop(callbacks);
    }
}
