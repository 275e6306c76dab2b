//! The work of `sock_sendfile`: the kernel sends a file, a part at each event, as asyncio does.
//!
//! The checks of arguments before, and the reading of files that the kernel cannot send afterwards, are asyncio's. So are
//! the turns: after each part that the kernel takes, the end of the file included, the next event is waited for.

use std::io::{self, ErrorKind};
use std::os::fd::RawFd;

use pyo3::exceptions::{PyConnectionError, PyException};
use pyo3::prelude::*;
use pyo3::types::PyInt;
use reactor::socket;

use super::attempt::{Attempt, Place};
use crate::error::os_error;
use crate::ffi::call::call_method;
use crate::ffi::detached::detached;
use crate::ffi::instance::Visit;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::imports::SendFile;
use crate::name;

/// A file that is being sent. It is in a box, so that the work of every other operation stays small.
pub(super) struct FileWork {
    file: Object,
    /// The number of the file at the beginning.
    number: RawFd,
    /// The place of the next byte.
    offset: u64,
    /// How many bytes to send at most; `None` stands for all.
    count: Option<u64>,
    /// How many bytes to request at a time without a count.
    size: u64,
    sent: u64,
    is_begun: bool,
}

/// Returns the work for a file, or `None` if asyncio's own code is needed: for a file without a number or a size, and for
/// arguments that the kernel does not take.
pub(super) fn file_work(
    py: Python<'_>,
    file: Borrowed<'_>,
    offset: Borrowed<'_>,
    count: Borrowed<'_>,
) -> Result<Option<Box<FileWork>>, ErrorSet> {
    let Some(offset) = whole(offset) else { return Ok(None) };
    let count = match whole(count).filter(|&count| count > 0) {
        None if !count.is_none() => return Ok(None),
        count => count,
    };
    let Some(number) = number_of(py, file)? else { return Ok(None) };
    let Ok(size) = socket::file_size(number) else { return Ok(None) };
    if count.is_none() && size == 0 {
        return Ok(None);
    }
    let file = file.to_owned().into();
    Ok(Some(Box::new(FileWork { file, number, offset, count, size, sent: 0, is_begun: false })))
}

fn whole(number: Borrowed<'_>) -> Option<u64> {
    number.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// Returns the number of a file object, or `None` if it has none.
fn number_of(py: Python<'_>, file: Borrowed<'_>) -> Result<Option<RawFd>, ErrorSet> {
    match call_method(file, name!("fileno"), &[]) {
        Ok(number) => Ok(number.cast_exact::<PyInt>().ok().and_then(|number| number.extract().ok())),
        Err(raised) => {
            let error = raised.take(py);
            if error.is_instance_of::<PyException>(py) { Ok(None) } else { Err(error.into()) }
        }
    }
}

impl FileWork {
    pub(super) fn visit(&self, visit: &mut Visit) {
        visit.object(&self.file);
    }

    /// Sends the next part. Python code may run.
    pub(super) fn attempt<'py>(&mut self, place: &Place<'_, 'py>) -> Result<Attempt<'py>, ErrorSet> {
        let py = place.py;
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let left = self.count.map_or(self.size, |count| count - self.sent);
        if left == 0 {
            return self.end(place);
        }
        // The number may be another file's by now.
        if !is_first && number_of(py, self.file.bind_borrowed(py))? != Some(self.number) {
            return self.fail(place, &io::Error::from_raw_os_error(libc::EBADF), is_first);
        }
        let (descriptor, file, offset) = (place.descriptor(), self.number, self.offset);
        match detached(py, || socket::send_file(descriptor, file, offset, left)) {
            Ok(0) => self.end(place),
            Ok(sent) => {
                place.owner.counters.bytes_sent.add(sent);
                let sent = u64::try_from(sent).unwrap_or(left);
                self.offset += sent;
                self.sent += sent;
                Ok(Attempt::Wait)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(Attempt::Wait)
            }
            Err(error) => {
                self.set_position(place)?;
                self.fail(place, &error, is_first)
            }
        }
    }

    fn end<'py>(&self, place: &Place<'_, 'py>) -> Result<Attempt<'py>, ErrorSet> {
        self.set_position(place)?;
        Ok(Attempt::done(make::integer(place.py, self.sent.cast_signed())?))
    }

    /// Sets the position of the file behind the last byte that was sent.
    fn set_position(&self, place: &Place<'_, '_>) -> Result<(), ErrorSet> {
        if self.sent > 0 || imports(place).always_moves {
            socket::set_position(self.number, self.offset).map_err(|error| os_error(&error))?;
        }
        Ok(())
    }

    /// Raises asyncio's error for the kernel's. If nothing was sent, the file may be one that has to be read.
    fn fail<'py>(
        &self,
        place: &Place<'_, 'py>,
        error: &io::Error,
        is_first: bool,
    ) -> Result<Attempt<'py>, ErrorSet> {
        let py = place.py;
        if self.sent == 0 {
            let class = imports(place).not_available.bind(py);
            let text = make::text(py, "os.sendfile call failed")?;
            return Err(PyErr::from_value(class.call1((text,))?).into());
        }
        let cause = os_error(error);
        if is_first || error.raw_os_error() != Some(libc::ENOTCONN) {
            return Err(cause.into());
        }
        let arguments =
            (make::text(py, "socket is not connected")?, make::integer(py, libc::ENOTCONN.into())?);
        let lost = PyErr::from_value(py.get_type::<PyConnectionError>().call1(arguments)?);
        lost.set_cause(py, Some(cause));
        Err(lost.into())
    }
}

fn imports(place: &Place<'_, '_>) -> &'static SendFile {
    &place.owner.imports.send_file
}
