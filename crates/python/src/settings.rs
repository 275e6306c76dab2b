//! What a program has set on its loop, and values that are kept while the loop runs.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

/// Settings of the program, and values kept for speed while the loop runs.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) task_factory: Option<Py<PyAny>>,
    pub(crate) current_handle: Option<Py<PyAny>>,
    /// The keywords of futures and tasks, and of eager tasks. They exist only while the loop runs, so that no cycle
    /// outlives a run.
    pub(crate) keywords: [Option<Py<PyDict>>; 2],
}

impl Settings {
    /// Visits the objects, for the garbage collector.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.task_factory)?;
        visit.call(&self.current_handle)?;
        self.keywords.iter().try_for_each(|keywords| visit.call(keywords))
    }
}
