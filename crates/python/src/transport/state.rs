//! The value of every transport, and the functions that each kind provides.
//!
//! The trait's functions are called with no borrow alive, unless they take `&self` or `&mut self`.

use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::{Interest, Token};
use stream::{Flow, State};

use crate::ffi::call::copy_context;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{Class, Visit};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::protocol::Callee;
use crate::registry::SourceKind;

/// The value inside the object of a transport.
pub(crate) struct Transport<I: Inner> {
    pub(crate) owner: Object<EventLoop>,
    /// The kind under which the table of descriptors has the transport.
    pub(crate) kind: SourceKind,
    pub(crate) inner: GilCell<I>,
}

/// The mutable part of a transport: of a stream, of datagrams, of a pipe.
pub(crate) trait Inner: Sized + Send + 'static {
    /// The classes of these transports: statics.
    fn classes() -> &'static [Class<Transport<Self>>];

    /// Returns the class for a kind.
    fn class_of(_kind: SourceKind) -> &'static Class<Transport<Self>> {
        &Self::classes()[0]
    }

    fn common(&mut self) -> &mut Common;

    fn state(&mut self) -> &mut State;

    /// Returns the number of bytes in the queue, as `get_write_buffer_size()` counts them. 0 if the queue is empty.
    fn waiting(&self) -> usize;

    /// Returns whether the descriptor is closed.
    fn is_closed(&self) -> bool;

    /// Records that `connection_made` was called.
    fn start(&mut self) {
        self.state().start();
    }

    /// Returns the events to ask the kernel for.
    #[inline(always)]
    fn interest(&mut self) -> stream::Interest {
        self.state().interest()
    }

    /// Shows the collector the objects of this kind.
    fn visit(&self, visit: &mut Visit);

    /// Releases the objects that may be part of a cycle, except the protocol.
    fn clear(_transport: &Transport<Self>, _py: Python<'_>) {}

    /// Replaces the protocol, and returns the one before. How bytes are passed to it changes in the same borrow: those
    /// for one kind of protocol must not reach another.
    fn replace_protocol(
        transport: This<'_, Transport<Self>>,
        protocol: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Object>> {
        let protocol = protocol.clone().into();
        Ok(transport.inner.with(transport.py(), |inner| inner.common().protocol.replace(protocol)))
    }

    /// Schedules the delivery of held data after `resume_reading()`.
    fn deliver_later(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Offers the bytes that were gathered during the turn to the kernel.
    fn flush(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Discards data that waits to be sent or delivered.
    fn discard(transport: &Transport<Self>, py: Python<'_>);

    /// Wakes the tasks that wait for the queue to be empty.
    fn on_drained(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Ends the sending side after all bytes from before `write_eof()` are sent.
    fn shut_down(_transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Reports that the kernel refuses to watch the descriptor, which ends the transport.
    fn report_unwatchable(_transport: This<'_, Transport<Self>>, _error: &PyErr) -> PyResult<()> {
        Ok(())
    }

    /// Closes the descriptor.
    fn close_descriptor(transport: This<'_, Transport<Self>>) -> Result<(), ErrorSet>;

    /// Does the steps after the descriptor is closed. `has_other_half`: another transport, of the other half of a pipe,
    /// has the same number.
    fn after_close(_transport: This<'_, Transport<Self>>, _has_other_half: bool) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Returns the representation, as asyncio writes it.
    fn represent(transport: This<'_, Transport<Self>>) -> String;
}

/// The common fields of all transports.
pub(crate) struct Common {
    pub(crate) flow: Flow,
    /// The events that the kernel was asked for last.
    pub(crate) watched: Interest,
    /// The number of the descriptor when the transport was created.
    pub(crate) number: RawFd,
    pub(crate) token: Option<Token>,
    /// Whether the loop will flush the transport at the end of its turn.
    pub(crate) is_listed: bool,
    pub(crate) protocol: Option<Object>,
    pub(crate) context: Object,
}

impl Common {
    /// Creates the fields for a transport that is not in the table of descriptors yet. The default context is a copy of
    /// the current one.
    pub(crate) fn new(
        number: RawFd,
        protocol: Bound<'_, PyAny>,
        context: Option<Bound<'_, PyAny>>,
    ) -> Result<Self, ErrorSet> {
        let context = match context {
            Some(context) => context,
            None => copy_context(protocol.py())?,
        };
        Ok(Self {
            flow: Flow::new(),
            watched: Interest::NONE,
            number,
            token: None,
            is_listed: false,
            protocol: Some(protocol.into()),
            context: context.into(),
        })
    }

    /// Shows the collector the objects.
    pub(crate) fn visit(&self, visit: &mut Visit) {
        visit.maybe(self.protocol.as_ref());
        visit.object(&self.context);
    }

    /// Returns the protocol with its context; `None` once it is gone.
    #[inline(always)]
    pub(crate) fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        let protocol = self.protocol.as_ref()?.bind(py).clone();
        Some(Callee { protocol, context: self.context.bind(py).clone() })
    }
}

impl<I: Inner> Transport<I> {
    /// Returns the protocol with its context; `None` once it is gone.
    #[inline(always)]
    pub(crate) fn callee<'py>(&self, py: Python<'py>) -> Option<Callee<'py>> {
        self.inner.with(py, |inner| inner.common().callee(py))
    }
}
