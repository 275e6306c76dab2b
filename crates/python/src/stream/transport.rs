//! The interface of a stream to the functions that all transports share.

use pyo3::prelude::*;
use stream::State;

use super::reader::read_mode_of;
use super::state::{CLASSES, Inner, Socket, Stream};
use super::{end, write};
use crate::ffi::instance::{Class, Visit};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{self, Common, repr};

impl transport::Inner for Inner {
    fn classes() -> &'static [Class<Stream>] {
        &CLASSES
    }

    #[inline(always)]
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }

    #[inline(always)]
    fn state(&mut self) -> &mut State {
        &mut self.state
    }

    #[inline(always)]
    fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn is_closed(&self) -> bool {
        matches!(self.socket, Socket::Closed)
    }

    fn visit(&self, visit: &mut Visit) {
        self.common.visit(visit);
        if let Some(served) = &self.server {
            served.visit(visit);
        }
        visit.maybe(self.file_waiter.as_ref());
        if let Socket::Object(object) = &self.socket {
            visit.object(object.object());
        }
        visit.maybe(self.extra.known.as_ref());
    }

    fn clear(stream: &Stream, py: Python<'_>) {
        let released = stream
            .inner
            .with(py, |inner| (inner.server.take(), inner.file_waiter.take(), inner.extra.known.take()));
        drop(released);
    }

    fn replace_protocol(stream: This<'_, Stream>, protocol: &Bound<'_, PyAny>) -> PyResult<Option<Object>> {
        let read_mode = read_mode_of(stream.owner.bind(stream.py()), protocol)?;
        let protocol = protocol.clone().into();
        Ok(stream.inner.with(stream.py(), |inner| {
            inner.read_mode = read_mode;
            inner.common.protocol.replace(protocol)
        }))
    }

    #[inline]
    fn flush(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
        write::flush(stream)
    }

    fn discard(stream: &Stream, py: Python<'_>) {
        stream.inner.with(py, |inner| inner.queue.clear());
    }

    fn on_drained(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
        write::wake_sender(stream)
    }

    fn shut_down(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
        write::shut_down(stream)
    }

    fn close_descriptor(stream: This<'_, Stream>) -> Result<(), ErrorSet> {
        end::close_socket(stream)
    }

    fn after_close(stream: This<'_, Stream>, _has_other_half: bool) -> Result<(), ErrorSet> {
        end::after_close(stream)
    }

    fn represent(stream: This<'_, Stream>) -> String {
        repr(stream, "SocketTransport")
    }
}
