//! The end of a pipe: closes its file, and ends the other half of the pipe.

use std::io;

use pyo3::prelude::*;
use reactor::{file_behind, set_blocking};

use super::state::{Nonblocking, Pipe, open_descriptor};
use crate::error::os_error;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{self, alive};

/// Closes the file object, once.
pub(super) fn close_file(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let given_back = give_back_flag(pipe).map_err(|raised| raised.take(pipe.py()));
    let (file, nonblocking) = pipe.inner.with(pipe.py(), |inner| {
        (inner.file.take(), std::mem::replace(&mut inner.nonblocking, Nonblocking::AsItIs))
    });
    drop(nonblocking);
    if let Some(file) = file {
        file.bind(pipe.py()).call_method0(name!("close"))?;
    }
    Ok(given_back?)
}

/// Makes the file block again, for the processes that share it, if it does not because of this transport.
fn give_back_flag(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
    let is_flagged = pipe.inner.with(pipe.py(), |inner| matches!(inner.nonblocking, Nonblocking::Flagged));
    if !is_flagged {
        return Ok(());
    }
    let descriptor = open_descriptor(pipe)?;
    if set_blocking(descriptor.raw(), true).is_err() {
        // The file was closed meanwhile, so that there is nothing to give back.
        pipe.inner.with(pipe.py(), |inner| inner.nonblocking = Nonblocking::AsItIs);
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
