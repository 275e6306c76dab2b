//! An endpoint as the functions see it that all transports share.

use std::io;

use pyo3::prelude::*;
use stream::Closing;

use super::end;
use super::state::{Endpoint, Inner, connection_lost_method};
use crate::error::os_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;
use crate::transport::{self, Parts, Transport};

impl Transport for Endpoint {
    type Inner = Inner;

    fn owner(&self) -> &Object<EventLoop> {
        &self.owner
    }

    fn inner(&self) -> &GilCell<Inner> {
        &self.inner
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Datagram
    }

    fn connection_lost_method<'py>(&self, py: Python<'py>) -> PyResult<Argument<'py>> {
        connection_lost_method(py)
    }

    fn forget(&self, py: Python<'_>) -> Closing {
        let (closing, released) = self
            .inner
            .with(py, |inner| (inner.state.lose(), (inner.queue.drain(), std::mem::take(&mut inner.held))));
        drop(released);
        closing
    }

    fn on_unwatchable(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet> {
        end::lose(transport, Some(os_error(error)))
    }

    fn release(transport: Argument<'_>) -> Result<(), ErrorSet> {
        end::release(transport)
    }

    fn represent(transport: Argument<'_>) -> String {
        transport::repr::<Self>(transport, "DatagramTransport")
    }
}

impl transport::Inner for Inner {
    fn start(&mut self) {
        self.state.start();
    }

    #[inline(always)]
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            wanted: self.state.interest(),
            watched: &mut self.watched,
            token: self.token,
            number: self.number,
            is_closing: self.state.is_closing(),
            is_closed: self.socket.is_none(),
            flow: &mut self.flow,
            waiting: self.queue.size(),
            protocol: self.protocol.as_ref(),
            context: &self.context,
        }
    }
}
