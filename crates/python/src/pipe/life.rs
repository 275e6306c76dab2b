//! A pipe as the functions see it that all transports share.

use std::io;

use pyo3::prelude::*;
use stream::Closing;

use super::state::{Inner, Pipe, class_of};
use super::{end, info};
use crate::error::os_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::this::value_of;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::protocol;
use crate::registry::SourceKind;
use crate::transport::{self, Parts, Transport};

impl Transport for Pipe {
    type Inner = Inner;

    fn owner(&self) -> &Object<EventLoop> {
        &self.owner
    }

    fn inner(&self) -> &GilCell<Inner> {
        &self.inner
    }

    fn kind(&self) -> SourceKind {
        self.kind
    }

    fn connection_lost_method<'py>(&self, py: Python<'py>) -> PyResult<Argument<'py>> {
        Ok(class_of(py, self.kind)?.connection_lost.bind_borrowed(py))
    }

    fn forget(&self, py: Python<'_>) -> Closing {
        self.inner.with(py, |inner| {
            inner.queue.clear();
            inner.end.state.lose()
        })
    }

    fn on_unwatchable(transport: Argument<'_>, error: &io::Error) -> Result<(), ErrorSet> {
        let py = transport.py();
        let pipe = value_of::<Self>(transport);
        // A device that cannot be waited for, as /dev/null: asyncio reports it, too.
        let error = os_error(error);
        let protocol = pipe.callee(py).map(|callee| callee.protocol);
        let message = "Fatal error on pipe transport";
        let told = protocol::report(pipe.owner.bind(py), message, &error, transport, protocol.as_ref());
        let told = told.map_err(|raised| raised.take(py));
        end::lose(transport, Some(error))?;
        Ok(told?)
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
        self.end.start();
    }

    #[inline(always)]
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            wanted: self.end.interest(),
            watched: &mut self.watched,
            token: self.token,
            number: self.descriptor,
            is_closing: self.end.state.is_closing(),
            is_closed: self.file.is_none(),
            flow: &mut self.flow,
            waiting: self.queue.len(),
            protocol: self.protocol.as_ref(),
            context: &self.context,
        }
    }
}
