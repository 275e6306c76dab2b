//! Responses from files: what a file says in a response, and files that are sent at once.
//!
//! A file that is small, and that the kernel has in memory, is opened, read and sent by the thread of the loop, without
//! a task. Everything else is Python's (`vitok.http.native.file_responses`), by the same rules (`describe`).
//!
//! | File          | What                                                                  |
//! |---------------|-----------------------------------------------------------------------|
//! | `small`       | the whole response from a small file                                  |
//! | `describe`    | status, fields and pieces of a response from a file                   |
//! | `source`      | `FileSource`: a file that is to be sent, opened or not                |
//! | `folder`      | `Folder`: the only files below which others may be opened             |

mod describe;
mod folder;
mod small;
mod source;

use pyo3::prelude::*;

pub(super) use self::small::answer;
pub(super) use self::source::FileSource;

/// Adds the classes to the module.
pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<folder::Folder>()?;
    module.add_class::<FileSource>()
}
