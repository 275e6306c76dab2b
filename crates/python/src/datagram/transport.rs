//! The interface of an endpoint to the functions that all transports share.

use pyo3::prelude::*;
use stream::State;

use super::state::{CLASSES, Endpoint, Inner};
use super::{end, read};
use crate::ffi::instance::{Class, Visit};
use crate::ffi::socket_object::SocketObject;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::transport::{self, Common, repr};

impl transport::Inner for Inner {
    fn classes() -> &'static [Class<Endpoint>] {
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
        self.queue.size()
    }

    fn is_closed(&self) -> bool {
        self.socket.is_none()
    }

    fn visit(&self, visit: &mut Visit) {
        self.common.visit(visit);
        visit.maybe(self.socket.as_ref().map(SocketObject::object));
        visit.maybe(self.remote.as_ref());
        visit.object(&self.extra);
        // The other addresses are Rust values of text and numbers, without references.
        self.queue.iter().for_each(|(_, target)| visit.maybe(target.name()));
    }

    fn clear(endpoint: &Endpoint, py: Python<'_>) {
        let remote = endpoint.inner.with(py, |inner| inner.remote.take());
        drop(remote);
        Self::discard(endpoint, py);
    }

    fn deliver_later(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
        read::schedule_held(endpoint)
    }

    fn discard(endpoint: &Endpoint, py: Python<'_>) {
        let discarded =
            endpoint.inner.with(py, |inner| (inner.queue.drain(), std::mem::take(&mut inner.held)));
        drop(discarded);
    }

    fn close_descriptor(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
        end::close_socket(endpoint)
    }

    fn represent(endpoint: This<'_, Endpoint>) -> String {
        repr(endpoint, "DatagramTransport")
    }
}
