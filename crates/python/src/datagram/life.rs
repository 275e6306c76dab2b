//! An endpoint as the functions see it that all transports share.

use std::io;

use pyo3::prelude::*;
use stream::Closing;

use super::{Body, Endpoint, class, end};
use crate::error::os_error;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::loop_state::EventLoop;
use crate::transport::{self, Parts, Transport};
use crate::watches::Kind;

impl Transport for Endpoint {
    type Body = Body;

    fn owner(&self) -> &Object<EventLoop> {
        &self.owner
    }

    fn body(&self) -> &Owned<Body> {
        &self.body
    }

    fn kind(&self) -> Kind {
        Kind::Datagram
    }

    fn connection_lost_method<'py>(&self, py: Python<'py>) -> PyResult<Argument<'py>> {
        class::connection_lost_method(py)
    }

    fn forget(&self, py: Python<'_>) -> Closing {
        let (closing, released) = self
            .body
            .with(py, |body| (body.state.lose(), (body.queue.drain(), std::mem::take(&mut body.held))));
        drop(released);
        closing
    }

    fn on_unwatchable(transport: Argument<'_>, error: &io::Error) -> Result<(), Raised> {
        end::lose(transport, Some(os_error(error)))
    }

    fn release(transport: Argument<'_>) -> Result<(), Raised> {
        end::release(transport)
    }

    fn represent(transport: Argument<'_>) -> String {
        transport::describe::<Self>(transport, "DatagramTransport")
    }
}

impl transport::Body for Body {
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
