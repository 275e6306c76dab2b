//! `Folder`: a descriptor of a folder, below which files are opened.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use pyo3::prelude::*;
use reactor::Reach;

use crate::error::os_error;
use crate::ffi::make;

/// A folder whose files are served. It stays the same folder, whatever its path comes to lead to.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "Folder")]
pub(super) struct Folder {
    descriptor: File,
    follows_links: bool,
}

#[pymethods]
impl Folder {
    /// Opens a folder. OSError if that is not possible, or if it is another kind of file.
    #[new]
    fn new(path: PathBuf, follow_symlinks: bool) -> PyResult<Self> {
        // Only a folder has a name with a slash at its end.
        let descriptor = File::open(path.join("")).map_err(|error| os_error(&error))?;
        Ok(Self { descriptor, follows_links: follow_symlinks })
    }

    /// Return the descriptor.
    fn fileno<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::integer(py, self.descriptor.as_raw_fd().into())?)
    }

    /// Whether symbolic links are followed, also out of the folder.
    #[getter]
    fn follow_symlinks(&self) -> bool {
        self.follows_links
    }
}

impl Folder {
    /// Returns how far a path from here may lead.
    pub(super) fn reach(&self) -> Reach<'_> {
        if self.follows_links {
            Reach::From(self.descriptor.as_fd())
        } else {
            Reach::Below(self.descriptor.as_fd())
        }
    }
}
