//! `FileSource`: the source of a response from a file: its path and options, and the file once it is open.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use content::file_answer::Piece;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use reactor::{Reach, open_cached};

use super::describe::{Described, Facts, Options};
use super::folder::Folder;
use crate::error::os_error;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::make;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// A file that a response is made from.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "FileSource")]
pub(in crate::server::native) struct FileSource {
    path: CString,
    folder: Option<Py<Folder>>,
    pub(super) options: Options,
    opened: ClassCell<Option<Opened>>,
}

/// A file that is open, and regular.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) facts: Facts,
}

/// What there is at a path.
pub(super) enum Found {
    File,
    Folder,
    /// Nothing, a file of another kind, or one that can't be opened.
    Missing,
    /// A thread that may wait has to look.
    Unknown,
}

#[pymethods]
impl FileSource {
    /// Creates a source. ValueError for a path with NUL.
    #[new]
    #[pyo3(signature = (path, folder, content_type, disposition, cache_control, has_etag, has_last_modified))]
    fn new(
        path: PathBuf,
        folder: Option<Py<Folder>>,
        content_type: &str,
        disposition: Option<&str>,
        cache_control: Option<&str>,
        has_etag: bool,
        has_last_modified: bool,
    ) -> PyResult<Self> {
        let path = CString::new(path.into_os_string().into_vec())
            .map_err(|_| new_error::<PyValueError>("the path of a file has no NUL"))?;
        let value = |text: &str| text.as_bytes().into();
        let options = Options {
            content_type: value(content_type),
            disposition: disposition.map(value),
            cache_control: cache_control.map(value),
            has_etag,
            has_last_modified,
        };
        Ok(Self { path, folder, options, opened: ClassCell::new(None) })
    }

    /// The path, from the folder on if there is one.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(make::file_name(py, self.path.as_bytes())?)
    }

    /// The folder that the path begins in, or None.
    #[getter]
    fn folder<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Folder>> {
        self.folder.as_ref().map(|folder| folder.bind(py).clone())
    }

    /// Return what there is at the path: "file", which is open then, "folder", "missing" or None if a thread that may wait
    /// for a disk has to look.
    fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = match self.find(py)? {
            Found::File => name!("file"),
            Found::Folder => name!("folder"),
            Found::Missing => name!("missing"),
            Found::Unknown => return Ok(py.None().into_bound(py)),
        };
        Ok(text.bind(py).clone().into_any())
    }

    /// Return the descriptor of the open file, which the caller closes, or None if none is open.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.opened.with(py, Option::take) {
            Some(opened) => Ok(make::integer(py, opened.file.into_raw_fd().into())?),
            None => Ok(py.None().into_bound(py)),
        }
    }

    /// Return the response to a request: its status, the fields to be set in it, and the pieces of its content: bytes, and
    /// parts of the file as pairs of offset and count.
    ///
    /// The file has this size, and was last changed at these seconds and nanoseconds.
    fn describe<'py>(
        &self,
        response: &Bound<'py, PyAny>,
        method: &str,
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        size: u64,
        modified: (i64, i64),
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = response.py();
        let status: u16 = response.getattr(name!("status"))?.extract()?;
        let known: Vec<(Vec<u8>, Vec<u8>)> = response.getattr(name!("raw_headers"))?.extract()?;
        let known =
            |name: &[u8]| known.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let fields = fields.iter().map(|(name, value)| (&name[..], &value[..]));
        let facts = Facts { size, modified };
        let described = Described::new(&self.options, facts, status, method.as_bytes(), fields, known);
        Ok(shown(py, &described)?)
    }
}

impl FileSource {
    /// Takes the open file.
    pub(super) fn take_opened(&self, py: Python<'_>) -> Option<Opened> {
        self.opened.with(py, Option::take)
    }

    /// Puts the open file back.
    pub(super) fn put_back(&self, py: Python<'_>, opened: Opened) {
        let before = self.opened.with(py, |place| place.replace(opened));
        drop(before);
    }

    /// Opens the file, unless that has happened, as far as nobody has to wait.
    pub(super) fn find(&self, py: Python<'_>) -> PyResult<Found> {
        if self.opened.with(py, |opened| opened.is_some()) {
            return Ok(Found::File);
        }
        let reach = self.folder.as_ref().map_or(Reach::Anywhere, |folder| folder.get().reach());
        let file = match open_cached(&self.path, reach) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Found::Unknown),
            Err(error) if is_missing(&error) => return Ok(Found::Missing),
            Err(error) => return Err(os_error(&error)),
        };
        let status = file.metadata().map_err(|error| os_error(&error))?;
        if status.is_dir() {
            return Ok(Found::Folder);
        }
        if !status.is_file() {
            return Ok(Found::Missing);
        }
        let facts = Facts { size: status.len(), modified: (status.mtime(), status.mtime_nsec()) };
        self.put_back(py, Opened { file, facts });
        Ok(Found::File)
    }
}

/// Returns whether an error means that there is no such file for a client: a lack of descriptors, for example, does not.
/// `ENXIO` is a socket's.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENOENT
                | libc::ENOTDIR
                | libc::EACCES
                | libc::ELOOP
                | libc::EXDEV
                | libc::ENAMETOOLONG
                | libc::ENXIO
        )
    )
}

/// Returns a description as Python's objects.
fn shown<'py>(py: Python<'py>, described: &Described) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let number = |number: u64| make::integer(py, i64::try_from(number).map_err(PyErr::from)?);
    let fields: Result<Vec<_>, ErrorSet> = described
        .fields
        .iter()
        .map(|(name, value)| {
            let pair = [make::latin_1(py, name)?.into_any(), make::latin_1(py, value)?.into_any()];
            Ok(make::tuple(py, pair)?.into_any())
        })
        .collect();
    let pieces: Result<Vec<_>, ErrorSet> = described
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Ok(make::bytes(py, text.as_bytes())?.into_any()),
            Piece::File(range) => {
                let pair = [number(range.start)?, number(range.end - range.start)?];
                Ok(make::tuple(py, pair)?.into_any())
            }
        })
        .collect();
    let parts = [
        make::integer(py, described.status.into())?,
        make::list(py, fields?)?.into_any(),
        make::list(py, pieces?)?.into_any(),
    ];
    Ok(make::tuple(py, parts)?.into_any())
}
