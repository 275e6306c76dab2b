//! The interface of a pipe to the functions that all transports share.

use pyo3::prelude::*;
use stream::State;

use super::state::{CLASSES, Inner, Pipe};
use super::{end, info, write};
use crate::ffi::instance::{Class, Visit};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::registry::SourceKind;
use crate::transport::{self, Common, report_fatal};

impl transport::Inner for Inner {
    fn classes() -> &'static [Class<Pipe>] {
        &CLASSES
    }

    fn class_of(kind: SourceKind) -> &'static Class<Pipe> {
        &CLASSES[usize::from(kind == SourceKind::WritePipe)]
    }

    #[inline(always)]
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }

    #[inline(always)]
    fn state(&mut self) -> &mut State {
        &mut self.end.state
    }

    #[inline(always)]
    fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn is_closed(&self) -> bool {
        self.file.is_none()
    }

    fn start(&mut self) {
        self.end.start();
    }

    #[inline(always)]
    fn interest(&mut self) -> stream::Interest {
        let interest = self.end.interest();
        stream::Interest { readable: interest.readable && !self.asks_protocol, ..interest }
    }

    fn visit(&self, visit: &mut Visit) {
        self.common.visit(visit);
        visit.maybe(self.file.as_ref());
        visit.object(&self.extra);
    }

    fn flush(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
        write::flush(pipe)
    }

    fn discard(pipe: &Pipe, py: Python<'_>) {
        pipe.inner.with(py, |inner| inner.queue.clear());
    }

    /// The kernel cannot watch some devices, such as /dev/null. asyncio reports the error as well.
    fn report_unwatchable(pipe: This<'_, Pipe>, error: &PyErr) -> PyResult<()> {
        report_fatal(pipe, error, "Fatal error on pipe transport", false)
    }

    fn close_descriptor(pipe: This<'_, Pipe>) -> Result<(), ErrorSet> {
        end::close_file(pipe)
    }

    fn after_close(pipe: This<'_, Pipe>, has_other_half: bool) -> Result<(), ErrorSet> {
        if has_other_half { end::lose_other_half(pipe) } else { Ok(()) }
    }

    fn represent(pipe: This<'_, Pipe>) -> String {
        info::represent(pipe)
    }
}
