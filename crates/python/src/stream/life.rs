//! A stream as the functions see it that all transports share.

use std::io;

use pyo3::prelude::*;
use stream::Closing;

use super::{Inner, Socket, Stream, class, end, info};
use crate::error::os_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;
use crate::transport::{self, Parts, Transport};

impl Transport for Stream {
    type Inner = Inner;

    fn owner(&self) -> &Object<EventLoop> {
        &self.owner
    }

    fn inner(&self) -> &GilCell<Inner> {
        &self.inner
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Stream
    }

    fn connection_lost_method<'py>(&self, py: Python<'py>) -> PyResult<Argument<'py>> {
        class::connection_lost_method(py)
    }

    fn forget(&self, py: Python<'_>) -> Closing {
        self.inner.with(py, |inner| {
            inner.queue.clear();
            inner.state.lose()
        })
    }

    fn on_unwatchable(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet> {
        end::lose(transport, Some(os_error(error)))
    }

    fn release(transport: Argument<'_>) -> Result<(), ErrorSet> {
        end::release(transport)
    }

    fn represent(transport: Argument<'_>) -> String {
        info::represent(transport)
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
            is_closed: matches!(self.socket, Socket::Closed),
            flow: &mut self.flow,
            waiting: self.queue.len(),
            protocol: self.protocol.as_ref(),
            context: &self.context,
        }
    }
}
