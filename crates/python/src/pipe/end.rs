//! The end of a pipe: closes its file, and ends the other half of the pipe.

use std::io;

use pyo3::prelude::*;
use reactor::file_behind;

use super::state::Pipe;
use crate::error::os_error;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{self, alive};

/// Closes the file object, once.
pub(super) fn close_file(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let file = pipe.inner.with(pipe.py(), |inner| inner.file.take());
    if let Some(file) = file {
        file.bind(pipe.py()).call_method0(name!("close"))?;
    }
    Ok(())
}

/// Loses another transport with the same number if its file was closed: it must not write to the next file with that
/// number.
#[cold]
pub(super) fn lose_other_half(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let py = pipe.py();
    let descriptor = pipe.inner.with(py, |inner| inner.common.number);
    if file_behind(descriptor).is_some() {
        return Ok(());
    }
    let held =
        pipe.owner.get().registry.with(py, |registry| {
            registry.table.source_of(descriptor).map(|other| other.object.clone_ref(py))
        });
    let Some(other) = held.and_then(|held| alive(held.into_bound(py))) else { return Ok(()) };
    let Some(other) = This::<Pipe>::cast(other.as_borrowed()) else { return Ok(()) };
    let closed = io::Error::from_raw_os_error(libc::EBADF);
    transport::force_close(other, Some(os_error(&closed)))
}
