//! Views of memory that belongs to an object of the user: bytes to send, and room to receive into.
//!
//! A view keeps the object from being resized. It is held for the length of one system call, never while Python runs.
//! Streams are not known here.

use std::io;
use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;

use crate::ffi::room::Room;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;

/// A contiguous view of an object's memory.
pub(crate) struct View<'py> {
    raw: Box<ffi::Py_buffer>,
    py: Python<'py>,
}

impl<'py> View<'py> {
    /// Returns a view of an object with contiguous bytes. BufferError or TypeError for others.
    pub(crate) fn of(object: Borrowed<'py>) -> Result<Self, ErrorSet> {
        Self::with_flags(object, ffi::PyBUF_SIMPLE)
    }

    /// Returns a view of an object that may be written to.
    pub(crate) fn writable(object: Borrowed<'py>) -> Result<Self, ErrorSet> {
        Self::with_flags(object, ffi::PyBUF_WRITABLE)
    }

    fn with_flags(object: Borrowed<'py>, flags: std::ffi::c_int) -> Result<Self, ErrorSet> {
        let mut raw = Box::new(ffi::Py_buffer::new());
        // SAFETY: a live object and a view to be filled in, which stays where it is.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *raw, flags) } != 0 {
            return Err(ErrorSet::by_interpreter());
        }
        Ok(Self { raw, py: object.py() })
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len.unsigned_abs()
    }

    /// Returns the current bytes. No Python code of this thread may run while the slice is in use. Another thread may
    /// write to the memory meanwhile, which asyncio allows as little: then the bytes that are sent are a mixture, since
    /// they are only handed to the kernel or copied, and nothing is concluded from them.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.len() == 0 {
            return &[];
        }
        // SAFETY: the exporter guarantees this memory until the view is released, and no code of Python's runs meanwhile.
        unsafe { std::slice::from_raw_parts(self.raw.buf.cast(), self.len()) }
    }

    /// Returns the memory to write to. The view must be a writable one. No Python code may run while the slice is in
    /// use.
    pub(crate) fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.len() == 0 || self.raw.readonly != 0 {
            return &mut [];
        }
        // SAFETY: as above; the exporter gave the memory for writing.
        unsafe { std::slice::from_raw_parts_mut(self.raw.buf.cast(), self.len()) }
    }
}

impl View<'_> {
    /// Returns the memory to write to, in which the values that are not written over stay.
    pub(crate) fn fillable(&mut self) -> Room<'_> {
        // SAFETY: an object of Python's has values in all of its memory.
        unsafe { Room::over(self.room()) }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        debug_assert!(self.py.version_info().major >= 3);
        // SAFETY: filled in by `PyObject_GetBuffer` and released once, attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.raw) }
    }
}

/// The most bytes that one read through the loop's buffer returns: asyncio's `max_size`.
const INBOUND: usize = 256 * 1024;

/// The loop's one receive buffer, allocated at the first read: idle connections have none.
#[derive(Default)]
pub(crate) struct Inbound(Vec<MaybeUninit<u8>>);

impl Inbound {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the bytes that `fill` has written. It gets the whole buffer.
    #[inline(always)]
    pub(crate) fn receive(
        &mut self,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]>,
    ) -> io::Result<&[u8]> {
        if self.0.is_empty() {
            self.0.try_reserve_exact(INBOUND).map_err(|_| io::ErrorKind::OutOfMemory)?;
            self.0.resize(INBOUND, MaybeUninit::uninit());
        }
        fill(&mut self.0).map(|filled| &*filled)
    }
}

/// Appends received bytes to a bytearray, in place. Without the GIL the array is locked meanwhile: another thread that
/// uses the reader, which is not allowed, finds the bytes whole or not at all.
pub(crate) fn extend(array: &Bound<'_, pyo3::types::PyByteArray>, content: &[u8]) -> PyResult<()> {
    with_critical_section(array, || {
        let before = array.len();
        array.resize(before + content.len())?;
        // SAFETY: the memory after the old end is ours to fill. No Python code runs meanwhile, and nothing waits, so the
        // section is not left between the two steps.
        let room = unsafe { array.as_bytes_mut() };
        let Some(end) = room.get_mut(before..) else { return Ok(()) };
        end.copy_from_slice(content);
        Ok(())
    })
}
